"""The simulated world, the rivals in it, and the benchmark's own arithmetic."""

import random

import numpy as np
import pytest

from benchmarks.learning.bench import _row
from benchmarks.learning.rivals import PLAIN_RIVALS
from benchmarks.learning.simulation import ALL_DRIFT, PLAIN, Setting, World, factor_levels, play
from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace
from stonechat.learning.bandit import LinearThompson
from stonechat.learning.beta import BetaPolicy

FACTORS = factor_levels()


class Uniform:
    """Chooses at random and learns nothing."""

    def draw(self, rng: random.Random) -> Arm:
        return {factor: rng.choice(levels) for factor, levels in FACTORS.items()}

    def update(self, arm: Arm, value: float) -> None:
        pass


class Oracle:
    """Knows the truth before the drift."""

    def __init__(self, world: World) -> None:
        best = np.unravel_index(int(world.truth[0].argmax()), world.truth[0].shape)
        self.arm = {f"f{f}": f"l{v}" for f, v in enumerate(best)}

    def draw(self, rng: random.Random) -> Arm:
        return self.arm

    def update(self, arm: Arm, value: float) -> None:
        pass


def test_the_same_seed_is_the_same_world_and_another_seed_another() -> None:
    one, same, other = World(PLAIN, 3), World(PLAIN, 3), World(PLAIN, 4)
    assert np.array_equal(one.truth[0], same.truth[0])
    assert np.array_equal(one.background, same.background)
    assert not np.array_equal(one.truth[0], other.truth[0])


def test_choosing_at_random_captures_nothing_and_knowing_captures_all() -> None:
    captured = [play(World(PLAIN, seed), Uniform(), seed).captured() for seed in range(10)]
    assert np.mean(captured) == pytest.approx(0.0, abs=0.03)
    still = Setting(drifting=0)
    world = World(still, 5)
    assert play(world, Oracle(world), 5).captured() == pytest.approx(1.0)


def test_the_drift_comes_at_half_time() -> None:
    world = World(ALL_DRIFT, 6)
    played = play(world, Oracle(world), 6)
    assert played.captured(0, 300) == pytest.approx(1.0)
    assert played.captured(300) < 0.9


def test_a_reward_is_not_known_before_its_delay() -> None:
    class Watching(Uniform):
        """Counts what it was taught."""

        taught = 0
        first: int | None = None
        drawn = 0

        def draw(self, rng: random.Random) -> Arm:
            if self.taught and self.first is None:
                self.first = self.drawn
            self.drawn += 1
            return super().draw(rng)

        def update(self, arm: Arm, value: float) -> None:
            self.taught += 1

    policy = Watching()
    world = World(Setting(delay=(7, 9)), 1)
    play(world, policy, 1)
    assert policy.first is not None
    assert 7 <= policy.first <= 9
    assert 600 - 9 <= policy.taught <= 600 - 7


def test_the_bandit_captures_more_than_every_plain_rival() -> None:
    worlds = [World(Setting(posts=240), seed) for seed in range(100_500, 100_503)]
    ours = np.mean([play(w, LinearThompson(ArmSpace.of(FACTORS)), 1).captured() for w in worlds])
    for make in PLAIN_RIVALS.values():
        assert np.mean([play(w, make(FACTORS), 1).captured() for w in worlds]) < ours


def test_the_holdout_is_drawn_with_its_share() -> None:
    played = play(World(PLAIN, 2), LinearThompson(ArmSpace.of(FACTORS)), 2, [0.2] * 600)
    assert played.holdout.mean() == pytest.approx(0.2, abs=0.05)


def test_beta_arms_find_the_better_level_and_say_how_likely_they_draw_it() -> None:
    rng = random.Random(1)
    policy = BetaPolicy({"hook": ("question", "fact")})
    for _ in range(200):
        arm = policy.draw(rng)
        policy.update(arm, rng.gauss(1.0 if arm["hook"] == "question" else 0.0, 1.0))
    drawn = [policy.choose(rng) for _ in range(100)]
    assert sum(arm["hook"] == "question" for arm, _ in drawn) > 80
    assert all(0 < propensity <= 1 for _, propensity in drawn)


def test_a_row_says_whether_its_goal_is_met() -> None:
    assert _row("x", 0.66, 0.6, least=0.65) == {
        "measure": "x",
        "ours": 0.66,
        "peer": 0.6,
        "ratio": 1.1,
        "goal": ">= 0.65",
        "met": True,
    }
    assert _row("x", 26.0, most=25)["met"] is False
    assert _row("x", 1.0)["met"] is None
