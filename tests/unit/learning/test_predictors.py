"""Predictors: what they see, what they learn, and when a new version may serve."""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.learning.recordings import read_recording
from stonechat.learning.features import Example, KnownRewards, describe, frequent_levels, terms
from stonechat.learning.predictors import Predictor, score
from stonechat.learning.training import FEWEST, known_at, retrain, train
from tests.support.recordings import recording

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
MATURITY = timedelta(hours=48)
TOPICS = {"sleep": 1.5, "light": 0.0, "food": -1.5}


def posts(count: int, seed: int = 1, *, strength: float = 1.0) -> list[Example]:
    """One post every three hours; sleep does well, food badly, and the account grows."""
    rng = random.Random(seed)
    made = []
    for at in range(count):
        topic = rng.choice(sorted(TOPICS))
        filler = " ".join(rng.choice(("morning", "habit", "people", "room", "walk")) for _ in range(6))
        value = 4 + at / 200 + strength * TOPICS[topic] + rng.gauss(0, 0.5)
        made.append(Example(f"On {topic}: {filler}", START + timedelta(hours=3 * at), value))
    return made


def test_terms_leave_out_links_and_keep_hashtags_handles_and_pairs() -> None:
    example = Example("Sleep #Early with @me https://t.co/x1", START)
    assert terms(example) == ["sleep", "#early", "with", "@me", "sleep #early", "#early with", "with @me"]


def test_only_levels_of_several_posts_have_a_column() -> None:
    made = [Example("", START, 1.0, {"hook": "fact"})] * 3 + [Example("", START, 1.0, {"hook": "list"})]
    assert frequent_levels(made) == [("hook", "fact")]


def test_nothing_that_became_known_later_changes_a_prediction() -> None:
    before, after = posts(160), posts(160)
    for at in range(120, 160):  # rewrite the future, and what was not known when row 120 was posted
        after[at] = Example("something else entirely", after[at].at, 99.0)
    for at in range(120 - 15, 120):
        after[at] = Example(after[at].text, after[at].at, -99.0)
    predictor = train(before[:80], MATURITY)
    assert predictor.predict(before, 100)[:20] == predictor.predict(after, 100)[:20]
    assert predictor.predict(before, 100)[-1] != predictor.predict(after, 100)[-1]


def test_a_level_follows_what_was_known_and_nothing_else() -> None:
    made = posts(40)
    history = KnownRewards(made, MATURITY)
    assert [int(n) for n in history.known[:18]] == [0] * 16 + [1, 2]  # a reward takes 16 posts to be known
    means = history.weighted_means(history.values, 1.0, first=7.0)
    assert means[0] == 7.0
    assert means[16] == pytest.approx(made[0].value)
    assert means[17] == pytest.approx((made[0].value / 2 + made[1].value) / 1.5)  # type: ignore[operator]


def test_drafts_for_one_slot_do_not_see_each_other() -> None:
    history = posts(80)
    slot = history[-1].at + timedelta(hours=5)
    draft, other = Example("On sleep: a walk", slot), Example("On food: a room", slot)
    alone = describe([*history, draft], [], 80)
    beside = describe([*history, other, draft], [], 80)
    assert np.array_equal(alone[80], beside[81])


def test_training_at_a_post_sees_only_rewards_known_by_then() -> None:
    made = posts(100)
    assert known_at(made, 80, MATURITY) == made[: 80 - 15]


def test_a_predictor_ranks_drafts_by_what_did_well() -> None:
    history = posts(200)
    slot = history[-1].at + timedelta(hours=3)
    drafts = [Example(f"On {topic}: a habit", slot) for topic in ("food", "light", "sleep")]
    found = train(history, MATURITY).predict([*history, *drafts], 200, apart=True)
    assert found[0].value < found[1].value < found[2].value
    assert found[0].hit < found[2].hit


def test_an_account_whose_posts_mostly_get_nothing_learns_from_those_that_get_something() -> None:
    made = posts(240)
    rare = [replace(one, value=1.5 if "sleep" in one.text and at % 2 else 0.0) for at, one in enumerate(made)]
    found = train(rare[:160], MATURITY).predict(rare, 180)
    sleep = [one.value for one, post in zip(found, rare[180:], strict=True) if "sleep" in post.text]
    others = [one.value for one, post in zip(found, rare[180:], strict=True) if "sleep" not in post.text]
    assert sum(sleep) / len(sleep) > 1.5 * sum(others) / len(others)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@" * 5000,
        "\n" * 900,
        "NO\u00a0WAY " * 4000,
        "1" * 90_000,
        "https://t.co/" * 300,
        "\ud7ff\U0001f600?!",
    ],
)
def test_a_text_unlike_any_before_gets_a_prediction_within_reason(text: str) -> None:
    history = posts(120)
    predictor = train(history, MATURITY)
    draft = Example(text, history[-1].at + timedelta(days=400))
    (found,) = predictor.predict([*history, draft], 120, apart=True)
    seen = [one.value or 0.0 for one in history]
    assert min(seen) - 5 < found.low <= found.value <= found.high < max(seen) + 5
    assert 0.0 <= found.hit <= 1.0


def test_a_stored_predictor_predicts_the_same() -> None:
    history = posts(120)
    predictor = train(history[:100], MATURITY)
    again = Predictor.decode(predictor.encode())
    assert again.predict(history, 100) == predictor.predict(history, 100)


@pytest.mark.parametrize("body", ["[]", "{}", '{"format": 9}', '{"format": 1}'])
def test_a_body_that_is_no_predictor_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="predictor"):
        Predictor.decode(body)


def test_a_candidate_that_beats_the_median_serves() -> None:
    trained = retrain(posts(200), MATURITY, None)
    assert trained is not None
    assert trained.faults == []
    assert trained.score.spearman > 0.7 > trained.median.spearman
    assert trained.score.posts == 40


def test_where_nothing_can_be_predicted_nothing_serves() -> None:
    rejected = 0
    for seed in range(6):
        trained = retrain(posts(150, seed, strength=0.0), MATURITY, None)
        assert trained is not None
        rejected += bool(trained.faults)
    assert rejected >= 4  # by chance an empty model now and then looks better than the median


def test_a_candidate_worse_than_the_serving_version_does_not_serve() -> None:
    good = posts(240)
    serving = train(good[:150], MATURITY)
    rng = random.Random(3)
    spoiled = [
        Example(post.text, post.at, rng.gauss(4, 2)) if at < 192 else post for at, post in enumerate(good)
    ]
    trained = retrain(spoiled, MATURITY, serving)
    assert trained is not None
    assert "it does not beat the serving version" in trained.faults


def test_too_few_posts_train_nothing() -> None:
    assert retrain(posts(FEWEST - 1), MATURITY, None) is None


def test_a_constant_prediction_has_no_rank_correlation() -> None:
    assert score([1.0] * 5, [1, 2, 3, 4, 5]).spearman == 0.0
    assert score([1, 2, 3, 4], [10, 20, 30, 40]).spearman == pytest.approx(1.0)
    assert score([2, 1, 4, 3], [1, 1, 2, 2]).spearman == pytest.approx(math.sqrt(0.8), abs=0.01)


def test_bounds_hold_for_as_many_posts_as_they_say() -> None:
    made = posts(600)
    found = train(known_at(made, 300, MATURITY), MATURITY).predict(made, 300)
    actual = np.array([one.value for one in made[300:]])
    assert abs((actual < [one.low for one in found]).mean() - 0.1) <= 0.05
    assert abs((actual < [one.high for one in found]).mean() - 0.9) <= 0.05


@pytest.mark.parametrize("seed", range(4))
def test_what_a_plain_part_does_the_mix_does_from_fifty_posts_on(seed: int) -> None:
    made = posts(FEWEST + 100, seed)
    predictor = train(made[:FEWEST], MATURITY)
    assert sum(predictor.parts.values()) == pytest.approx(1.0, abs=0.001)
    found = predictor.predict(made, FEWEST)
    actual = [float(one.value or 0) for one in made[FEWEST:]]
    assert score([one.value for one in found], actual).spearman > 0.4


def test_where_only_the_level_matters_the_features_weigh_little() -> None:
    rng = random.Random(5)
    level, made = 4.0, []
    for at, post in enumerate(posts(400, strength=0.0)):
        level += rng.gauss(0, 0.15)
        made.append(Example(post.text, START + timedelta(hours=3 * at), level + rng.gauss(0, 0.3)))
    predictor = train(made, MATURITY)
    assert predictor.parts["level (steady)"] + predictor.parts["features (steady)"] < 0.3


def test_on_a_real_account_the_ranking_reaches_its_goal() -> None:
    real = read_recording(recording("engagement/posts-538-obama.csv")).posts
    cut = int(0.7 * len(real))
    predictor = Predictor.decode(train(known_at(real, cut, MATURITY), MATURITY).encode())
    found = predictor.predict(real, cut)
    actual = np.array([float(example.value or 0) for example in real[cut:]])
    assert score([one.value for one in found], actual.tolist()).spearman >= 0.62
    assert score([one.baseline for one in found], actual.tolist()).spearman < 0.45
    assert abs((actual < [one.low for one in found]).mean() - 0.1) <= 0.05
    assert abs((actual < [one.high for one in found]).mean() - 0.9) <= 0.05
