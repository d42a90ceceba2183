"""The simulated world that the learner is measured in.

600 posts; 4 factors of 6 levels. The log outcome of a post is::

    growth + Σ effects of its levels + pairwise interactions + the day's shock + noise

with standard deviations ``tau`` (0.3), 0.1, 0.2 (ten posts a day) and 1; growth adds 1 over the run.
At half time ``drifting`` factors are redrawn. A post's reward becomes known ``delay`` posts later.
*Captured* is (policy - uniform) / (oracle - uniform), each the mean over posts of the expected log
outcome: 0 for choosing at random, 1 for always knowing the best arm.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stonechat.core.model import Arm

Floats = NDArray[np.float64]


class Chooser(Protocol):
    """A policy as the world sees it."""

    def draw(self, rng: random.Random) -> Arm:
        """The arm of the next post."""

    def update(self, arm: Arm, value: float) -> Any:
        """Learn the reward of one post."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The parameters of a world; the defaults are the design's."""

    posts: int = 600
    factors: int = 4
    levels: int = 6
    tau: float = 0.3
    interaction: float = 0.1
    day: float = 0.2
    noise: float = 1.0
    growth: float = 1.0
    drifting: int = 2
    delay: tuple[int, int] = (5, 20)
    per_day: int = 10


PLAIN = Setting()
SMALL_EFFECTS = replace(PLAIN, tau=0.15)
ALL_DRIFT = replace(PLAIN, drifting=4)
LONG_DELAY = replace(PLAIN, delay=(20, 60))
NO_EFFECT = replace(PLAIN, tau=0.0, interaction=0.0)


def factor_levels(setting: Setting = PLAIN) -> dict[str, tuple[str, ...]]:
    """The arms that a policy is offered in this world."""
    return {f"f{f}": tuple(f"l{v}" for v in range(setting.levels)) for f in range(setting.factors)}


class World:
    """One draw of the world. Everything random is drawn at once, so every policy meets the same one."""

    def __init__(self, setting: Setting, seed: int) -> None:
        rng = np.random.default_rng([20_260_105, seed])
        s = setting
        self.setting = setting
        mains = rng.normal(0.0, s.tau, (s.factors, s.levels))
        self.mains = mains
        redrawn = mains.copy()
        for factor in rng.permutation(s.factors)[: s.drifting]:
            redrawn[factor] = rng.normal(0.0, s.tau, s.levels)
        crossed = rng.normal(0.0, s.interaction, (s.factors, s.factors, s.levels, s.levels))
        self.truth = (_table(mains, crossed), _table(redrawn, crossed))
        shocks = rng.normal(0.0, s.day, -(-s.posts // s.per_day))
        self.background = (
            np.linspace(0.0, s.growth, s.posts)
            + np.repeat(shocks, s.per_day)[: s.posts]
            + rng.normal(0.0, s.noise, s.posts)
        )
        self.delays = rng.integers(s.delay[0], s.delay[1] + 1, s.posts)

    def effect(self, post: int, arm: Arm) -> float:
        """Expected log outcome of ``arm`` at this post, without the background."""
        table = self.truth[post >= self.setting.posts // 2]
        return float(table[tuple(int(arm[f"f{f}"][1:]) for f in range(self.setting.factors))])

    def uniform(self) -> Floats:
        """Expected effect of a uniformly drawn arm, for each post."""
        return self._each(float(self.truth[0].mean()), float(self.truth[1].mean()))

    def oracle(self) -> Floats:
        """Effect of the best arm, for each post."""
        return self._each(float(self.truth[0].max()), float(self.truth[1].max()))

    def related(self, correlation: float, seed: int) -> dict[tuple[str, str], float]:
        """Main effects of a sibling account, correlated with this world's; shrunk to be a prior mean."""
        rng = np.random.default_rng([20_260_106, seed])
        tau = self.setting.tau
        other = correlation * self.mains + (1 - correlation**2) ** 0.5 * rng.normal(
            0.0, tau, self.mains.shape
        )
        return {(f"f{f}", f"l{v}"): float(correlation * effect) for (f, v), effect in np.ndenumerate(other)}

    def _each(self, before: float, after: float) -> Floats:
        posts = self.setting.posts
        return np.where(np.arange(posts) < posts // 2, before, after)


def _table(mains: Floats, crossed: Floats) -> Floats:
    """The effect of every joint arm, as an array with one axis for each factor."""
    factors, levels = mains.shape
    table = np.zeros((levels,) * factors)

    def spread(values: Floats, *axes: int) -> Floats:
        return values.reshape([levels if axis in axes else 1 for axis in range(factors)])

    for f in range(factors):
        table += spread(mains[f], f)
    for a, b in combinations(range(factors), 2):
        table += spread(crossed[a, b], a, b)
    return table


@dataclass(frozen=True, slots=True)
class Played:
    """What a policy did in a world; arrays have one entry for each post, in order of posting.

    Attributes:
        outcomes: log outcomes as measured.
        known_at: the post before whose choice the outcome became known.
    """

    effects: Floats
    outcomes: Floats
    holdout: NDArray[np.bool_]
    known_at: NDArray[np.int64]
    world: World

    def captured(self, since: int = 0, until: int | None = None) -> float:
        """Share of what could be gained over choosing at random that was gained, over these posts."""
        part = slice(since, until)
        floor = self.world.uniform()[part].sum()
        return float((self.effects[part].sum() - floor) / (self.world.oracle()[part].sum() - floor))


def play(world: World, policy: Chooser, seed: int, holdout: Sequence[float] | None = None) -> Played:
    """Let ``policy`` post its way through ``world``, learning from each reward once it is known.

    Args:
        holdout: for each post the probability that its arm is drawn uniformly instead; None for never.
    """
    rng = random.Random(seed * 7_919 + 17)
    posts = world.setting.posts
    offered = factor_levels(world.setting)
    effects, outcomes = np.zeros(posts), np.zeros(posts)
    held = np.zeros(posts, dtype=np.bool_)
    arrivals: list[list[tuple[Arm, float]]] = [[] for _ in range(posts + int(world.delays.max()) + 1)]
    for post in range(posts):
        for arm, value in arrivals[post]:
            policy.update(arm, value)
        held[post] = holdout is not None and rng.random() < holdout[post]
        if held[post]:
            chosen: Arm = {factor: rng.choice(levels) for factor, levels in offered.items()}
        else:
            chosen = policy.draw(rng)
        effects[post] = world.effect(post, chosen)
        outcomes[post] = effects[post] + world.background[post]
        arrivals[post + int(world.delays[post])].append((chosen, float(outcomes[post])))
    known = np.arange(posts) + world.delays
    return Played(effects, outcomes, held, known, world)
