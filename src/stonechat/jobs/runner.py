"""The job manager as others use it: open it with the declarations, and it runs them until it is closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from stonechat.config.settings import JobsSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigError, ConfigFault, Transient
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.database import accounts as switches
from stonechat.database import job_rows
from stonechat.database.engine import Database
from stonechat.database.job_rows import RunRow, StepRow
from stonechat.jobs.declaration import Job, Resource
from stonechat.jobs.engine import Engine, Enqueued, open_engine
from stonechat.jobs.quiet import Outage
from stonechat.jobs.runs import IsDown, Request, Runs
from stonechat.jobs.schedule import POSTING, Scheduler
from stonechat.jobs.takeover import Lease, Pulse, executor_name
from stonechat.jobs.timetable import Timetable, run_name
from stonechat.jobs.watchdog import Watchdog

log = structlog.get_logger()

CLOSE_LIMIT = timedelta(seconds=10)
"""How long runs may take to end when the process stops (real time); the rest resume at the next start."""

POLL = timedelta(seconds=2)
"""Between two looks for what other processes have put into a queue (real time)."""

KEEP_ENGINE_ROWS = timedelta(days=7)
"""How long the engine remembers ended runs (real time); our own rows are kept by their own policy."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job and account as the pages show it.

    ``every`` is account time (None for a cron job); ``last`` is the newest run that came to an outcome;
    ``state`` is what its monitor thinks (``healthy``, ``late``, ``failing``, ``unknown``);
    ``success_rate`` counts the runs of the last day of real time (None without any).
    """

    name: str
    account_id: str | None
    every: timedelta | None
    cron: str | None
    next_tick: datetime
    paused: str | None
    last: RunRow | None
    state: str
    why: str
    success_rate: float | None
    critical: bool
    useful: str


class Runner:
    """The open job manager. Made by :func:`open_jobs` only."""

    def __init__(
        self,
        *,
        jobs: dict[str, Job],
        engine: Engine,
        database: Database,
        clock: Clock,
        scheduler: Scheduler,
        runs: Runs,
        timetable: Timetable,
        watchdog: Watchdog,
    ) -> None:
        self._jobs = jobs
        self._engine = engine
        self._database = database
        self._clock = clock
        self._scheduler = scheduler
        self._runs = runs
        self._timetable = timetable
        self._watchdog = watchdog

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """One more run of ``job`` at account time ``at``; asked twice, it runs once."""
        self._scheduler.wake(job, at, account_id)

    async def trigger(self, job: str, account_id: str | None = None, *, by: str) -> str:
        """Run now, even if paused; behind the present run if there is one. Returns the run's id.

        Raises:
            ValueError: no job is called that, or it runs for an account and none is given.
        """
        declared = self._job(job)
        if declared.per_account != (account_id is not None):
            raise ValueError(f"{job} runs {'for an account' if declared.per_account else 'for no account'}")
        now = self._clock.now()
        run_id = run_name(job, account_id, now)
        request = Request(job, account_id, now, f"manual: {by}"[:40])
        if await self._scheduler.ask(declared, request, run_id) is Enqueued.BUSY:
            self._scheduler.wake(job, now, account_id)
        async with self._database.begin("jobs.trigger") as connection:
            row = {
                "run_id": run_id,
                "account_id": account_id,
                "job": job,
                "tick": now,
                "trigger": request.trigger,
                "now": self._clock.wall(),
            }
            await job_rows.schedule(connection, [row])
        return run_id

    async def pause(self, job: str | None, account_id: str | None = None, *, by: str, why: str) -> None:
        """Hold the ticks of a job (of one account, or all; of all jobs if None) until resumed."""
        async with self._database.begin("jobs.pause") as connection:
            await switches.switch_off(
                connection,
                self._scope(job, account_id),
                account_id=account_id,
                who=by,
                why=why,
                now=self._clock.now(),
            )
        self._scheduler.refresh_soon()

    async def resume(self, job: str | None, account_id: str | None = None, *, by: str, why: str = "") -> None:
        """Go on; what passed in between is made up for as the job's policy says, without a burst."""
        async with self._database.begin("jobs.resume") as connection:
            scope = self._scope(job, account_id)
            await switches.switch_on(connection, scope, who=by, why=why, now=self._clock.now())
        self._scheduler.refresh_soon()

    async def cancel(self, run_id: str, *, by: str) -> bool:
        """Give up a run that has not ended, on whichever host it is; False if it had."""
        note = f"cancelled by {by}"
        async with self._database.begin("jobs.cancel") as connection:
            row = await job_rows.get(connection, run_id)
            if row is None or row.state.value not in job_rows.ACTIVE:
                return False
            await job_rows.abandon(connection, run_id, note=note, now=self._clock.wall())
        self._runs.cancel(run_id, note)
        await self._engine.cancel(run_id)
        self._scheduler.ended(Request(row.job, row.account_id, row.tick, row.trigger))
        return True

    async def history(
        self, job: str | None = None, account_id: str | None = None, *, limit: int = 50
    ) -> list[RunRow]:
        """The latest runs, newest first."""
        async with self._database.read("jobs.history") as connection:
            return await job_rows.history(connection, job=job, account_id=account_id, limit=limit)

    async def show(self, run_id: str) -> tuple[RunRow, list[StepRow]] | None:
        """One run with its steps."""
        async with self._database.read("jobs.show") as connection:
            row = await job_rows.get(connection, run_id)
            return (row, await job_rows.steps_of(connection, run_id)) if row is not None else None

    async def status(self) -> list[JobStatus]:
        """Every job and account: what it last did, how well, and when it is next due."""
        since = self._clock.wall() - timedelta(days=1)
        found = []
        async with self._database.read("jobs.status") as connection:
            tallies = await job_rows.tallies(connection, since)
            for job, account_id, next_tick in self._timetable.lines():
                ends = await job_rows.last_ends(connection, job.name, account_id, 1)
                tally = tallies.get((job.name, account_id))
                verdict = self._watchdog.verdict(job.name, account_id)
                total = tally.succeeded + tally.failed if tally is not None else 0
                found.append(
                    JobStatus(
                        name=job.name,
                        account_id=account_id,
                        every=job.every,
                        cron=job.cron,
                        next_tick=next_tick,
                        paused=self._scheduler.paused(job.name, account_id),
                        last=ends[0] if ends else None,
                        state=verdict.health.value,
                        why=verdict.why,
                        success_rate=tally.succeeded / total if tally is not None and total else None,
                        critical=job.critical,
                        useful=job.useful,
                    )
                )
        return found

    def _job(self, name: str) -> Job:
        if name not in self._jobs:
            raise ValueError(f"no job is called {name!r}; there are: {', '.join(sorted(self._jobs))}")
        return self._jobs[name]

    def _scope(self, job: str | None, account_id: str | None) -> str:
        if job is None:
            return "job"
        self._job(job)
        return f"job/{job}" if account_id is None else f"job/{job}/{account_id}"


@asynccontextmanager
async def open_jobs(
    settings: JobsSettings,
    database: Database,
    clock: Clock,
    events: EventStream,
    *,
    jobs: Sequence[Job],
    accounts: Callable[[], Sequence[str]],
    is_down: IsDown,
    engine_url: str,
    close_limit: timedelta = CLOSE_LIMIT,
) -> AsyncIterator[Runner]:
    """Run ``jobs`` for ``accounts`` until closed; what is at work then is given a little time to end.

    Args:
        accounts: the ids of the accounts served now; asked often.
        is_down: why a dependency that jobs name in ``needs`` is known to be down, or None.
        engine_url: where the engine keeps its state; see :func:`engine_url_beside`.
        close_limit: how long (real time) runs at work may take to end when this is closed.

    Raises:
        ConfigError: two jobs of one name, or a schedule that cannot be read.
    """
    named = _by_name(jobs)
    lease = Lease(executor_name(fresh_id()), clock, settings.takeover_after)
    async with database.begin("jobs.open") as connection:
        timetable = Timetable(jobs, await job_rows.last_ticks(connection), clock.speed)
    timetable.serve(accounts(), clock.now())
    opened: dict[str, Any] = {}
    ready = asyncio.Event()

    async def body(run: Any, value: Any) -> Any:
        await ready.wait()
        return await opened["runs"].execute(run, value)

    async with open_engine(
        engine_url, executor_id=lease.executor_id, queues=_queues(settings), poll=POLL, body=body
    ) as engine:
        scheduler = Scheduler(
            timetable=timetable,
            jobs=named,
            engine=engine,
            database=database,
            clock=clock,
            events=events,
            accounts=accounts,
            is_down=is_down,
        )
        runs = opened["runs"] = Runs(
            jobs=named,
            database=database,
            clock=clock,
            events=events,
            lease=lease,
            is_down=is_down,
            wake=scheduler.wake,
            ended=scheduler.ended,
        )
        pulse = Pulse(
            database=database,
            engine=engine,
            lease=lease,
            clock=clock,
            heartbeat=settings.heartbeat,
            limit=settings.takeover_after,
        )
        watchdog = Watchdog(
            timetable=timetable,
            scheduler=scheduler,
            database=database,
            clock=clock,
            events=events,
            held=scheduler.held,
        )
        with contextlib.suppress(Transient):
            await pulse.beat()
        ready.set()
        loops = [
            asyncio.create_task(_for_ever(name, loop, clock), name=f"jobs.{name}")
            for name, loop in {
                "schedule": scheduler.run,
                "pulse": lambda: _pulse(pulse, runs, clock, settings.heartbeat),
                "watchdog": watchdog.run,
                "forget": lambda: _forget(engine, clock),
            }.items()
        ]
        try:
            yield Runner(
                jobs=named,
                engine=engine,
                database=database,
                clock=clock,
                scheduler=scheduler,
                runs=runs,
                timetable=timetable,
                watchdog=watchdog,
            )
        finally:
            loops[0].cancel()
            holding = await runs.close(close_limit)
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            with contextlib.suppress(Transient):
                await pulse.leave(holding=holding)


def engine_url_beside(url: str) -> str:
    """Where the engine's state goes by default: a file beside SQLite's, a schema of its own in PostgreSQL."""
    if not url.startswith("sqlite"):
        return url
    path = Path(url.removeprefix("sqlite:///"))
    return f"sqlite:///{path.with_name(f'{path.stem}-jobs{path.suffix}')}"


def _by_name(jobs: Sequence[Job]) -> dict[str, Job]:
    named = {job.name: job for job in jobs}
    if len(named) < len(jobs):
        twice = sorted({job.name for job in jobs if sum(other.name == job.name for other in jobs) > 1})
        faults = tuple(ConfigFault(f"job {name}", "is declared twice", "one job of a name") for name in twice)
        raise ConfigError(faults)
    return named


def _queues(settings: JobsSettings) -> dict[str, int]:
    return {
        POSTING: settings.workers_browser,
        Resource.BROWSER.value: settings.workers_browser,
        Resource.MODEL.value: settings.workers_model,
        Resource.DATABASE.value: settings.workers_database,
    }


async def _for_ever(name: str, loop: Callable[[], Coroutine[Any, Any, None]], clock: Clock) -> None:
    """Supervise a loop: whatever ends it is said, and it begins again."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("job.loop_failed", loop=name)
        await clock.sleep_real(timedelta(seconds=1))


async def _pulse(pulse: Pulse, runs: Runs, clock: Clock, every: timedelta) -> None:
    outage = Outage("heartbeat")
    while True:
        try:
            taken = await pulse.beat(runs.held)
            await runs.beat()
            outage.is_over()
            if taken:
                log.warning("job.taken_over", executors=list(taken))
        except Transient as exc:
            outage.goes_on(exc.what)
        await clock.sleep_real(every)


async def _forget(engine: Engine, clock: Clock) -> None:
    while True:
        await clock.sleep_real(timedelta(hours=1))
        await engine.forget(KEEP_ENGINE_ROWS)
