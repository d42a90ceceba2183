"""The model's knowledge as figures for people: effects with intervals, P(best), predicted and actual.

Pure functions of a model and the reward log; the dashboard shows what they return.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stonechat.core.model import Arm
from stonechat.learning.model_registry import Lesson, Model, restarted
from stonechat.learning.uplift import Trial, Uplift, measured, percent

_DRAWS = 1000
_WIDTH = 1.645  # 90 % of a normal distribution lies within so many standard deviations
_SHOWN_PAIRS = 100

TREND = 50
"""Rewards over which it is said where an effect is going."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One learned line of the reward log with what was logged when its arm was chosen."""

    lesson: Lesson
    holdout: bool
    model_version: int


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """What one level adds to the log reward, compared with the average active level of its factor.

    Attributes:
        low: lower end of the 90 % interval, ``high`` the upper end.
        best: probability that it is the best active level of its factor; 0 where retired.
        posts: rewards learned with it.
        trend: ``mean`` less what it was :data:`TREND` rewards ago; None where there were not so many.
    """

    factor: str
    level: str
    mean: float
    low: float
    high: float
    best: float
    posts: int
    active: bool
    trend: float | None = None

    @property
    def verdict(self) -> str:
        """``helps`` or ``hurts`` where the interval leaves out zero, else ``not yet clear``."""
        return "helps" if self.low > 0 else "hurts" if self.high < 0 else "not yet clear"

    @property
    def course(self) -> str:
        """``rising`` or ``falling`` where it moved by 0.03 and a tenth of its size, else ``steady``."""
        if self.trend is None or abs(self.trend) < max(0.03, 0.1 * abs(self.mean)):
            return "" if self.trend is None else "steady"
        return "rising" if self.trend > 0 else "falling"

    def sentence(self) -> str:
        """For people, in per cent of (1 + engagement) against the average level of the factor."""
        low, high = (percent(end, signed=True) for end in (self.low, self.high))
        spread = f"90 % interval {low} to {high}"
        best = f"the best with probability {self.best:.0%}" if self.active else "retired"
        course = f", {self.course}" if self.course else ""
        what = f"{self.factor} {self.level}".replace("_", " ")
        return (
            f"{what}: {percent(self.mean, signed=True)} ({spread}), {self.verdict}{course}; "
            f"{best}; {self.posts} {'post' if self.posts == 1 else 'posts'}"
        )


def effects(model: Model, arms: Sequence[Arm], before: Model | None = None) -> list[FactorEffect]:
    """The effect of every level known to the model.

    Args:
        arms: the arms of the rewards learned, to count posts by level.
        before: the model as it was :data:`TREND` rewards ago.
    """
    bandit, space = model.bandit, model.bandit.space
    counts = Counter(pair for arm in arms for pair in arm.items())
    first = space.first_arm
    rng = np.random.default_rng(0)  # the same model always shows the same figures
    root = np.linalg.cholesky(bandit.covariance[first:, first:])
    samples = bandit.mean[first:, None] + root @ rng.standard_normal((len(space.known), _DRAWS))
    active = dict(space.active)
    found = []
    for factor in dict.fromkeys(factor for factor, _ in space.known):
        offered = [space.positions[factor, level] - first for level in active.get(factor, ())]
        winners = np.asarray(offered)[samples[offered].argmax(0)] if offered else np.array([-1])
        for known, level in space.known:
            if known != factor:
                continue
            at = space.positions[factor, level] - first
            contrast = _contrast(len(space.known), at, offered)
            mean = float(contrast @ bandit.mean[first:])
            spread = _WIDTH * math.sqrt(
                max(0.0, float(contrast @ bandit.covariance[first:, first:] @ contrast))
            )
            best = float((winners == at).mean())
            found.append(
                FactorEffect(
                    factor,
                    level,
                    mean,
                    mean - spread,
                    mean + spread,
                    best,
                    counts[factor, level],
                    at in offered,
                    None if before is None else mean - _mean_then(before, factor, level, active),
                )
            )
    return found


def _mean_then(before: Model, factor: str, level: str, active: Mapping[str, Sequence[str]]) -> float:
    """The effect of a level in an earlier model, against the levels that are active now; 0 where unknown."""
    bandit, at = before.bandit, before.bandit.space.positions
    own = float(bandit.mean[at[factor, level]]) if (factor, level) in at else 0.0
    rest = [float(bandit.mean[at[factor, v]]) for v in active.get(factor, ()) if (factor, v) in at]
    return own - (sum(rest) / len(rest) if rest else 0.0)


def _contrast(size: int, at: int, offered: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights of (this level) - (mean of the offered levels)."""
    weights = np.zeros(size)
    if offered:
        weights[list(offered)] = -1.0 / len(offered)
    weights[at] += 1.0
    return weights


@dataclass(frozen=True, slots=True)
class LearningSummary:
    """The reward log walked through once more, each reward predicted before it was learned.

    Attributes:
        pairs: the last (predicted, actual) log rewards, oldest first.
        error: root mean square of actual - predicted over the second half of the log; None below 10.
        before: the model as it was :data:`TREND` rewards ago; None where there were not so many.
    """

    uplift: Uplift
    pairs: tuple[tuple[float, float], ...]
    error: float | None
    before: Model | None = None


def reviewed(model: Model, log: Sequence[Logged]) -> LearningSummary:
    """Uplift, and predicted against actual, from the log that ``model`` learned."""
    walker = restarted(model)
    trials, pairs, before = [], [], None
    revisions = list(model.revisions[1:])
    for number, line in enumerate(log):
        if number == len(log) - TREND:
            before = walker.copy()
        while revisions and line.lesson.id > revisions[0].after:
            walker = walker.with_arms(dict(revisions.pop(0).factors))
        uniform = walker.bandit.average()
        surprise = walker.bandit.update(line.lesson.arm, line.lesson.value, line.lesson.context)
        share = model.share_at(line.model_version)
        trials.append(Trial(line.lesson.value, line.holdout, share, surprise.expected, uniform))
        pairs.append((surprise.expected, line.lesson.value))
    late = pairs[len(pairs) // 2 :]
    error = math.sqrt(sum((a - e) ** 2 for e, a in late) / len(late)) if len(pairs) >= 10 else None
    return LearningSummary(measured(trials), tuple(pairs[-_SHOWN_PAIRS:]), error, before)
