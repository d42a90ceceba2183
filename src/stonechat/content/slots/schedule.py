"""When posts are due: pure functions over what is booked already.

The account's *rhythm* says how many posts a local day holds, how far apart they stand, and in which
hours. The arm's hour block says in which part of the day this post belongs. A free time is found in the
first local day that has room, inside that block, and away from neighbours in time and in topic.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How an account posts.

    Attributes:
        per_day: most posts due in one local day; the planner aims for as many.
        timezone: IANA name; days and hours are counted in it.
        spacing: least time between two posts.
        active: local hours (first, up to) between which posts may be due.
        one_topic: the account has a single topic, so that topics may follow themselves.
    """

    per_day: int
    timezone: str = "UTC"
    spacing: timedelta = timedelta(minutes=20)
    active: tuple[int, int] = (0, 24)
    one_topic: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
    """A post that has its time already, published or not."""

    due_at: datetime
    topic: str = ""


@dataclass(frozen=True, slots=True)
class _Gap:
    start: datetime
    end: datetime

    @property
    def width(self) -> timedelta:
        return self.end - self.start


def wanted(rhythm: Rhythm, booked: Sequence[Booked], now: datetime, horizon: timedelta) -> int:
    """How many posts are lacking so that the queue holds ``horizon`` of posts, at most one day's worth
    for each day of it."""
    target = math.ceil(rhythm.per_day * (horizon / _DAY) - 1e-9)
    ahead = sum(1 for one in booked if one.due_at >= now)
    return max(0, target - ahead)


def place(
    rhythm: Rhythm,
    booked: Sequence[Booked],
    *,
    hours: tuple[int, int] | None,
    topic: str,
    earliest: datetime,
    until: datetime,
    rng: random.Random,
) -> datetime | None:
    """A free time for one post, in UTC and whole seconds, or None where no day until then has one.

    Args:
        hours: local hours of the arm's hour block; None for any.
        topic: not the same as that of the post before or after, unless the account has but one.
        earliest, until: the time lies between them; the local day of ``until`` counts as a whole.
    """
    for day in _days(rhythm, earliest, until):
        if _count(rhythm, booked, day) >= rhythm.per_day:
            continue
        window = _window(rhythm, day, hours, earliest)
        gaps = _gaps(rhythm, booked, window, topic) if window else []
        if gaps:
            # The widest gap, to spread posts over the day; not always its middle, so that minutes vary.
            widest = max(gaps, key=lambda gap: gap.width)
            share = 0.5 + (rng.random() - 0.5) * 0.6
            return _whole(widest.start + widest.width * share, widest)
    return None


def soonest(
    rhythm: Rhythm, booked: Sequence[Booked], *, earliest: datetime, until: datetime
) -> datetime | None:
    """The first free time in the account's hours, or None where no day until then has one."""
    for day in _days(rhythm, earliest, until):
        window = _window(rhythm, day, None, earliest)
        gaps = _gaps(rhythm, booked, window, "") if window else []
        if gaps and _count(rhythm, booked, day) < rhythm.per_day:
            first = min(gaps, key=lambda gap: gap.start)
            return _whole(first.start, first)
    return None


def next_in_rhythm(
    rhythm: Rhythm, booked: Sequence[Booked], *, earliest: datetime, until: datetime
) -> datetime | None:
    """When the next post must be due so that the rhythm holds up to ``until``; None where it holds.

    The rhythm holds where posts follow each other at a day's share, and at most a fifth later. What was
    missed before ``earliest`` is not made up for: a late account posts at once, and then goes on.
    """
    free = [
        gap
        for day in _days(rhythm, earliest, until)
        if _count(rhythm, booked, day) < rhythm.per_day
        and (window := _window(rhythm, day, None, earliest)) is not None
        and window.start < until
        for gap in _gaps(rhythm, booked, _Gap(window.start, min(window.end, until)), "")
    ]
    pace = (_DAY * ((rhythm.active[1] - rhythm.active[0]) / 24)) / rhythm.per_day
    # A gap before `earliest` counts for one interval at most, so that an outage is not made up for.
    overdue = earliest - pace
    before = max((one.due_at for one in booked if one.due_at < earliest), default=overdue)
    ahead = sorted(one.due_at for one in booked if earliest <= one.due_at < until)
    for sooner, later in itertools.pairwise([max(before, overdue), *ahead, until]):
        # A fifth of tolerance: jitter inside the hour blocks is not a gap.
        if later - sooner > pace * 1.2:
            wish = sooner + pace
            gap = next((one for one in free if wish <= one.end and one.start < later), None)
            if gap is not None:
                return _whole(max(wish, gap.start), gap)
    return None


def fits(
    rhythm: Rhythm, booked: Sequence[Booked], *, due_at: datetime, topic: str, earliest: datetime
) -> bool:
    """Whether a time that was free when it was chosen still is."""
    zone = ZoneInfo(rhythm.timezone)
    day = due_at.astimezone(zone).date()
    if due_at < earliest or _count(rhythm, booked, day) >= rhythm.per_day:
        return False
    if any(abs(one.due_at - due_at) < rhythm.spacing for one in booked):
        return False
    return rhythm.one_topic or topic not in _neighbours(booked, due_at) or not topic


def local_hour(timezone: str, at: datetime) -> int:
    """The hour of the day, 0 to 23, in a time zone."""
    return at.astimezone(ZoneInfo(timezone)).hour


def _neighbours(booked: Sequence[Booked], at: datetime) -> tuple[str, str]:
    before = max((one for one in booked if one.due_at <= at), key=lambda one: one.due_at, default=None)
    after = min((one for one in booked if one.due_at > at), key=lambda one: one.due_at, default=None)
    return (before.topic if before else "", after.topic if after else "")


def _days(rhythm: Rhythm, earliest: datetime, until: datetime) -> Iterator[date]:
    zone = ZoneInfo(rhythm.timezone)
    day, last = earliest.astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        yield day
        day += _DAY


def _count(rhythm: Rhythm, booked: Sequence[Booked], day: date) -> int:
    zone = ZoneInfo(rhythm.timezone)
    return sum(1 for one in booked if one.due_at.astimezone(zone).date() == day)


def _window(rhythm: Rhythm, day: date, hours: tuple[int, int] | None, earliest: datetime) -> _Gap | None:
    first, last = hours or (0, 24)
    first, last = max(first, rhythm.active[0]), min(last, rhythm.active[1])
    if first >= last:
        return None
    start, end = max(_at(rhythm, day, first), earliest), _at(rhythm, day, last)
    return _Gap(start, end) if start < end else None


def _at(rhythm: Rhythm, day: date, hour: int) -> datetime:
    # 24 is midnight of the next day; on a day when clocks change, zoneinfo picks one of both readings
    zone = ZoneInfo(rhythm.timezone)
    local = datetime.combine(day + _DAY * (hour // 24), time(hour % 24), zone)
    return datetime.fromtimestamp(local.timestamp(), tz=UTC)


def _gaps(rhythm: Rhythm, booked: Sequence[Booked], window: _Gap, topic: str) -> list[_Gap]:
    ordered = sorted(booked, key=lambda one: one.due_at)
    gaps = []
    for before, after in zip([None, *ordered], [*ordered, None], strict=True):
        start = max(window.start, before.due_at + rhythm.spacing) if before else window.start
        end = min(window.end, after.due_at - rhythm.spacing) if after else window.end
        same = topic and topic in (before.topic if before else "", after.topic if after else "")
        # Two seconds, because times are rounded to whole seconds and must stay inside the gap.
        if end - start >= timedelta(seconds=2) and (rhythm.one_topic or not same):
            gaps.append(_Gap(start, end))
    return gaps


def _whole(at: datetime, gap: _Gap) -> datetime:
    rounded = at.replace(microsecond=0)
    return rounded if rounded >= gap.start else rounded + timedelta(seconds=1)
