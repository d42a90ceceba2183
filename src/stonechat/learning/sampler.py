"""Drawing an arm from a Gaussian posterior, and estimating how likely the draw was."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
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

    Args:
        space: the arms.
        draws: joint samples that a propensity is estimated from; even, because each stands with both signs.
    """

    def __init__(self, space: ArmSpace, draws: int) -> None:
        self._factors = tuple(factor for factor, _ in space.active)
        self._levels = tuple(levels for _, levels in space.active)
        self._known = len(space.known)
        width = max(len(levels) for levels in self._levels)
        # Factors have different numbers of levels: missing ones point behind the last, at minus infinity.
        rows = np.full((len(self._factors), width), self._known)
        for f, (factor, levels) in enumerate(space.active):
            for v, level in enumerate(levels):
                rows[f, v] = space.positions[factor, level] - space.first_arm
        self._rows = rows
        self._straight = np.array_equal(rows.ravel(), np.arange(self._known))
        self._draws = draws

    def draw(self, mean: Floats, root: Floats, rng: random.Random) -> dict[str, str]:
        """An arm.

        Args:
            mean: posterior means of all known levels.
            root: lower triangular root of the covariance to sample with.
        """
        samples = root.dot(normal_deviates(self._known, rng))
        samples += mean
        best = self._by_factor(samples).argmax(1).tolist()
        return {
            factor: levels[at] for factor, levels, at in zip(self._factors, self._levels, best, strict=True)
        }

    def likelihood(self, mean: Floats, root: Floats, arm: Arm) -> float:
        """An estimate of the probability (0, 1) with which these arguments yield an active ``arm``.

        It is the product over factors of the share of samples in which the level was the best one, with
        half a count added so that it is never 0. Effects of different factors are nearly independent in
        the posterior, which is what the product assumes.
        """
        # The same deviates at every call: the estimate is then a function of the model alone, and a replay
        # from the log gives the same propensities bit for bit.
        table = self._by_factor(root @ _deviates(self._known, self._draws) + mean[:, None])
        best = table.max(1)
        share = 1.0
        for f, (factor, levels) in enumerate(zip(self._factors, self._levels, strict=True)):
            hits = np.count_nonzero(table[f, levels.index(arm[factor])] == best[f])
            share *= (hits + 0.5) / (self._draws + 1.0)
        return share

    def likelihood_within(self, mean: Floats, root: Floats, levels: Mapping[str, Sequence[str]]) -> float:
        """An estimate of the probability [0, 1] that a drawn arm has, for each factor, one of ``levels``.

        As in :meth:`likelihood`, the product over factors of shares of samples.
        """
        winners = self._by_factor(root @ _deviates(self._known, self._draws) + mean[:, None]).argmax(1)
        share = 1.0
        for f, (factor, known) in enumerate(zip(self._factors, self._levels, strict=True)):
            wanted = [known.index(level) for level in levels[factor]]
            share *= np.count_nonzero(np.isin(winners[f], wanted)) / self._draws
        return share

    def _by_factor(self, samples: Floats) -> Floats:
        """Samples by factor and level; retired levels are left out, missing ones can never be best."""
        if self._straight:
            return samples.reshape(*self._rows.shape, *samples.shape[1:])
        padded: Floats = np.concatenate([samples, np.full((1, *samples.shape[1:]), -np.inf)])[self._rows]
        return padded


@cache
def _deviates(known: int, draws: int) -> Floats:
    """The fixed table of normal deviates that propensities are estimated from, shape (known, draws)."""
    # Antithetic pairs: each sample stands with both signs, which makes the shares less noisy.
    half = np.random.default_rng(_TABLE_SEED).standard_normal((known, draws // 2))
    return np.hstack([half, -half])


@cache
def _quantiles() -> Floats:
    """The 65,536 equally likely values that a normal deviate is rounded to (mid-quantiles, ±4.17)."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse((at + 0.5) / 65_536) for at in range(65_536)])


def normal_deviates(count: int, rng: random.Random) -> Floats:
    """``count`` independent standard normal deviates of 16 random bits each, enough to pick arms by."""
    return _quantiles().take(np.frombuffer(rng.randbytes(2 * count), dtype="<u2"))
