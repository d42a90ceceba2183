"""The hidden truth and what it does to outcomes."""

from __future__ import annotations

import statistics

from stonechat_aviary.reading import Traits
from stonechat_aviary.truth import DRIFT_AT, MAIN_FACTORS, Truth
from stonechat_aviary.vocabulary import FACTORS

PLAIN = Traits("sleep", "question", "plain", "medium", "morning")


def spread(values: list[float]) -> float:
    return statistics.pstdev(values)


def test_the_same_seed_gives_the_same_truth_and_another_seed_another() -> None:
    assert Truth(7).as_json() == Truth(7).as_json()
    assert Truth(7).as_json() != Truth(8).as_json()


def test_effects_and_noise_have_the_stated_spread() -> None:
    effects = [
        value
        for seed in range(60)
        for levels in Truth(seed).as_json()["effects"].values()
        for value in levels.values()
    ]
    pairs = [
        value
        for seed in range(10)
        for t in Truth(seed).as_json()["interactions"].values()
        for value in t.values()
    ]
    truth = Truth(1)
    noise = [truth.outcome("a", n, 0.0, PLAIN).noise for n in range(600)]
    days = [truth.outcome("a", 0, day * 86_400.0, PLAIN).day for day in range(400)]
    assert abs(spread(effects) - 0.3) < 0.03
    assert abs(spread(pairs) - 0.1) < 0.01
    assert abs(spread(noise) - 1.0) < 0.1
    assert abs(spread(days) - 0.2) < 0.03


def test_the_level_grows_by_one_over_six_hundred_posts_and_then_stands() -> None:
    truth = Truth(3)
    levels = [truth.outcome("a", n, 0.0, PLAIN).level for n in (0, 300, 600, 900)]
    assert [round(level - levels[0], 9) for level in levels] == [0.0, 0.5, 1.0, 1.0]


def test_two_of_the_four_main_factors_are_drawn_anew_at_post_300() -> None:
    truth = Truth(5)
    shown = truth.as_json()
    changed = {name for name in FACTORS if shown["effects"][name] != shown["effects_after_drift"][name]}
    assert len(truth.drifting) == 2
    assert changed == set(truth.drifting) <= set(MAIN_FACTORS)
    before, after = truth.outcome("a", DRIFT_AT - 1, 0, PLAIN), truth.outcome("a", DRIFT_AT, 0, PLAIN)
    assert before.effects != after.effects
    assert before.interactions == after.interactions


def test_posts_of_one_day_share_its_shock() -> None:
    truth = Truth(2)
    morning, evening, tomorrow = (truth.outcome("a", 0, at, PLAIN).day for at in (1000.0, 80_000.0, 90_000.0))
    assert morning == evening != tomorrow


def test_a_text_that_shows_no_level_has_no_effect_of_that_factor() -> None:
    truth = Truth(9)
    blank = truth.outcome("a", 0, 0.0, Traits(None, None, None, "medium", "night"))
    effects = truth.as_json()["effects"]
    assert blank.effects == effects["length"]["medium"] + effects["hour_block"]["night"]
    assert blank.interactions == 0
