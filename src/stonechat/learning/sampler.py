"""Drawing an arm from a Gaussian posterior, with the propensity of the draw in the same pass."""

from __future__ import annotations

import random
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace

Floats = NDArray[np.float64]

_TABLE_SEED = 24_691  # the table is part of the definition of a propensity: the same on every host


class Sampler:
    """Samples effects and takes each factor's best active level.

    One matrix product yields the sample that decides (fresh chance from ``rng``) beside ``draws``
    samples from a fixed table of normal deviates, which only estimate how likely the decision was.

    Args:
        space: the arms.
        draws: size of the table; an even number, because each deviate stands in it with both signs.
    """

    def __init__(self, space: ArmSpace, draws: int) -> None:
        self._factors = tuple(factor for factor, _ in space.active)
        self._levels = tuple(levels for _, levels in space.active)
        self._known = len(space.known)
        width = max(len(levels) for levels in self._levels)
        rows = np.full((len(self._factors), width), self._known)
        for f, (factor, levels) in enumerate(space.active):
            for v, level in enumerate(levels):
                rows[f, v] = space.positions[factor, level] - space.first_arm
        self._rows = rows
        self._shape = (len(self._factors), width, draws + 1)
        self._straight = np.array_equal(rows.ravel(), np.arange(self._known))
        half = np.random.default_rng(_TABLE_SEED).standard_normal((self._known, draws // 2))
        self._deviates = np.hstack([np.zeros((self._known, 1)), half, -half])
        self._samples = np.empty_like(self._deviates)
        self._over = 1.0 / (draws + 1.0)

    def draw(self, mean: Floats, root: Floats, rng: random.Random) -> tuple[Arm, float]:
        """An arm, and an estimate of the probability (0, 1] with which these arguments yield it.

        Args:
            mean: posterior means of all known levels.
            root: lower triangular root of the covariance to sample with.
        """
        table = self._sampled(mean, root, normal_deviates(self._known, rng))
        chosen = table[:, :, 0].argmax(1).tolist()
        best = table.max(1)
        won = 1.0
        arm = {}
        for f, level in enumerate(chosen):
            # the deciding sample itself counts as half a draw, so a propensity is never 0
            won *= (np.count_nonzero(table[f, level] == best[f]) - 0.5) * self._over
            arm[self._factors[f]] = self._levels[f][level]
        return arm, won

    def likelihood(self, mean: Floats, root: Floats, arm: Arm) -> float:
        """An estimate of the probability (0, 1) with which these arguments yield an active ``arm``."""
        table = self._sampled(mean, root, np.zeros(self._known))
        best = table.max(1)
        won = 1.0
        for f, (factor, levels) in enumerate(zip(self._factors, self._levels, strict=True)):
            level = levels.index(arm[factor])
            won *= (np.count_nonzero(table[f, level, 1:] == best[f, 1:]) + 0.5) * self._over
        return won

    def _sampled(self, mean: Floats, root: Floats, own: Floats) -> Floats:
        """Samples by factor, level and draw; draw 0 is ``own``. Retired levels can never be best."""
        self._deviates[:, 0] = own
        samples: Floats = np.dot(root, self._deviates, out=self._samples)
        samples += mean[:, None]
        if self._straight:
            return samples.reshape(self._shape)
        padded: Floats = np.vstack([samples, np.full((1, self._shape[2]), -np.inf)])[self._rows]
        return padded


@cache
def _quantiles() -> Floats:
    """The 65,536 equally likely values that a normal deviate is rounded to (mid-quantiles, ±4.17)."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse((at + 0.5) / 65_536) for at in range(65_536)])


def normal_deviates(count: int, rng: random.Random) -> Floats:
    """``count`` independent standard normal deviates of 16 random bits each, enough to pick arms by."""
    return _quantiles().take(np.frombuffer(rng.randbytes(2 * count), dtype="<u2"))
