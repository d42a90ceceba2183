"""Other policies that the bandit is measured against in the same worlds, each as plain as it is known.

The libraries ``bayesianbandits`` and ``mabwiser`` take part where the dependency group ``bench`` is
installed. Their settings were tuned on worlds that the benchmark does not use.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.simulation import Chooser
from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace, Factors
from stonechat.learning.beta import BetaPolicy

Floats = NDArray[np.float64]


@dataclass
class FlatBeta:
    """One Beta distribution for each joint arm; a win is a reward above the mean of all before it."""

    factors: Factors
    mean: float = 0.0
    seen: int = 0

    def __post_init__(self) -> None:
        sizes = [len(levels) for levels in self.factors.values()]
        self._wins, self._losses = np.ones(sizes), np.ones(sizes)

    def draw(self, rng: random.Random) -> Arm:
        drawn = np.random.default_rng(rng.getrandbits(63)).beta(self._wins, self._losses)
        best = np.unravel_index(int(drawn.argmax()), drawn.shape)
        return {f: levels[int(i)] for (f, levels), i in zip(self.factors.items(), best, strict=True)}

    def update(self, arm: Arm, value: float) -> None:
        place = tuple(list(levels).index(arm[factor]) for factor, levels in self.factors.items())
        counts = self._wins if value > self.mean else self._losses
        counts[place] += 1
        self.seen += 1
        self.mean += (value - self.mean) / self.seen


@dataclass
class BetaOfShare:
    """Independent Beta arms fed with fractions: the reward (not its logarithm) over the largest so far."""

    factors: Factors
    largest: float = 0.0

    def __post_init__(self) -> None:
        self._inner = BetaPolicy(self.factors)

    def draw(self, rng: random.Random) -> Arm:
        return {f: self._inner._best(f, levels, rng) for f, levels in self.factors.items()}

    def update(self, arm: Arm, value: float) -> None:
        raw = float(np.exp(value))
        self.largest = max(self.largest, raw)
        share = raw / self.largest
        for pair in arm.items():
            self._inner.wins[pair] = self._inner.wins.get(pair, 0.0) + share
            self._inner.losses[pair] = self._inner.losses.get(pair, 0.0) + 1 - share


@dataclass
class EpsilonGreedy:
    """Mean log reward of each level, the best one but for a share ``epsilon`` of choices."""

    factors: Factors
    epsilon: float = 0.1
    sums: dict[tuple[str, str], float] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def draw(self, rng: random.Random) -> Arm:
        arm = {}
        for factor, levels in self.factors.items():
            untried = [level for level in levels if (factor, level) not in self.counts]
            if untried or rng.random() < self.epsilon:
                arm[factor] = rng.choice(untried or levels)
            else:
                arm[factor] = max(levels, key=lambda v: self.sums[factor, v] / self.counts[factor, v])
        return arm

    def update(self, arm: Arm, value: float) -> None:
        for pair in arm.items():
            self.sums[pair] = self.sums.get(pair, 0.0) + value
            self.counts[pair] = self.counts.get(pair, 0) + 1


@dataclass
class GaussianArms:
    """Thompson sampling with a Gaussian for each level alone, on rewards less their rolling mean."""

    factors: Factors
    scale: float = 0.5
    window: int = 50
    tau: float = 0.3

    def __post_init__(self) -> None:
        self._sums: dict[tuple[str, str], float] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._recent: deque[float] = deque(maxlen=self.window)

    def draw(self, rng: random.Random) -> Arm:
        def drawn(pair: tuple[str, str]) -> float:
            precision = self.tau**-2 + self._counts.get(pair, 0)
            return rng.gauss(self._sums.get(pair, 0.0) / precision, self.scale * precision**-0.5)

        return {f: max(levels, key=lambda v: drawn((f, v))) for f, levels in self.factors.items()}

    def update(self, arm: Arm, value: float) -> None:
        typical = sum(self._recent) / len(self._recent) if self._recent else value
        self._recent.append(value)
        for pair in arm.items():
            self._sums[pair] = self._sums.get(pair, 0.0) + value - typical
            self._counts[pair] = self._counts.get(pair, 0) + 1


class LinearArms:
    """Plain linear Thompson sampling: an intercept and one-hot levels, full posterior, nothing forgotten."""

    def __init__(self, factors: Factors, tau: float = 1.0) -> None:
        self._space = ArmSpace.of(factors)
        size = self._space.size
        self._precision, self._sum = np.eye(size) / tau**2, np.zeros(size)

    def draw(self, rng: random.Random) -> Arm:
        normal = np.random.default_rng(rng.getrandbits(63)).standard_normal(len(self._sum))
        root = np.linalg.cholesky(self._precision)
        weights = np.linalg.solve(self._precision, self._sum) + np.linalg.solve(root.T, normal)
        return best_levels(self._space, weights)

    def update(self, arm: Arm, value: float) -> None:
        row = one_hot(self._space, arm)
        self._precision += np.outer(row, row)
        self._sum += value * row


class LibraryLinear:
    """``bayesianbandits``: one joint regression with directional forgetting, posterior scaled."""

    def __init__(
        self, factors: Factors, scale: float = 0.5, rate: float = 0.995, intercept: float = 5.0
    ) -> None:
        library: Any = import_module("bayesianbandits")
        self._space, self._scale = ArmSpace.of(factors), scale
        self._weights = np.ones(self._space.size)
        self._weights[0] = intercept  # a larger feature is a weaker prior on its weight
        self._model = library.NormalRegressor(
            alpha=1 / 0.3**2, beta=1.0, forgetting=library.SiftForgetting(rate), random_state=0
        )
        self._points = np.eye(self._space.size)
        self._seen = 0

    def draw(self, rng: random.Random) -> Arm:
        if not self._seen:
            return {f: rng.choice(levels) for f, levels in self._space.active}
        drawn = np.asarray(self._model.sample(self._points)).ravel()
        mean = self._model.coef_
        return best_levels(self._space, mean + self._scale * (drawn - mean))

    def update(self, arm: Arm, value: float) -> None:
        self._model.partial_fit((one_hot(self._space, arm) * self._weights)[None, :], np.array([value]))
        self._seen += 1


class LibraryFactors:
    """``mabwiser``: a LinTS for each factor with the intercept as its context, on rewards less their mean."""

    def __init__(self, factors: Factors, alpha: float = 0.3, l2: float = 5.0, window: int = 50) -> None:
        library: Any = import_module("mabwiser.mab")
        self._factors = factors
        self._recent: deque[float] = deque(maxlen=window)
        self._bandits = {
            factor: library.MAB(
                list(levels), library.LearningPolicy.LinTS(alpha=alpha, l2_lambda=l2), seed=at
            )
            for at, (factor, levels) in enumerate(factors.items())
        }
        self._seen = 0

    def draw(self, rng: random.Random) -> Arm:
        if not self._seen:
            return {f: rng.choice(levels) for f, levels in self._factors.items()}
        return {factor: bandit.predict([[1.0]]) for factor, bandit in self._bandits.items()}

    def update(self, arm: Arm, value: float) -> None:
        typical = sum(self._recent) / len(self._recent) if self._recent else value
        self._recent.append(value)
        for factor, bandit in self._bandits.items():
            learn = bandit.partial_fit if self._seen else bandit.fit
            learn([arm[factor]], [value - typical], [[1.0]])
        self._seen += 1


def one_hot(space: ArmSpace, arm: Arm) -> Floats:
    """The arm as a row: 1 for the intercept and for each of its levels."""
    row = np.zeros(space.size)
    row[space.places(arm)] = 1.0
    return row


def best_levels(space: ArmSpace, weights: Any) -> Arm:
    """The level with the largest weight, for each factor."""
    at = space.positions
    return {f: max(levels, key=lambda level: weights[at[f, level]]) for f, levels in space.active}


PLAIN_RIVALS: dict[str, Callable[[Factors], Chooser]] = {
    "flat Beta over joint arms": FlatBeta,
    "Beta on reward/max": BetaOfShare,
    "epsilon-greedy, log": EpsilonGreedy,
    "Beta, rolling median": BetaPolicy,
    "linear Thompson, log": LinearArms,
    "Gaussian Thompson per level, log": GaussianArms,
}
"""Each made from the factors alone."""


def library_rivals() -> dict[str, Callable[[Factors], Chooser]]:
    """The tuned libraries that are installed."""
    found: dict[str, Callable[[Factors], Chooser]] = {}
    if find_spec("bayesianbandits"):
        found["bayesianbandits, joint with SIFT, scale 0.5"] = LibraryLinear
    if find_spec("mabwiser"):
        found["mabwiser, LinTS per factor"] = LibraryFactors
    return found
