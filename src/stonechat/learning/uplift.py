"""What learning adds: learned posts against the holdout, with an interval that is valid at any time.

Before each post a coin with known probability ``share`` decides whether its arm is drawn uniformly
(the *holdout*) or by the model. With ``y`` the log reward, ``H`` the coin, ``b`` a baseline of learned
posts, ``q`` the model's prediction for the posted arm and ``u`` its mean prediction over all arms, all
three made from earlier rewards only::

    d = b - u  +  (1 - H)/(1 - share) * (y - b)  -  H/share * (y - q)

has the expectation (log reward when learning) - (log reward at random), however bad the predictions
are; good ones only make it less noisy (doubly robust estimation, Dudik, Langford and Li, 2011). The
interval around the mean of ``d`` is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas (*Time-uniform central limit theory and asymptotic confidence sequences*, 2021,
theorem 2.2): looking after each post does not make a false claim likelier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

ALPHA = 0.10
"""1 - coverage of the interval; false claims of *help*, made by its lower end, are bounded by half of it."""

TUNED_FOR = 150
"""The number of posts at which the interval is made tightest."""

MIN_HOLDOUT = 10
"""Below so many holdout posts nothing is said: the theory is asymptotic."""

MEMORY = 60.0
"""Posts that the baseline ``b`` remembers."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One learned line of the reward log, as far as uplift is concerned.

    Attributes:
        share: probability that the coin fell on holdout; strictly between 0 and 1 to count.
        expected: what the model predicted for this arm before it learned this reward.
        uniform: what it predicted then on average over all arms.
    """

    value: float
    holdout: bool
    share: float
    expected: float
    uniform: float


@dataclass(frozen=True, slots=True)
class Uplift:
    """The difference on the log scale and its interval; None while nothing can be said.

    Attributes:
        posts: trials that counted; ``held`` of them were holdout.
    """

    mean: float | None
    low: float | None
    high: float | None
    posts: int
    held: int

    @property
    def known(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def helps(self) -> bool:
        """Whether learning is shown to help."""
        return self.low is not None and self.low > 0

    def sentence(self) -> str:
        """For the dashboard. Per cent of (1 + engagement), since rewards are ``log1p``."""
        if self.mean is None or self.low is None or self.high is None:
            return f"Not yet known: {self.posts} posts measured, {self.held} of them chosen at random."
        spread = f"interval {_percent(self.low)} to {_percent(self.high)}"
        if not self.known:
            return f"Not yet known: so far {_percent(self.mean)}, {spread}, over {self.posts} posts."
        verb = "helps" if self.mean > 0 else "hurts"
        return f"Learning {verb} by {_percent(abs(self.mean))}, {spread}, over {self.posts} posts."


def _percent(log_difference: float) -> str:
    return f"{math.expm1(min(log_difference, 20.0)) * 100:.0f} %"


class UpliftMeter:
    """Adds up trials one by one in the order of the reward log."""

    def __init__(self, alpha: float = ALPHA, tuned_for: int = TUNED_FOR) -> None:
        self._alpha = alpha
        self._rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / tuned_for
        self._count = 0
        self._held = 0
        self._mean = 0.0
        self._squares = 0.0
        self._baseline = 0.0
        self._weight = 0.0

    def add(self, trial: Trial) -> None:
        """Count one trial; one without chance (share 0 or 1) only moves the baseline."""
        if 0.0 < trial.share < 1.0 and self._weight > 0:
            # b - u + the importance-weighted residual of the side on which the coin fell; see the module.
            d = self._baseline - trial.uniform
            if trial.holdout:
                d -= (trial.value - trial.expected) / trial.share
            else:
                d += (trial.value - self._baseline) / (1.0 - trial.share)
            self._count += 1
            self._held += trial.holdout
            step = d - self._mean
            self._mean += step / self._count
            self._squares += step * (d - self._mean)
        if not trial.holdout:
            # Updated after use, so that the baseline of a trial is made of earlier rewards only.
            self._weight = min(self._weight + 1.0, MEMORY)
            self._baseline += (trial.value - self._baseline) / self._weight

    def read(self) -> Uplift:
        """The uplift after the trials so far."""
        n, held = self._count, self._held
        if held < MIN_HOLDOUT or n - held < MIN_HOLDOUT:
            return Uplift(None, None, None, n, held)
        # Theorem 2.2 with t = n; rho2 makes the interval narrowest at about TUNED_FOR posts.
        spread = self._squares / n * self._rho2 * n + 1.0
        half = math.sqrt(2.0 * spread / (n * n * self._rho2) * math.log(math.sqrt(spread) / self._alpha))
        return Uplift(self._mean, self._mean - half, self._mean + half, n, held)


def measured(trials: Iterable[Trial]) -> Uplift:
    """The uplift over these trials, in their order."""
    meter = UpliftMeter()
    for trial in trials:
        meter.add(trial)
    return meter.read()


def holdout_share(posts: int, first: float = 0.15, later: float = 0.10, until: int = 200) -> float:
    """The share of posts to choose uniformly, when ``posts`` were chosen so far."""
    return first if posts < until else later
