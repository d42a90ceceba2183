"""Service levels: what share of posts goes out in time, is confirmed, and is measured, and how much may fail.

A level has an error budget: the share of events that may be bad. The *burn rate* says how many times as fast
as it may the budget is spent (Google, "Site Reliability Engineering Workbook", chapter 5). At a few posts a
day windows are long, and small counts say nothing: see :func:`burns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

WINDOWS: Mapping[str, timedelta] = MappingProxyType(
    {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
)
"""Account time; the error budget is shown over 7 and 30 days."""

ON_TIME, CONFIRMED, MEASURED = "posts on time", "posts confirmed", "metrics fresh"

TARGETS: Mapping[str, float] = MappingProxyType({ON_TIME: 0.95, CONFIRMED: 0.99, MEASURED: 0.95})
"""The share of good events that is promised."""

FAST = 2.0
"""A budget that is spent so many times as fast as it may, over a day and over a week, is told."""

FEWEST = 3
"""... where at least so many events of the day were bad."""


@dataclass(frozen=True, slots=True)
class LevelEvent:
    """One event of a service level, in account time.

    Attributes:
        at: the moment by which it counts: when a post was planned, sent, or due for its reading.
        until: when it came about, or now: a trouble between the two explains that it is bad.
    """

    at: datetime
    until: datetime
    good: bool


@dataclass(frozen=True, slots=True)
class WindowCount:
    """The events of one window."""

    good: int
    bad: int
    target: float

    @property
    def ratio(self) -> float:
        """Share of good events; 1 where there was none."""
        total = self.good + self.bad
        return self.good / total if total else 1.0

    @property
    def burn_rate(self) -> float:
        """1 spends the budget exactly."""
        return (1 - self.ratio) / (1 - self.target)

    @property
    def budget_left(self) -> float:
        """Share of the budget that is left; negative where it is overspent."""
        return 1 - self.burn_rate


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """One level of one account over each window; ``untold`` counts without what incidents explain."""

    name: str
    windows: Mapping[str, WindowCount]
    untold: Mapping[str, WindowCount]


Span = tuple[datetime, datetime]


def judge_level(
    name: str, events: Sequence[LevelEvent], now: datetime, incidents: Sequence[Span] = ()
) -> ServiceLevel:
    """Count the events of a level.

    Args:
        incidents: when something that the owner was told of was in trouble (account time): what was bad
            then is known already, and is no news.
    """
    news = [one for one in events if one.good or not _explained(one, incidents)]
    return ServiceLevel(name, _windows(name, events, now), _windows(name, news, now))


def burns(level: ServiceLevel) -> bool:
    """Whether the budget is spent too fast by what no incident explains, over a day and over a week."""
    day, week = level.untold["1d"], level.untold["7d"]
    return day.bad >= FEWEST and day.burn_rate > FAST and week.burn_rate > FAST


def _windows(name: str, events: Iterable[LevelEvent], now: datetime) -> dict[str, WindowCount]:
    kept = list(events)
    found = {}
    for window, length in WINDOWS.items():
        inside = [one.good for one in kept if now - length <= one.at <= now]
        found[window] = WindowCount(sum(inside), len(inside) - sum(inside), TARGETS[name])
    return found


def _explained(event: LevelEvent, incidents: Iterable[Span]) -> bool:
    return any(begins <= event.until and event.at <= ends for begins, ends in incidents)
