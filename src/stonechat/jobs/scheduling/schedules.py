"""When a job is due: pure arithmetic on account time, the same on every host.

A *tick* is a moment at which a job should run. Ticks are a property of the schedule alone, never of
when a process started, so any number of processes compute the same ones and a run can be named by its
tick.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.jobs.job import Job, Missed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOOKBACK = timedelta(hours=4)
"""More than any change of local time; cron ticks near such a change depend on what stands before it."""

COUNT_LIMIT = 1_000
"""Cron ticks are counted one by one; nobody needs to know more exactly than "a thousand or more"."""


class Schedule(Protocol):
    """An endless, strictly increasing row of ticks (aware, UTC)."""

    def before(self, at: datetime) -> datetime:
        """The latest tick that is not after ``at``."""

    def after(self, at: datetime) -> datetime:
        """The first tick that is after ``at``."""

    def count(self, after: datetime, until: datetime) -> int:
        """How many ticks lie in ``(after, until]``."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A tick every ``every`` since the Unix epoch, moved by ``stagger``."""

    every: timedelta
    stagger: timedelta = timedelta()

    def before(self, at: datetime) -> datetime:
        return EPOCH + self.stagger + self._index(at) * self.every

    def after(self, at: datetime) -> datetime:
        return self.before(at) + self.every

    def count(self, after: datetime, until: datetime) -> int:
        return max(0, self._index(until) - self._index(after))

    def _index(self, at: datetime) -> int:
        return (at - EPOCH - self.stagger) // self.every


@dataclass(frozen=True, slots=True)
class Cron:
    """A five-field cron expression read in a time zone, moved by ``stagger``.

    Daylight saving follows Debian's cron: a job at a fixed time runs once on a day on which its time
    does not exist (right after the gap) or exists twice (the first time); ``*`` in minutes or hours
    goes by elapsed time.
    """

    expression: str
    timezone: str = "UTC"
    stagger: timedelta = timedelta()

    def after(self, at: datetime) -> datetime:
        return next(self._following(at))

    def before(self, at: datetime) -> datetime:
        window = timedelta(hours=1)
        while True:
            found = list(self._between(at - window, at))
            if found:
                return found[-1]
            window *= 4

    def count(self, after: datetime, until: datetime) -> int:
        return sum(1 for _ in islice(self._between(after, until), COUNT_LIMIT))

    def _between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        for tick in self._following(after):
            if tick > until:
                return
            yield tick

    def _following(self, at: datetime) -> Iterator[datetime]:
        start = (at - self.stagger - LOOKBACK).astimezone(ZoneInfo(self.timezone))
        last = at
        for local in CronSim(self.expression, start):
            tick = local.astimezone(UTC) + self.stagger
            if tick > last:  # two local times may name the same moment beside a gap
                last = tick
                yield tick


@dataclass(frozen=True, slots=True)
class Jittered:
    """Another schedule whose ticks come later by up to ``width``, each by an amount of its own.

    The amount is drawn from ``seed`` and the tick (SHA-256), so that every host draws the same.
    """

    ticks: Schedule
    width: timedelta
    seed: str

    def after(self, at: datetime) -> datetime:
        tick = self.ticks.after(at - self.width)
        best = self._moved(tick)
        while best <= at:
            tick = self.ticks.after(tick)
            best = self._moved(tick)
        while (tick := self.ticks.after(tick)) < best:
            moved = self._moved(tick)
            best = min(best, moved) if moved > at else best
        return best

    def before(self, at: datetime) -> datetime:
        tick = self.ticks.before(at)
        while self._moved(tick) > at:
            tick = self._previous(tick)
        best = self._moved(tick)
        while (tick := self._previous(tick)) + self.width > best:
            moved = self._moved(tick)
            best = max(best, moved) if moved <= at else best
        return best

    def count(self, after: datetime, until: datetime) -> int:
        if until <= after:
            return 0
        inside = self.ticks.count(after - self.width, until)
        early = sum(1 for tick in self._window(after - self.width, after) if self._moved(tick) <= after)
        late = sum(1 for tick in self._window(until - self.width, until) if self._moved(tick) > until)
        return max(0, inside - early - late)

    def _window(self, after: datetime, until: datetime) -> Iterator[datetime]:
        tick = self.ticks.after(after)
        while tick <= until:
            yield tick
            tick = self.ticks.after(tick)

    def _previous(self, tick: datetime) -> datetime:
        return self.ticks.before(tick - timedelta(microseconds=1))

    def _moved(self, tick: datetime) -> datetime:
        drawn = hashlib.sha256(f"{self.seed}@{tick.isoformat()}".encode()).digest()
        return tick + self.width * (int.from_bytes(drawn[:6], "big") / 2**48)


def schedule_of(job: Job, account_id: str | None = None) -> Schedule:
    """The schedule that a declaration asks for; where it asks for a spread or for jitter, this account's.

    Raises:
        ConfigError: when it has neither or both of interval and cron, or they cannot be read.
    """
    plain = _plain(job, job.stagger + _share_of_spread(job, account_id))
    return Jittered(plain, job.jitter, f"{job.name}/{account_id}") if job.jitter else plain


def _plain(job: Job, stagger: timedelta) -> Schedule:
    if job.every is not None and job.cron is None:
        if job.every <= timedelta():
            raise _fault(job, f"has an interval of {job.every}", "an interval greater than 0")
        return Interval(job.every, stagger)
    if job.cron is None or job.every is not None:
        raise _fault(job, "needs an interval or a cron expression, and not both", "every=… or cron=…")
    schedule = Cron(job.cron, job.timezone, stagger)
    try:
        schedule.after(EPOCH)
    except CronSimError as exc:
        problem = f"has the cron expression {job.cron!r}: {exc}"
        raise _fault(job, problem, "minute hour day month weekday") from exc
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise _fault(job, f"has the unknown time zone {job.timezone!r}", "Area/City") from exc
    except StopIteration as exc:
        raise _fault(job, f"has the cron expression {job.cron!r}, which never comes", "a date") from exc
    return schedule


def _share_of_spread(job: Job, account_id: str | None) -> timedelta:
    """Drawn from the names (SHA-256), so that every host draws the same; whole seconds."""
    if not job.spread or account_id is None:
        return timedelta()
    drawn = hashlib.sha256(f"{job.name}/{account_id}".encode()).digest()
    return timedelta(seconds=int(job.spread.total_seconds() * int.from_bytes(drawn[:6], "big") / 2**48))


def _fault(job: Job, problem: str, expected: str) -> ConfigError:
    return ConfigError((ConfigFault(f"job {job.name}", problem, expected),))


@dataclass(frozen=True, slots=True)
class Due:
    """What to do about the ticks since the last look.

    Attributes:
        ticks: the ticks to run, oldest first; never more than the limit asked for.
        missed: how many ticks the policy lets go.
        last: everything up to here is dealt with; pass it in the next time.
    """

    ticks: tuple[datetime, ...]
    missed: int
    last: datetime


def due(
    schedule: Schedule,
    last: datetime,
    now: datetime,
    *,
    policy: Missed,
    grace: timedelta,
    limit: int = 1,
) -> Due:
    """Which ticks in ``(last, now]`` run.

    ``SKIP`` runs the newest if it is no older than ``grace``; ``LATEST`` runs the newest however old;
    ``ALL`` runs each, ``limit`` at a time. A clock that was set back yields nothing and carries on from
    there: the ticks that pass a second time bear the names of runs that exist, so they run once.
    """
    if now < last:
        return Due((), 0, now)
    newest = schedule.before(now)
    if newest <= last:
        return Due((), 0, last)
    if policy is Missed.ALL:
        ticks = _first(schedule, last, now, limit)
        return Due(ticks, 0, ticks[-1])
    passed = schedule.count(last, now)
    if policy is Missed.SKIP and now - newest > grace:
        return Due((), passed, newest)
    return Due((newest,), passed - 1, newest)


def _first(schedule: Schedule, last: datetime, now: datetime, limit: int) -> tuple[datetime, ...]:
    ticks: list[datetime] = []
    tick = schedule.after(last)
    while tick <= now and len(ticks) < limit:
        ticks.append(tick)
        tick = schedule.after(tick)
    return tuple(ticks)
