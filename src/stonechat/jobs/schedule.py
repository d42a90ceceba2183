"""The loop that asks the engine for the runs that are due.

Every process runs this loop. All compute the same ticks, and a run's name is its tick, so each tick is
run once whoever asks first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, RunEnded, RunMissed
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_rows, wakeups
from stonechat.database.repositories.job_rows import RunRow
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.checking import unknown
from stonechat.jobs.declaration import Job, Priority, Resource
from stonechat.jobs.engine import Engine, Enqueued
from stonechat.jobs.ledger import Ledger
from stonechat.jobs.quiet import Outage
from stonechat.jobs.requests import Request, lane_of
from stonechat.jobs.runs import IsDown
from stonechat.jobs.standing import Standing, read_standing
from stonechat.jobs.timetable import Held, Key, Launch, Timetable, run_name

log = structlog.get_logger()

SHORTEST = timedelta(milliseconds=50)
LONGEST = timedelta(seconds=1)
"""Real time between two looks at the timetable: at most 20 a second, and a clock jump is seen in one."""

REFRESH = timedelta(seconds=2)
"""Real time between two looks at what other processes changed: switches and runs."""

AGAIN = "!again"
"""Ends the name of a run whose first time is known to the engine alone."""

POSTING = "posting"
"""Runs that publish have a queue to themselves, so that nothing else can hold them up."""

HANDICAPS: Mapping[Priority, timedelta] = {
    Priority.POST: timedelta(),
    Priority.REPLY: timedelta(minutes=10),
    Priority.METRICS: timedelta(minutes=30),
    Priority.HARVEST: timedelta(hours=1),
    Priority.BACKGROUND: timedelta(hours=2),
}
"""How long a run yields to those of a higher priority (real time); after that it goes first."""


def queue_of(job: Job) -> str:
    """The queue that bounds how many runs of this kind go on at once."""
    return POSTING if job.priority is Priority.POST else job.resource.value


QUEUES = (POSTING, *(resource.value for resource in Resource))


class Scheduler:
    """Looks at the timetable whenever something is due, and asks for the runs."""

    def __init__(
        self,
        *,
        timetable: Timetable,
        jobs: Mapping[str, Job],
        engine: Engine,
        database: Database,
        ledger: Ledger,
        clock: Clock,
        events: EventStream,
        accounts: Callable[[], Sequence[str]],
        is_down: IsDown,
    ) -> None:
        self._timetable = timetable
        self._jobs = jobs
        self._engine = engine
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._accounts = accounts
        self._is_down = is_down
        self._busy: dict[Key, float] = {}
        self._crowded: dict[str, float] = {}
        self._standing = Standing()
        self._refreshed: float | None = None
        self._began = clock.now()
        self._poked = asyncio.Event()

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """One more run of ``job`` at account time ``at``, besides its schedule. Asked twice, it runs once.

        Raises:
            Permanent: no job is called that.
        """
        if job not in self._jobs:
            raise unknown(job, self._jobs)
        self._timetable.serve(self._accounts(), self._clock.now())
        if not self._timetable.wake(job, at, account_id):
            log.warning("job.wake_without_account", job=job, account_id=account_id)
        self._poked.set()

    def ended(self, request: Request) -> None:
        """A run that this process held has ended: its line is free."""
        self._busy.pop((request.job, request.account_id), None)
        self._crowded.pop(request.job, None)
        job = self._jobs.get(request.job)
        if job is not None:
            self._engine.freed(queue_of(job))
        soon = self._clock.now() + LONGEST * self._clock.speed
        if self._timetable.waits((request.job, request.account_id), soon):
            self._poked.set()

    def refresh_soon(self) -> None:
        """Something was switched: look at once."""
        self._refreshed = None
        self._poked.set()

    async def run(self) -> None:
        """Ask for runs until cancelled."""
        outage = Outage("schedule")
        while True:
            self._poked.clear()
            try:
                await self.look()
                outage.is_over()
            except Transient as exc:
                outage.goes_on(exc.what)
                await self._clock.sleep_real(LONGEST)
            await self._pause()

    async def look(self) -> None:
        """One look: ask for everything that is due now."""
        await self._refresh()
        now = self._clock.now()
        self._timetable.serve(self._accounts(), now)
        found = self._timetable.look(now, busy=self._is_busy, held=self.held, full=self._is_full)
        answers = {launch: await self._ask(launch) for launch in found.launches}
        for launch in (one for one, answer in answers.items() if answer is Enqueued.KNOWN):
            if launch.tick < self._began:
                await self._again(launch)
        wall = self._clock.wall()
        self._ledger.schedule(_row(one, wall) for one, answer in answers.items() if answer is Enqueued.NEW)
        followed = [
            Wakeup(one.job.name, one.account_id, until)
            for one, answer in answers.items()
            if answer is not Enqueued.BUSY and (until := one.answered(new=answer is Enqueued.NEW))
        ]
        if found.held or followed:
            self._ledger.note(lambda connection: self._note(connection, found.held, followed, wall))
        for lapsed in found.lapsed:
            policy = lapsed.job.missed.value
            why = f"{lapsed.count} ticks passed while nothing ran (policy {policy})"
            self._events.emit(
                RunMissed(job=lapsed.job.name, account_id=lapsed.account_id, tick=lapsed.tick, why=why)
            )

    async def ask(self, job: Job, request: Request, run_id: str) -> Enqueued:
        """Ask the engine for a run."""
        answer = await self._engine.enqueue(
            run_id,
            request.to_json(),
            queue=queue_of(job),
            lane=lane_of(job, request.account_id),
            handicap=HANDICAPS[job.priority],
        )
        now = self._clock.monotonic()
        if answer is Enqueued.BUSY and job.at_once is not None:
            self._crowded[job.name] = now
        elif answer is not Enqueued.KNOWN:
            self._busy[(request.job, request.account_id)] = now
        return answer

    async def _ask(self, launch: Launch) -> Enqueued:
        request = Request(launch.job.name, launch.account_id, launch.tick, launch.trigger)
        crowded = launch.job.at_once is not None
        try:
            answer = await self.ask(launch.job, request, launch.run_id)
        except BaseException:
            self._timetable.refuse(launch, busy=False)
            raise
        if answer is Enqueued.BUSY:  # by its own last run, or by another account in its place?
            self._timetable.refuse(launch, busy=not crowded or launch.key in self._standing.busy)
        elif answer is Enqueued.KNOWN:
            self._timetable.known(launch)
        return answer

    async def _again(self, launch: Launch) -> None:
        """Run a tick that the engine has done and no row tells of: the database is back from a backup.

        Whatever it did then was in rows that are no more. The name says that it is the second time, so that
        it is the last, whoever asks.
        """
        async with self._database.read("jobs.again") as connection:
            told = await job_rows.get(connection, launch.run_id)
        if told is None and not await self._engine.is_open(launch.run_id):
            request = Request(launch.job.name, launch.account_id, launch.tick, launch.trigger)
            await self.ask(launch.job, request, f"{launch.run_id}{AGAIN}")

    def _is_busy(self, key: Key) -> bool:
        return key in self._busy

    def _is_full(self, job: Job) -> bool:
        """Whether as many runs of a job are at work as it allows, as far as is known here."""
        if job.at_once is None:
            return False
        since = self._clock.monotonic() - REFRESH.total_seconds()
        here = sum(1 for name, _ in self._busy if name == job.name)
        return here >= job.at_once or self._crowded.get(job.name, since) > since

    def held(self, job: Job, account_id: str | None) -> str | None:
        """Why runs of this job and account wait: paused, or something they need is down."""
        for scope in ("job", f"job/{job.name}", f"job/{job.name}/{account_id}"):
            if scope in self._standing.off:
                return self._standing.off[scope] or "paused"
        return self._down(job)

    def _down(self, job: Job) -> str | None:
        return next((why for need in sorted(job.needs) if (why := self._is_down(need))), None)

    @staticmethod
    async def _note(
        connection: AsyncConnection, waiting: Sequence[Held], followed: Sequence[Wakeup], wall: datetime
    ) -> None:
        await wakeups.followed(connection, followed)
        for held in waiting:
            await job_rows.skip(
                connection,
                f"{_name(held)}!held",
                job=held.job.name,
                account_id=held.account_id,
                tick=held.tick,
                trigger="held",
                note=held.why,
                now=wall,
            )

    async def _refresh(self) -> None:
        """See what stands in the rows: switches, runs elsewhere, wake-ups, and when work is next due."""
        now = self._clock.monotonic()
        if self._refreshed is not None and now - self._refreshed < REFRESH.total_seconds():
            return
        self._timetable.serve(self._accounts(), self._clock.now())
        unseen = {name: self._timetable.unseen(name) for name, job in self._jobs.items() if job.upcoming}
        found = self._standing = await read_standing(self._database, list(self._jobs.values()), unseen)
        self._refreshed = now
        for wakeup in found.wakeups:
            self._timetable.wake(wakeup.job, wakeup.at, wakeup.account_id)
        for name, rows in found.upcoming.items():
            self._timetable.expect(name, rows)
        for key, since in list(self._busy.items()):
            if key not in found.busy and now - since > REFRESH.total_seconds():
                del self._busy[key]
        for run in found.asked:
            await self.take_up(run)
            self._explain(run)

    async def take_up(self, run: RunRow) -> Enqueued | None:
        """Ask for a run that stands in a row and that nobody has taken up; None if its job is gone."""
        if run.job not in self._jobs:
            return None
        request = Request(run.job, run.account_id, run.tick, run.trigger)
        return await self.ask(self._jobs[run.job], request, run.run_id)

    async def look_after(self, run: RunRow) -> None:
        """See to a run that is at work by its row and of which nothing has been heard for long.

        A power cut may have taken the engine's newest commits and left our row: then it is asked for again.
        Where the engine has closed it without an outcome (it took its process down too often), it has failed.
        """
        if await self.take_up(run) is not Enqueued.KNOWN or await self._engine.is_open(run.run_id):
            return
        error = "it ended without an outcome; nothing was heard of it any more"
        wall = self._clock.wall()
        if await self._ledger.write(
            lambda connection: job_rows.lose(connection, run.run_id, run.attempt, error=error, now=wall)
        ):
            took = wall - (run.started_at or run.state_since)
            self._events.emit(
                RunEnded(
                    job=run.job,
                    account_id=run.account_id,
                    run_id=run.run_id,
                    state=RunState.FAILED,
                    took=took,
                    done=0,
                    due=0,
                    error=error,
                )
            )

    def _explain(self, run: RunRow) -> None:
        """What was asked for by hand waits, too, while what it needs is down; its row says so."""
        job = self._jobs.get(run.job)
        why = self._down(job) if job is not None else None
        if why is not None and run.note != f"waits: {why}":
            note = f"waits: {why}"
            self._ledger.note(lambda connection: job_rows.explain(connection, run.run_id, note))

    async def _pause(self) -> None:
        pause = LONGEST
        next_at = self._timetable.next_at(busy=self._is_busy, full=self._is_full)
        if next_at is not None:
            pause = min(pause, (next_at - self._clock.now()) / self._clock.speed)
        timer = asyncio.ensure_future(self._clock.sleep_real(max(pause, SHORTEST)))
        poked = asyncio.ensure_future(self._poked.wait())
        try:
            await asyncio.wait({timer, poked}, return_when=asyncio.FIRST_COMPLETED)
            if not timer.done():
                await self._clock.sleep_real(SHORTEST)
        finally:
            timer.cancel()
            poked.cancel()


def _row(launch: Launch, wall: datetime) -> dict[str, Any]:
    return {
        "run_id": launch.run_id,
        "account_id": launch.account_id,
        "job": launch.job.name,
        "tick": launch.tick,
        "trigger": launch.trigger,
        "now": wall,
    }


def _name(held: Held) -> str:
    return run_name(held.job.name, held.account_id, held.tick)
