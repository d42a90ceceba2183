"""A monitor for every job, derived from its declaration, so that nothing runs unwatched.

What a monitor thinks is decided purely, from the rows of all hosts (:func:`judge`). A tick that no host
asked for is said and then run. A monitor that was itself blind (just started, or without a database)
says *unknown*, not *missed*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, JobHealthChanged, RunMissed
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_rows, run_outcomes
from stonechat.database.repositories.job_rows import RunRow
from stonechat.jobs.declaration import Job
from stonechat.jobs.requests import Request
from stonechat.jobs.schedule import Scheduler
from stonechat.jobs.ticks import Schedule
from stonechat.jobs.timetable import REAL_GRACE, Key, Timetable, run_name

PERIOD = timedelta(seconds=5)
"""Between two rounds, real time."""

KEPT = 20
"""How many outcomes of a line its monitor remembers."""

ENOUGH = 2
"""So many good outcomes in a row end a failing state."""

POOR = 0.7
"""Fewer good outcomes than this share of the last twenty are a failing state too."""

STUCK = timedelta(seconds=30)
"""A run may exceed its time limit by this much, for its cleaning up, before it counts as stuck (real)."""

OVERLAP = timedelta(seconds=10)
"""How far back in real time each round reads again: hosts' clocks differ a little."""

SILENT = timedelta(minutes=1)
"""A run at work of which nothing was heard for longer is seen to (real time)."""

QUEUED = timedelta(minutes=1)
"""On a fast clock no run has waited for too long before this much real time has passed."""

AHEAD = timedelta(minutes=1)
"""What lies further ahead (real time) was written by a clock that was wrong, and is no evidence."""

ENDED = (RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT)


class Health(StrEnum):
    """What a monitor thinks of its job."""

    HEALTHY = "healthy"
    LATE = "late"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a monitor thinks, why, and the tick that has to be run because nobody did."""

    health: Health = Health.UNKNOWN
    why: str = ""
    overdue: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a monitor knows.

    Attributes:
        ends: outcomes, newest first.
        active: the run at work or waiting, if any.
        last_tick: the newest tick of any run.
        covered: account time up to which the last run was at work; ticks until then were let go by it.
        watched_since: account time since when the monitor has seen everything.
    """

    ends: Sequence[RunRow] = ()
    active: RunRow | None = None
    last_tick: datetime | None = None
    covered: datetime | None = None
    watched_since: datetime | None = None
    held: str | None = None


def judge(
    job: Job, schedule: Schedule, seen: Seen, *, now: datetime, wall: datetime, speed: float, before: Health
) -> Verdict:
    """What to think of a job now (``now`` account time, ``wall`` real time)."""
    if seen.held is not None:
        return Verdict(Health.UNKNOWN if not seen.ends else before, f"held: {seen.held}")
    stuck = _stuck(job, seen.active, wall) or _waits(job, seen.active, wall, speed)
    if stuck:
        return Verdict(Health.LATE, stuck)
    overdue = _overdue(job, schedule, seen, now, speed)
    if overdue is not None:
        return Verdict(Health.LATE, f"the tick of {overdue:%Y-%m-%d %H:%M:%S} UTC did not run", overdue)
    if not seen.ends:
        return Verdict(Health.UNKNOWN, "has not ended a run yet")
    return _by_outcomes(job, seen.ends, before)


def is_good(run: RunRow) -> bool:
    """Succeeded, and did some work if there was any."""
    return run.state is RunState.SUCCEEDED and not (run.done == 0 and run.due > 0)


def _stuck(job: Job, active: RunRow | None, wall: datetime) -> str:
    if active is None or active.state is not RunState.RUNNING or active.heartbeat_at is None:
        return ""
    began = active.started_at or active.state_since
    over = wall - began - job.timeout
    if over <= STUCK:
        return ""
    return f"{active.run_id} is at work for {(wall - began).total_seconds():.0f} s on {active.host}"


def _waits(job: Job, active: RunRow | None, wall: datetime, speed: float) -> str:
    """Asked for, and in its queue for longer than the grace: no host has room for it, or none may take it."""
    if active is None or active.state is not RunState.SCHEDULED:
        return ""
    waited = wall - active.state_since
    if waited <= max(job.grace / speed, QUEUED):
        return ""
    return f"{active.run_id} has waited for {waited.total_seconds():.0f} s and no host has begun it"


def _overdue(job: Job, schedule: Schedule, seen: Seen, now: datetime, speed: float) -> datetime | None:
    if seen.active is not None or seen.watched_since is None:
        return None
    newest = schedule.before(now - max(job.grace, REAL_GRACE * speed))
    if newest <= seen.watched_since:
        return None
    if any(known is not None and newest <= known for known in (seen.last_tick, seen.covered)):
        return None
    return newest


def _by_outcomes(job: Job, ends: Sequence[RunRow], before: Health) -> Verdict:
    good = [is_good(run) for run in ends]
    bad_row = good.index(True) if True in good else len(good)
    good_row = good.index(False) if False in good else len(good)
    if bad_row >= (1 if job.critical else 3):
        return Verdict(Health.FAILING, f"{_times(bad_row)} in a row: {_trouble(ends[0])}")
    if len(good) >= KEPT and sum(good) < POOR * len(good):
        return Verdict(Health.FAILING, f"{len(good) - sum(good)} of the last {len(good)} runs failed")
    if before is Health.FAILING and good_row < min(ENOUGH, len(good)):
        return Verdict(Health.FAILING, "worked once since it failed")
    return Verdict(Health.HEALTHY)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _trouble(run: RunRow) -> str:
    if run.state is RunState.SUCCEEDED:
        return f"did nothing though {run.due} were due"
    return run.error or run.state.value


@dataclass(slots=True)
class _Memory:
    ends: list[RunRow] = field(default_factory=list)
    last_tick: datetime | None = None
    ended_at: datetime | None = None
    verdict: Verdict = field(default_factory=Verdict)

    def take(self, run: RunRow, limits: tuple[datetime, datetime]) -> None:
        """``limits``: account time and real time after which nothing can have been."""
        self.drop_future(limits)
        if run.tick <= limits[0] and (self.last_tick is None or run.tick > self.last_tick):
            self.last_tick = run.tick
        if _ended(run) > limits[1]:
            return
        if run.state in ENDED and all(run.run_id != known.run_id for known in self.ends):
            self.ends = sorted([run, *self.ends], key=_ended, reverse=True)[:KEPT]
            self.ended_at = self.ends[0].ended_at

    def drop_future(self, limits: tuple[datetime, datetime]) -> None:
        """Forget what a clock wrote that was ahead then and has been set back since."""
        if self.last_tick is not None and self.last_tick > limits[0]:
            self.last_tick = None
        if self.ends and _ended(self.ends[0]) > limits[1]:
            self.ends = [one for one in self.ends if _ended(one) <= limits[1]]
            self.ended_at = self.ends[0].ended_at if self.ends else None


def _ended(run: RunRow) -> datetime:
    return run.ended_at or run.state_since


class Watchdog:
    """Judges every line once a round, says what changed, and runs what did not fire."""

    def __init__(
        self,
        *,
        timetable: Timetable,
        scheduler: Scheduler,
        database: Database,
        clock: Clock,
        events: EventStream,
        held: Callable[[Job, str | None], str | None],
    ) -> None:
        self._timetable = timetable
        self._scheduler = scheduler
        self._database = database
        self._clock = clock
        self._events = events
        self._held = held
        self._lines: dict[Key, _Memory] = {}
        self._read_until: datetime | None = None
        self._watched_since: datetime | None = None

    def verdict(self, job: str, account_id: str | None) -> Verdict:
        """What the monitor of a job and account thinks."""
        memory = self._lines.get((job, account_id))
        return memory.verdict if memory is not None else Verdict()

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
        active = await self._read()
        now, wall = self._clock.now(), self._clock.wall()
        if self._watched_since is None or now < self._watched_since:
            self._watched_since = now
        for line in self._timetable.lines():
            job, account_id = line.job, line.account_id
            memory = self._lines.setdefault(line.key, _Memory())
            memory.drop_future(self._limits())
            seen = Seen(
                ends=memory.ends,
                active=active.get(line.key),
                last_tick=memory.last_tick,
                covered=self._covered(memory, now, wall),
                watched_since=self._watched_since,
                held=self._held(job, account_id),
            )
            verdict = judge(
                job,
                line.schedule,
                seen,
                now=now,
                wall=wall,
                speed=self._clock.speed,
                before=memory.verdict.health,
            )
            self._say(job, account_id, memory, verdict)
            if verdict.overdue is not None:
                await self._fire(job, account_id, verdict.overdue, "watchdog")
        for run in active.values():
            if run.state is RunState.SCHEDULED and wall - run.state_since > PERIOD:
                await self._scheduler.take_up(run)  # the engine has lost it, or nobody has seen it
            elif run.state is RunState.RUNNING and wall - (run.heartbeat_at or wall) > SILENT:
                await self._scheduler.look_after(run)

    async def _read(self) -> dict[Key, RunRow]:
        wall, limits = self._clock.wall(), self._limits()
        async with self._database.read("jobs.watch") as connection:
            if self._read_until is None:
                for run in await run_outcomes.latest_ends(connection, KEPT):
                    self._lines.setdefault((run.job, run.account_id), _Memory()).take(run, limits)
            since = min(self._read_until or wall, wall) - OVERLAP
            changed = await job_rows.changed(connection, since)
            active = await job_rows.active(connection)
        self._read_until = wall
        for run in changed:
            self._lines.setdefault((run.job, run.account_id), _Memory()).take(run, limits)
        return {(run.job, run.account_id): run for run in active}

    def _limits(self) -> tuple[datetime, datetime]:
        return self._clock.now() + AHEAD * self._clock.speed, self._clock.wall() + AHEAD

    def _covered(self, memory: _Memory, now: datetime, wall: datetime) -> datetime | None:
        if memory.ended_at is None:
            return None
        return now - (wall - memory.ended_at) * self._clock.speed

    def _say(self, job: Job, account_id: str | None, memory: _Memory, verdict: Verdict) -> None:
        before, memory.verdict = memory.verdict, verdict
        if verdict.overdue is not None and verdict.overdue != before.overdue:
            why = "no host asked for it; it is run now"
            self._events.emit(RunMissed(job=job.name, account_id=account_id, tick=verdict.overdue, why=why))
        if verdict.health is not before.health:
            self._events.emit(
                JobHealthChanged(
                    job=job.name,
                    account_id=account_id,
                    before=before.health.value,
                    after=verdict.health.value,
                    why=verdict.why,
                    critical=job.critical,
                )
            )

    def _blind(self, why: str) -> None:
        for (name, account_id), memory in self._lines.items():
            job = self._timetable.job(name)
            if job is not None:
                self._say(job, account_id, memory, Verdict(Health.UNKNOWN, why))

    async def _fire(self, job: Job, account_id: str | None, tick: datetime, trigger: str) -> None:
        request = Request(job.name, account_id, tick, trigger)
        await self._scheduler.ask(job, request, run_name(job.name, account_id, tick))
