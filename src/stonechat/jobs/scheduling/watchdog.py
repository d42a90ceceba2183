"""A monitor for every job, derived from its declaration, so that nothing runs unwatched.

What a monitor thinks is decided purely, from the rows of all hosts (:func:`judge`). A tick that no host
asked for is said and then run. A monitor that was itself blind (just started, or without a database)
says *unknown*, not *missed*.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, JobHealthChanged, RunMissed
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_progress
from stonechat.database.repositories.job_progress import ENDS_KEPT, JobProgress, JobRun, Key, RunEnd
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.execution.run_store import RunStore
from stonechat.jobs.job import Job
from stonechat.jobs.scheduling.due_runs import REAL_GRACE, DueRuns
from stonechat.jobs.scheduling.scheduler import Scheduler
from stonechat.jobs.scheduling.schedules import Schedule

PERIOD = timedelta(seconds=5)
"""Between two rounds, real time."""

ENOUGH = 2
"""So many good outcomes in a row end a failing state."""

POOR = 0.7
"""Fewer good outcomes than this share of the last twenty are a failing state too."""

STUCK = timedelta(seconds=30)
"""A run may exceed its time limit by this much, for its cleaning up, before it counts as stuck (real)."""

OVERLAP = timedelta(seconds=10)
"""How far back in real time each round reads again: hosts' clocks differ a little."""

QUEUED = timedelta(minutes=1)
"""On a fast clock no run has waited for too long before this much real time has passed."""

AHEAD = timedelta(minutes=1)
"""What lies further ahead (real time) was written by a clock that was wrong, and is no evidence."""


class Health(StrEnum):
    """What a monitor thinks of its job."""

    HEALTHY = "healthy"
    LATE = "late"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JobHealth:
    """What a monitor thinks, why, and the tick that has to be run because nobody did."""

    health: Health = Health.UNKNOWN
    why: str = ""
    overdue: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What a monitor knows.

    Attributes:
        ends: outcomes, newest first.
        last: the newest run that came to an outcome.
        active: the run at work or waiting, if any.
        last_tick: the newest tick of any run.
        covered: account time up to which the last run was at work; ticks until then were let go by it.
        watched_since: account time since when the monitor has seen everything.
    """

    ends: Sequence[RunEnd] = ()
    last: JobRun | None = None
    active: JobRun | None = None
    last_tick: datetime | None = None
    covered: datetime | None = None
    watched_since: datetime | None = None
    held: str | None = None


def judge(
    job: Job,
    schedule: Schedule,
    seen: Observed,
    *,
    now: datetime,
    wall: datetime,
    speed: float,
    before: Health,
) -> JobHealth:
    """What to think of a job now (``now`` account time, ``wall`` real time)."""
    if seen.held is not None:
        return JobHealth(Health.UNKNOWN if not seen.ends else before, f"held: {seen.held}")
    stuck = _stuck(job, seen.active, wall) or _waits(job, seen.active, wall, speed)
    if stuck:
        return JobHealth(Health.LATE, stuck)
    overdue = _overdue(job, schedule, seen, now, speed)
    if overdue is not None:
        return JobHealth(Health.LATE, f"the tick of {overdue:%Y-%m-%d %H:%M:%S} UTC did not run", overdue)
    if not seen.ends:
        return JobHealth(Health.UNKNOWN, "has not ended a run yet")
    return _by_outcomes(job, seen, before)


def _stuck(job: Job, active: JobRun | None, wall: datetime) -> str:
    began = active.started_at if active is not None else None
    if active is None or active.state is not RunState.RUNNING or began is None:
        return ""
    over = wall - began - job.timeout
    if over <= STUCK:
        return ""
    return f"{active.run_id} is at work for {(wall - began).total_seconds():.0f} s on {active.host}"


def _waits(job: Job, active: JobRun | None, wall: datetime, speed: float) -> str:
    """Asked for, and in its queue for longer than the grace: no host has room for it, or none may take it."""
    asked = active.asked_at if active is not None else None
    if active is None or active.state is not RunState.SCHEDULED or asked is None:
        return ""
    waited = wall - asked
    if waited <= max(job.grace / speed, QUEUED):
        return ""
    return f"{active.run_id} has waited for {waited.total_seconds():.0f} s and no host has begun it"


def _overdue(job: Job, schedule: Schedule, seen: Observed, now: datetime, speed: float) -> datetime | None:
    if seen.active is not None or seen.watched_since is None:
        return None
    newest = schedule.before(now - max(job.grace, REAL_GRACE * speed))
    if newest <= seen.watched_since:
        return None
    if any(known is not None and newest <= known for known in (seen.last_tick, seen.covered)):
        return None
    return newest


def _by_outcomes(job: Job, seen: Observed, before: Health) -> JobHealth:
    good = [end.good for end in seen.ends]
    bad_row = good.index(True) if True in good else len(good)
    good_row = good.index(False) if False in good else len(good)
    if bad_row >= (1 if job.critical else 3):
        return JobHealth(Health.FAILING, f"{_times(bad_row)} in a row: {_trouble(seen)}")
    if len(good) >= ENDS_KEPT and sum(good) < POOR * len(good):
        return JobHealth(Health.FAILING, f"{len(good) - sum(good)} of the last {len(good)} runs failed")
    if before is Health.FAILING and good_row < min(ENOUGH, len(good)):
        return JobHealth(Health.FAILING, "worked once since it failed")
    return JobHealth(Health.HEALTHY)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _trouble(seen: Observed) -> str:
    run = seen.last
    if run is None:
        return seen.ends[0].state.value
    if run.state is RunState.SUCCEEDED:
        return f"did nothing though {run.due} were due"
    return run.error or run.state.value


def observed(
    progress: JobProgress,
    *,
    now: datetime,
    wall: datetime,
    speed: float,
    active: JobRun | None = None,
    watched_since: datetime | None = None,
    held: str | None = None,
) -> Observed:
    """What the row of a job and account tells, without what a clock that was ahead has written."""
    ends = [end for end in progress.ends if end.ended_at <= wall + AHEAD]
    last = progress.last
    if last is not None and (last.ended_at is None or last.ended_at > wall + AHEAD):
        last = None
    ticks = [progress.position, last.tick if last is not None else None]
    known = [tick for tick in ticks if tick is not None and tick <= now + AHEAD * speed]
    return Observed(
        ends=ends,
        last=last,
        active=active,
        last_tick=max(known, default=None),
        covered=now - (wall - ends[0].ended_at) * speed if ends else None,
        watched_since=watched_since,
        held=held,
    )


@dataclass(slots=True)
class _Watched:
    """What is known of a job and account, what is thought of it, and when it must be looked at again."""

    progress: JobProgress
    health: JobHealth = field(default_factory=JobHealth)
    again: datetime | None = None


class Watchdog:
    """Judges, once a round, every job and account of which something changed or whose time is up.

    What changed and what happens is said, and what did not fire is run.
    """

    def __init__(
        self,
        *,
        due_runs: DueRuns,
        scheduler: Scheduler,
        database: Database,
        store: RunStore,
        clock: Clock,
        events: EventStream,
    ) -> None:
        self._due_runs = due_runs
        self._scheduler = scheduler
        self._database = database
        self._store = store
        self._clock = clock
        self._events = events
        self._watched: dict[Key, _Watched] = {}
        self._deadlines: list[tuple[datetime, int, Key]] = []
        self._numbers = itertools.count()
        self._read_until: datetime | None = None
        self._watched_since: datetime | None = None
        self._unsettled: set[Key] = set()

    def health(self, job: str, account_id: str | None) -> JobHealth:
        """What the monitor of a job and account thinks."""
        watched = self._watched.get((job, account_id))
        return watched.health if watched is not None else JobHealth()

    def troubled(self) -> list[Key]:
        """The jobs and accounts that are late or failing, in the order of their names."""
        ill = (Health.LATE, Health.FAILING)
        found = [key for key in self._unsettled if self._watched[key].health.health in ill]
        return sorted(found, key=lambda key: (key[0], key[1] or ""))

    async def run(self) -> None:
        """Rounds, until cancelled."""
        while True:
            try:
                await self.round()
            except Transient as exc:
                self._watched_since = None
                self._blind(exc.what)
            await self._clock.sleep_real(PERIOD)

    async def round(self) -> None:
        """Read what changed, judge, and see to what did not fire.

        Raises:
            Transient: the database is away.
        """
        active, changed = await self._read()
        now = self._clock.now()
        if self._watched_since is None or now < self._watched_since:
            self._watched_since = now
            changed.update(self._watched)  # all of them: their time is counted from now on
        for key in self._to_judge(changed | active.keys() | self._unsettled, now):
            await self._judge(key, active.get(key), now)

    async def _judge(self, key: Key, active: JobRun | None, now: datetime) -> None:
        job, schedule = self._due_runs.jobs.get(key[0]), self._due_runs.schedule(key)
        if job is None or schedule is None:
            self._watched.pop(key, None)
            self._unsettled.discard(key)
            return
        watched, wall, speed = self._watched[key], self._clock.wall(), self._clock.speed
        waits = self._due_runs.waits_for_room(key)
        if waits:  # it was not forgotten: others go first
            job = replace(job, grace=max(job.grace, QUEUED * speed))
        seen = observed(
            watched.progress,
            now=now,
            wall=wall,
            speed=speed,
            active=active,
            watched_since=self._watched_since,
            held=self._scheduler.held(job, key[1]),
        )
        health = judge(job, schedule, seen, now=now, wall=wall, speed=speed, before=watched.health.health)
        quiet = active is None and seen.held is None and not waits
        settled = quiet and health.health in (Health.HEALTHY, Health.UNKNOWN)
        (self._unsettled.discard if settled else self._unsettled.add)(key)
        self._look_again(key, watched, schedule, now)
        self._say(job, key[1], watched, health)
        if health.overdue is not None:
            await self._scheduler.ask(job, RunRequest(job.name, key[1], health.overdue, "watchdog"))

    def _look_again(self, key: Key, watched: _Watched, schedule: Schedule, now: datetime) -> None:
        """The next tick must have been run by then, or is overdue."""
        job = self._due_runs.jobs.get(key[0])
        grace = max(job.grace if job is not None else REAL_GRACE, REAL_GRACE * self._clock.speed)
        again = schedule.after(now - grace) + grace
        if watched.again is None or watched.again <= now or again < watched.again:
            watched.again = again
            heapq.heappush(self._deadlines, (again, next(self._numbers), key))

    def _to_judge(self, keys: Iterable[Key], now: datetime) -> set[Key]:
        found = set(keys)
        for key in self._due_runs.keys() if len(self._watched) < self._due_runs.size() else ():
            if key not in self._watched:
                self._watched[key] = _Watched(JobProgress(*key, self._clock.wall()))
                found.add(key)
        while self._deadlines and self._deadlines[0][0] <= now:
            found.add(heapq.heappop(self._deadlines)[2])
        return {key for key in found if key in self._watched}

    async def _read(self) -> tuple[dict[Key, JobRun], set[Key]]:
        """The runs that have not ended, and whose row changed."""
        wall = self._clock.wall()
        since = min(self._read_until, wall) - OVERLAP if self._read_until is not None else None
        active = await self._store.active()
        async with self._database.read("jobs.watch") as connection:
            rows = await job_progress.every(connection, since=since)
        self._read_until = wall
        for key, progress in rows.items():
            self._watched.setdefault(key, _Watched(progress)).progress = progress
        return {(run.job, run.account_id): run for run in reversed(active)}, set(rows)

    def _say(self, job: Job, account_id: str | None, watched: _Watched, health: JobHealth) -> None:
        before, watched.health = watched.health, health
        if health.overdue is not None and health.overdue != before.overdue:
            why = "no host asked for it; it is run now"
            self._events.emit(RunMissed(job=job.name, account_id=account_id, tick=health.overdue, why=why))
        if health.health is not before.health:
            self._events.emit(
                JobHealthChanged(
                    job=job.name,
                    account_id=account_id,
                    before=before.health.value,
                    after=health.health.value,
                    why=health.why,
                    critical=job.critical,
                )
            )

    def _blind(self, why: str) -> None:
        for (name, account_id), watched in self._watched.items():
            job = self._due_runs.jobs.get(name)
            if job is not None:
                self._say(job, account_id, watched, JobHealth(Health.UNKNOWN, why))
