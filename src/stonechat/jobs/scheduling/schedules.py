"""When a job is due: pure arithmetic on account time, the same on every host.

A *tick* is a moment at which a job should run. Ticks are a property of the schedule alone, never of
when a process started, so any number of processes compute the same ones and a run can be named by its
tick.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stonechat.jobs.job import Job, Missed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """An endless, strictly increasing row of ticks (aware, UTC): one in each interval since the Unix epoch.

    Attributes:
        offset: of every tick within its interval.
        jitter: each tick comes later by up to so much, by an amount drawn from ``seed`` and the tick:
            every host draws the same. Shorter than the interval, so that ticks keep their order.
    """

    every: timedelta
    offset: timedelta = timedelta()
    jitter: timedelta = timedelta()
    seed: str = ""

    def before(self, at: datetime) -> datetime:
        """The latest tick that is not after ``at``."""
        return self._tick(self._latest(at))

    def after(self, at: datetime) -> datetime:
        """The first tick that is after ``at``."""
        return self._tick(self._latest(at) + 1)

    def count(self, after: datetime, until: datetime) -> int:
        """How many ticks lie in ``(after, until]``."""
        return max(0, self._latest(until) - self._latest(after))

    def _latest(self, at: datetime) -> int:
        number = (at - EPOCH - self.offset) // self.every
        return number if self._tick(number) <= at else number - 1

    def _tick(self, number: int) -> datetime:
        tick = EPOCH + self.offset + number * self.every
        return tick + self.jitter * _share(f"{self.seed}@{tick.isoformat()}") if self.jitter else tick


def schedule_of(job: Job, account_id: str | None = None) -> Schedule:
    """The schedule that a declaration asks for; where it asks for a spread or for jitter, this account's."""
    name = f"{job.name}/{account_id}"
    spread = timedelta()
    if job.spread and account_id is not None:
        spread = timedelta(seconds=int(job.spread.total_seconds() * _share(name)))
    return Schedule(job.every, job.stagger + spread, job.jitter, name if job.jitter else "")


def _share(seed: str) -> float:
    """A number in [0, 1) drawn from a name."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:6], "big") / 2**48


@dataclass(frozen=True, slots=True)
class Due:
    """What to do about the ticks since the last look.

    Attributes:
        tick: the tick to run, if any.
        missed: how many ticks the policy lets go.
        last: everything up to here is dealt with; pass it in the next time.
    """

    tick: datetime | None
    missed: int
    last: datetime


def due(schedule: Schedule, last: datetime, now: datetime, *, policy: Missed, grace: timedelta) -> Due:
    """Which of the ticks in ``(last, now]`` runs next.

    ``SKIP`` runs the newest if it is no older than ``grace``; ``LATEST`` runs the newest however old;
    ``ALL`` runs each, the oldest first. A clock that was set back yields nothing and carries on from
    there: the ticks that pass a second time bear the names of runs that exist, so they run once.
    """
    if now < last:
        return Due(None, 0, now)
    newest = schedule.before(now)
    if newest <= last:
        return Due(None, 0, last)
    if policy is Missed.ALL:
        oldest = schedule.after(last)
        return Due(oldest, 0, oldest)
    passed = schedule.count(last, now)
    if policy is Missed.SKIP and now - newest > grace:
        return Due(None, passed, newest)
    return Due(newest, passed - 1, newest)
