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

FARTHEST = 10_000
"""Posts beyond which it is not said how many more it takes."""

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
        more: about how many more posts it takes until the interval leaves out zero, if all stays as it was
            so far; None where it does already, where nothing is known, or where it takes too long to say.
    """

    mean: float | None
    low: float | None
    high: float | None
    posts: int
    held: int
    more: int | None = None

    @property
    def known(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def helps(self) -> bool:
        """Whether learning is shown to help."""
        return self.low is not None and self.low > 0

    def sentence(self) -> str:
        """For people. Per cent of (1 + engagement), since rewards are ``log1p``."""
        if self.mean is None or self.low is None or self.high is None:
            measured = f"{self.posts} posts measured, {self.held} of them chosen at random"
            return f"Not yet known: {measured}.{self._wait('before it can be judged')}"
        spread = f"interval {percent(self.low)} to {percent(self.high)}"
        if not self.known:
            so_far = f"so far {percent(self.mean)}, {spread}, over {self.posts} posts"
            return f"Not yet known: {so_far}.{self._wait('to know, if it goes on like this')}"
        verb = "helps" if self.mean > 0 else "hurts"
        return f"Learning {verb} by {percent(abs(self.mean))}, {spread}, over {self.posts} posts."

    def _wait(self, until: str) -> str:
        return "" if self.more is None else f" About {self.more} more posts {until}."


def percent(log_difference: float, *, signed: bool = False) -> str:
    """A difference of logarithms as the change that it is, for example ``18 %``."""
    change = math.expm1(min(log_difference, 20.0)) * 100
    return f"{change:+.0f} %" if signed else f"{change:.0f} %"


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
        self._share = 0.0

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
            self._share = trial.share
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
            missing = max(MIN_HOLDOUT - held, 0)
            more = math.ceil(missing / self._share) if self._share and missing else None
            return Uplift(None, None, None, n, held, more)
        half = self._half_width(n)
        more = None if half < abs(self._mean) else self._more_posts()
        return Uplift(self._mean, self._mean - half, self._mean + half, n, held, more)

    def _half_width(self, posts: int) -> float:
        """Theorem 2.2 at t = ``posts`` with the variance so far; narrowest at about ``tuned_for`` posts."""
        spread = self._squares / self._count * self._rho2 * posts + 1.0
        inside = spread / (posts * posts * self._rho2) * math.log(math.sqrt(spread) / self._alpha)
        return math.sqrt(2.0 * inside)

    def _more_posts(self) -> int | None:
        """How many more until the interval leaves out zero; None beyond :data:`FARTHEST`."""
        low, high = self._count, self._count + FARTHEST
        if self._half_width(high) >= abs(self._mean):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._half_width(middle) < abs(self._mean) else (middle, high)
        return high - self._count


def measured(trials: Iterable[Trial]) -> Uplift:
    """The uplift over these trials, in their order."""
    meter = UpliftMeter()
    for trial in trials:
        meter.add(trial)
    return meter.read()


def holdout_share(posts: int, first: float = 0.15, later: float = 0.10, until: int = 200) -> float:
    """The share of posts to choose uniformly, when ``posts`` were chosen so far."""
    return first if posts < until else later
