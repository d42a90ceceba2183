"""Uplift: what learning adds, said only when it is known."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.learning.uplift import MIN_HOLDOUT, Trial, UpliftMeter, holdout_share, measured


def trials(count: int, gain: float, seed: int = 1, share: float = 0.1, bias: float = 0.0) -> list[Trial]:
    """Posts whose learned arms earn ``gain`` more; ``bias`` is how wrong the model's predictions are."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        held = rng.random() < share
        value = 4.0 + rng.gauss(0, 1) + (0.0 if held else gain)
        made.append(Trial(value, held, share, 4.0 + bias, 4.0 + bias))
    return made


def test_nothing_is_said_before_enough_holdout_posts() -> None:
    early = measured(trials(40, 1.0))
    assert early.held < MIN_HOLDOUT
    assert (early.mean, early.low, early.high) == (None, None, None)
    assert early.sentence().startswith("Not yet known: 39 posts measured")


def test_a_real_uplift_is_found_and_its_size_is_right() -> None:
    found = measured(trials(1500, 0.7))
    assert found.helps
    assert found.mean == pytest.approx(0.7, abs=0.2)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.7 < found.high
    assert found.sentence().startswith("Learning helps by")


def test_harm_is_said_too() -> None:
    found = measured(trials(1500, -0.7))
    assert found.known
    assert not found.helps
    assert found.sentence().startswith("Learning hurts by")


def test_wrong_predictions_widen_the_interval_and_do_not_move_the_estimate() -> None:
    right, wrong = measured(trials(4000, 0.5)), measured(trials(4000, 0.5, bias=2.0))
    assert wrong.mean == pytest.approx(0.5, abs=0.4)
    assert right.low is not None
    assert wrong.low is not None
    assert wrong.low < right.low


def test_looking_after_every_post_seldom_claims_help_where_there_is_none() -> None:
    false = 0
    for seed in range(150):
        meter = UpliftMeter()
        for trial in trials(250, 0.0, seed):
            meter.add(trial)
            if meter.read().helps:
                false += 1
                break
    assert false / 150 <= 0.05


def test_posts_without_chance_do_not_count() -> None:
    certain = [Trial(9.0, False, 0.0, 4.0, 4.0)] * 50
    assert measured(certain).posts == 0


@given(st.lists(st.tuples(st.floats(-20, 20), st.booleans()), max_size=150))
def test_the_interval_is_finite_and_holds_its_mean_whatever_the_rewards(
    rows: list[tuple[float, bool]],
) -> None:
    found = measured(Trial(value, held, 0.15, 0.0, 0.0) for value, held in rows)
    if found.mean is not None and found.low is not None and found.high is not None:
        assert found.low < found.mean < found.high
    assert found.sentence()


def test_the_holdout_is_larger_at_first() -> None:
    assert [holdout_share(posts) for posts in (0, 199, 200, 5000)] == [0.15, 0.15, 0.10, 0.10]


def test_it_says_how_many_more_posts_it_takes_and_keeps_its_word() -> None:
    found = measured(trials(150, 0.45, seed=3))
    assert not found.known
    assert found.more is not None
    assert f"About {found.more} more posts" in found.sentence()
    meter = UpliftMeter()
    for trial in trials(150, 0.45, seed=3):
        meter.add(trial)
    assert meter._half_width(found.posts + found.more) < abs(found.mean or 0.0)
    assert meter._half_width(found.posts + found.more - 1) >= abs(found.mean or 0.0)


def test_before_it_can_be_judged_it_says_how_many_posts_that_takes() -> None:
    early = measured(trials(40, 1.0))
    assert early.more == pytest.approx((MIN_HOLDOUT - early.held) / 0.1, abs=1)


def test_where_nothing_differs_no_number_of_posts_is_promised() -> None:
    flat = [Trial(4.0 + (at % 2) - 0.5, at % 10 == 0, 0.1, 4.0, 4.0) for at in range(4000)]
    found = measured(flat)
    assert found.known or found.more is None or found.more > 1000
