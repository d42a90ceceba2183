"""Predictors: what they see, what they learn, and when a new version may serve."""

import csv
import html
import json
import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from stonechat.learning.features import Example, describe, rarity, words
from stonechat.learning.predictors import FEWEST, Predictor, retrain, score, train
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


def test_words_leave_out_links_and_keep_hashtags_handles_and_the_arm() -> None:
    example = Example("Sleep #Early with @me https://t.co/x1", START, None, {"hook": "fact"})
    assert words(example) == ["sleep", "#early", "with", "@me", "hook=fact"]


def test_nothing_that_matured_later_changes_a_description() -> None:
    before, after = posts(120), posts(120)
    for at in range(60, 120):  # rewrite the future, and what had not matured by row 60
        after[at] = Example("something else entirely", after[at].at, 99.0)
    for at in range(60 - 15, 60):
        after[at] = Example(after[at].text, after[at].at, -99.0)
    rare = rarity(before)
    old, new = describe(before, rare, MATURITY), describe(after, rare, MATURITY)
    assert np.array_equal(old.dense[:60], new.dense[:60])
    assert np.array_equal(old.baseline[:60], new.baseline[:60])
    assert not np.array_equal(old.dense[90:], new.dense[90:])


def test_drafts_for_one_slot_do_not_see_each_other() -> None:
    history = posts(80)
    slot = history[-1].at + timedelta(hours=5)
    draft, other = Example("On sleep: a walk", slot), Example("On food: a room", slot)
    rare = rarity(history)
    alone = describe([*history, draft], rare, MATURITY, 80, apart=True)
    beside = describe([*history, other, draft], rare, MATURITY, 80, apart=True)
    assert np.array_equal(alone.dense[0], beside.dense[1])


def test_a_predictor_ranks_drafts_by_what_did_well() -> None:
    history = posts(200)
    slot = history[-1].at + timedelta(hours=3)
    drafts = [Example(f"On {topic}: a habit", slot) for topic in ("food", "light", "sleep")]
    found = train(history, MATURITY).predict([*history, *drafts], 200, apart=True)
    assert found[0].value < found[1].value < found[2].value
    assert found[0].hit < found[2].hit


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


def test_on_a_real_account_the_ranking_reaches_its_goal() -> None:
    path = recording("engagement/posts-538-obama.csv")
    rows = list(csv.DictReader(path.read_text(encoding="cp1252", errors="replace").splitlines()))
    real = sorted(
        (
            Example(
                html.unescape(row["text"]),
                datetime.strptime(row["created_at"], "%m/%d/%y %H:%M").replace(tzinfo=UTC),
                math.log1p(int(row["favorites"]) + 2 * int(row["retweets"]) + 2 * int(row["replies"])),
            )
            for row in rows
        ),
        key=lambda example: example.at,
    )
    cut = int(0.7 * len(real))
    predictor = Predictor.decode(json.dumps(json.loads(train(real[:cut], MATURITY).encode())))
    found = predictor.predict(real, cut)
    actual = [float(example.value or 0) for example in real[cut:]]
    assert score([one.value for one in found], actual).spearman >= 0.60
    assert score([one.baseline for one in found], actual).spearman < 0.45
