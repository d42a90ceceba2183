"""Choosing for slots: the propensity that is logged is the frequency with which an arm comes."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace
from stonechat.learning.bandit import LinearThompson
from stonechat.learning.policy import FLOOR, ArmPolicy

FACTORS = {"topic": ("sleep", "focus", "music"), "hook": ("question", "story")}
NEW = frozenset({("topic", "music")})
DRAWS = 20_000


def taught() -> LinearThompson:
    """A bandit that has seen the new topic do well."""
    bandit = LinearThompson(ArmSpace.of(FACTORS))
    rng = random.Random(3)
    for _ in range(40):
        arm = {factor: rng.choice(levels) for factor, levels in FACTORS.items()}
        bandit.update(arm, 2.0 + (arm["topic"] == "music") * 0.2 + rng.gauss(0, 0.6))
    return bandit


def named(arm: Arm) -> tuple[str, ...]:
    return tuple(arm[factor] for factor in FACTORS)


@pytest.mark.parametrize("new", [frozenset(), NEW])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_each_arm_comes_as_often_as_its_propensity_says(
    new: frozenset[tuple[str, str]], share: float
) -> None:
    choices = ArmPolicy(taught(), 1, share, new).choose(DRAWS, random.Random(11))
    seen = Counter(named(choice.arm) for choice in choices)
    said = {named(choice.arm): choice.propensity for choice in choices}
    assert sum(said.values()) == pytest.approx(1.0, abs=0.05)
    for arm, propensity in said.items():
        assert seen[arm] / DRAWS == pytest.approx(propensity, abs=0.05), "estimated from 256 draws"


def test_a_new_level_is_held_at_its_floor_and_the_coin_keeps_its_probability() -> None:
    choices = ArmPolicy(taught(), 1, 0.3, NEW).choose(DRAWS, random.Random(5))
    held = [choice for choice in choices if choice.holdout]
    assert len(held) / DRAWS == pytest.approx(0.3, abs=0.02)
    music = sum(choice.arm["topic"] == "music" for choice in held) / len(held)
    assert music == pytest.approx(FLOOR / (2 + FLOOR), abs=0.02), "among uniform draws, a quarter as often"


def test_where_every_level_is_new_arms_are_drawn_all_the_same() -> None:
    every = frozenset((factor, level) for factor, levels in FACTORS.items() for level in levels)
    choices = ArmPolicy(taught(), 1, 0.5, every).choose(200, random.Random(5))
    assert {choice.arm["topic"] for choice in choices} == set(FACTORS["topic"])
