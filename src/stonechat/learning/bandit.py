"""Thompson sampling on one joint Gaussian state: the account's level, the arms' effects, the context.

The log reward of a post is modelled as ``level + Σ effects of its levels + context·weights + noise``.
The state is a mean vector and a covariance matrix, moved by a Kalman filter:

- between posts effects revert to their prior: ``mean = rho*mean + (1 - rho)*prior`` and
  ``P = rho^2*P + (1 - rho^2)*tau^2*I``, so what was learned fades in some ``1/(1 - rho)`` posts unless
  it is confirmed;
- the level follows a random walk, which absorbs growth, trend and day effects;
- the noise variance is estimated on line from the standardised surprise of each reward;
- a reward further than ``clip`` predictive standard deviations away counts as exactly that far.

An arm is drawn by sampling the state with ``scale`` times the posterior standard deviation and taking
each factor's best level; effects add up, so the best joint arm is the best level of each factor.
See Chapelle and Li, *An Empirical Evaluation of Thompson Sampling* (2011), for the reduced scale.

The update uses element-wise sums and products only, no matrix library, so the same rewards in the same
order give the same bits on any machine with IEEE 754 doubles.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace
from stonechat.learning.sampler import Sampler

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tuning:
    """The numbers that the bandit works with; the defaults did best in simulated worlds (seeds from 100,000).

    Attributes:
        rho: how much of an effect is left after one post.
        tau: prior standard deviation of an effect, on the log scale.
        walk: standard deviation of the level's step from one post to the next.
        level: prior standard deviation of the level.
        context: prior standard deviation of a context weight.
        scale: factor on the posterior standard deviation when sampling.
        noise: prior noise variance, and ``noise_weight`` how many posts it counts for.
        clip: largest surprise that counts, in predictive standard deviations.
        draws: joint samples that a propensity is estimated from.
    """

    rho: float = 0.9975
    tau: float = 0.4
    walk: float = 0.02
    level: float = 5.0
    context: float = 0.5
    scale: float = 0.4
    noise: float = 1.0
    noise_weight: float = 20.0
    clip: float = 4.0
    draws: int = 256


@dataclass(frozen=True, slots=True)
class Surprise:
    """What one reward did to the model, judged before it was learned.

    Attributes:
        expected: the predicted log reward.
        deviation: predictive standard deviation.
        z: standardised surprise before clipping.
    """

    expected: float
    deviation: float
    z: float

    @property
    def log_likelihood(self) -> float:
        """One-step predictive log density of the reward."""
        return -0.5 * (self.z * self.z + math.log(2 * math.pi)) - math.log(self.deviation)


class LinearThompson:
    """The joint linear bandit. Not thread-safe; one instance serves one account.

    Args:
        space: the arms.
        tuning: the numbers.
        prior: prior mean of an effect by (factor, level), for example from a sibling account or from
            imported history; 0 where it is absent.
    """

    kind = "linear"

    def __init__(
        self,
        space: ArmSpace,
        tuning: Tuning | None = None,
        prior: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        self.space = space
        self.tuning = tuning or Tuning()
        self.prior = np.zeros(space.size)
        for pair, mean in (prior or {}).items():
            if pair in space.positions:
                self.prior[space.positions[pair]] = mean
        self.mean = self.prior.copy()
        self.covariance = np.diag(self._prior_variances())
        self.noise = self.tuning.noise
        self.seen = 0
        self._prepare()

    def _prior_variances(self) -> Floats:
        t, first = self.tuning, self.space.first_arm
        variances = np.full(self.space.size, t.tau**2)
        variances[1:first] = t.context**2
        variances[0] = t.level**2
        return variances

    def _prepare(self) -> None:
        """Work out what every update and draw needs and only the space and the tuning decide."""
        t, size, first = self.tuning, self.space.size, self.space.first_arm
        self._keep = np.full(size, t.rho)
        # The level (position 0) is a random walk: it does not revert to its prior, it only drifts.
        self._keep[0] = 1.0
        self._shrink = np.multiply.outer(self._keep, self._keep)
        self._drift = (1.0 - self._keep) * self.prior
        self._widen = (1.0 - self._keep**2) * self._prior_variances()
        self._widen[0] = t.walk**2
        # A view, so that widening the variances in place needs no index arithmetic per post.
        self._diagonal = self.covariance.ravel()[:: size + 1]
        self._scratch = np.empty((size, size))
        self._first = first
        self._sampler = Sampler(self.space, t.draws)
        self._root: Floats | None = None

    # --- learning -----------------------------------------------------------------------------

    def update(self, arm: Arm, value: float, context: Mapping[str, float] | None = None) -> Surprise:
        """Let one post pass and learn its log reward; returns how surprising it was.

        Raises:
            ValueError: where ``value`` is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"a reward must be finite, not {value}")
        self._pass_one_post()
        covered, surprise = self._predict(arm, value, context)
        z, deviation = surprise.z, surprise.deviation
        # One viral post must not overturn what hundreds taught: its surprise is clipped, not dropped.
        step = max(-self.tuning.clip, min(self.tuning.clip, z))
        # Kalman gain with the outcome scaled to unit variance; hence the division by one deviation here.
        gain = covered / deviation
        self.mean += gain * step
        np.multiply(gain[:, None], gain, out=self._scratch)
        np.subtract(self.covariance, self._scratch, out=self.covariance)
        self.seen += 1
        # If the model fits, clipped surprises have variance about 1; the noise moves until they do.
        self.noise *= 1.0 + (step * step - 1.0) / (self.tuning.noise_weight + self.seen)
        self._root = None
        return surprise

    def foresee(self, arm: Arm, value: float, context: Mapping[str, float] | None = None) -> Surprise:
        """How surprising this log reward would be now; nothing is learned."""
        return self._predict(arm, value, context)[1]

    def average(self) -> float:
        """The expected log reward of a uniformly drawn arm now, without context."""
        at, mean = self.space.positions, self.mean
        return float(mean[0]) + sum(
            sum(float(mean[at[factor, level]]) for level in levels) / len(levels)
            for factor, levels in self.space.active
        )

    def _predict(
        self, arm: Arm, value: float, context: Mapping[str, float] | None
    ) -> tuple[Floats, Surprise]:
        """The covariance of the state with the outcome, and the surprise."""
        places = self.space.places(arm)
        # The observation is a sum of state entries, so products with it are sums of rows.
        covered: Floats = np.add.reduce(self.covariance.take(places, 0), 0)
        expected = float(np.add.reduce(self.mean.take(places)))
        spread = 0.0
        if context:
            weights = np.array([float(context.get(name, 0.0)) for name in self.space.context])
            features = slice(1, self._first)
            covered += np.add.reduce(weights[:, None] * self.covariance[features], 0)
            expected += float(np.add.reduce(weights * self.mean[features]))
            spread = float(np.add.reduce(weights * covered[features]))
        spread += float(np.add.reduce(covered.take(places)))
        deviation = math.sqrt(spread + self.noise)
        return covered, Surprise(expected, deviation, (value - expected) / deviation)

    def _pass_one_post(self) -> None:
        self.mean *= self._keep
        self.mean += self._drift
        np.multiply(self.covariance, self._shrink, out=self.covariance)
        self._diagonal += self._widen

    # --- versions -----------------------------------------------------------------------------

    def restore(self, *, prior: Floats, mean: Floats, covariance: Floats, noise: float, seen: int) -> None:
        """Take up a stored state.

        Raises:
            ValueError: where a part has the wrong shape.
        """
        size = self.space.size
        if prior.shape != (size,) or mean.shape != (size,) or covariance.shape != (size, size):
            raise ValueError(f"the stored state does not have the size of its arms ({size})")
        self.prior, self.mean, self.covariance = prior, mean, covariance
        self.noise, self.seen = noise, seen
        self._prepare()

    def resized(self, space: ArmSpace) -> LinearThompson:
        """The same knowledge over a revised space; new levels start at their prior."""
        grown = LinearThompson(space, self.tuning)
        old = self.space.size
        prior, mean, covariance = grown.prior, grown.mean, grown.covariance
        prior[:old], mean[:old], covariance[:old, :old] = self.prior, self.mean, self.covariance
        grown.restore(prior=prior, mean=mean, covariance=covariance, noise=self.noise, seen=self.seen)
        return grown

    # --- choosing -----------------------------------------------------------------------------

    def draw(self, rng: random.Random) -> dict[str, str]:
        """Draw an arm of active levels."""
        return self._sampler.draw(self.mean[self._first :], self._spread_root(), rng)

    def choose(self, rng: random.Random) -> tuple[Arm, float]:
        """Draw an arm; returns it with its estimated propensity (see :meth:`Sampler.likelihood`)."""
        arm = self.draw(rng)
        return arm, self.likelihood(arm)

    def likelihood(self, arm: Arm) -> float:
        """The estimated propensity of any arm of active levels."""
        return self._sampler.likelihood(self.mean[self._first :], self._spread_root(), arm)

    def likelihood_within(self, levels: Mapping[str, Sequence[str]]) -> float:
        """The estimated probability that a draw has, for each factor, one of these active levels."""
        return self._sampler.likelihood_within(self.mean[self._first :], self._spread_root(), levels)

    def _spread_root(self) -> Floats:
        """Lower triangular root of the covariance to sample arms with, kept until the next update."""
        root = self._root
        if root is None:
            arms = slice(self._first, None)
            root = np.multiply(np.linalg.cholesky(self.covariance[arms, arms]), self.tuning.scale)
            self._root = root
        return root
