"""The job manager as others use it: open it with the declarations, and it runs them until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url

from stonechat.config.settings import JobsSettings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_rows, job_writes
from stonechat.database.repositories.job_rows import RunRow, StepRow
from stonechat.jobs import declared
from stonechat.jobs.checking import by_name
from stonechat.jobs.crew import Crew, Ground
from stonechat.jobs.declaration import Job, Json, Resource
from stonechat.jobs.desk import Desk, JobStatus
from stonechat.jobs.engine import Engine, EngineRun, Enqueued, open_engine
from stonechat.jobs.ledger import Ledger
from stonechat.jobs.requests import Request
from stonechat.jobs.runs import IsDown, Runs
from stonechat.jobs.schedule import POSTING, Scheduler
from stonechat.jobs.takeover import Lease, executor_name
from stonechat.jobs.timetable import Timetable

__all__ = ["JobStatus", "Runner", "engine_url_beside", "open_jobs"]

CLOSE_LIMIT = timedelta(seconds=10)
"""How long runs may take to end when the process stops (real time); the rest resume at the next start."""

STATUS_AGE = timedelta(seconds=2)
"""Health checks, pages and meters ask for the same list."""

POLL = timedelta(seconds=3)
"""Between two looks for what other processes have put into a queue (real time)."""


class Runner:
    """The open job manager. Made by :func:`open_jobs` only.

    ``desk`` does what needs no engine, from any process.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        engine: Engine,
        clock: Clock,
        scheduler: Scheduler,
        runs: Runs,
        ledger: Ledger,
        accounts: Callable[[], Sequence[str]],
    ) -> None:
        self.desk = desk
        self._engine = engine
        self._clock = clock
        self._scheduler = scheduler
        self._runs = runs
        self._ledger = ledger
        self._accounts = accounts
        self._reading = asyncio.Lock()
        self._status: tuple[float, list[JobStatus]] | None = None

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """One more run of ``job`` at account time ``at``; asked twice, it runs once.

        Raises:
            Permanent: no job is called that.
        """
        self._scheduler.wake(job, at, account_id)

    async def trigger(self, job: str, account_id: str | None = None, *, by: str) -> str:
        """Run now, even if paused; behind the present run if there is one. Returns the run's id.

        Raises:
            Permanent: no job is called that, or it runs for an account and none is given.
        """
        row = self.desk.asked(job, account_id, by=by)
        run_id, tick = row["run_id"], row["tick"]
        request = Request(job, account_id, tick, row["trigger"])
        if await self._scheduler.ask(self.desk.job(job), request, run_id) is Enqueued.BUSY:
            self._scheduler.wake(job, tick, account_id)
            await self._ledger.write(lambda connection: job_writes.schedule(connection, [row]))
        else:
            self._ledger.schedule([row])
        return run_id

    async def pause(self, job: str | None, account_id: str | None = None, *, by: str, why: str) -> None:
        """Hold the ticks of a job (of one account, or all; of all jobs if None) until resumed."""
        await self.desk.pause(job, account_id, by=by, why=why)
        self.look()

    async def resume(self, job: str | None, account_id: str | None = None, *, by: str, why: str = "") -> None:
        """Go on; what passed in between is made up for as the job's policy says, without a burst."""
        await self.desk.resume(job, account_id, by=by, why=why)
        self.look()

    def look(self) -> None:
        """Somebody has changed switches or runs in the database: look at them at once."""
        self._status = None
        self._scheduler.refresh_soon()

    async def cancel(self, run_id: str, *, by: str) -> bool:
        """Give up a run that has not ended, on whichever host it is; False if it had."""
        if not await self.desk.cancel(run_id, by=by):
            return False
        self._runs.cancel(run_id, f"cancelled by {by}")
        await self._engine.cancel(run_id)
        return True

    async def history(
        self, job: str | None = None, account_id: str | None = None, *, limit: int = 50
    ) -> list[RunRow]:
        """The latest runs, newest first."""
        return await self.desk.history(job, account_id, limit=limit)

    async def show(self, run_id: str) -> tuple[RunRow, list[StepRow]] | None:
        """One run with its steps; None if there is no such run."""
        return await self.desk.show(run_id)

    async def status(self) -> list[JobStatus]:
        """Every job and account: what it last did, how well, and when it is next due.

        Asked by several at once, it is read once: up to ``STATUS_AGE`` old.
        """
        async with self._reading:
            known = self._status
            if known is None or self._clock.monotonic() - known[0] > STATUS_AGE.total_seconds():
                known = (self._clock.monotonic(), await self.desk.status(self._accounts()))
                self._status = known
            return known[1]


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
    host: str | None = None,
) -> AsyncIterator[Runner]:
    """Run ``jobs`` for ``accounts`` until closed; what is at work then is given a little time to end.

    Args:
        accounts: the ids of the accounts served now; asked often.
        is_down: why a dependency that jobs name in ``needs`` is known to be down, or None.
        engine_url: where the engine keeps its state; see :func:`engine_url_beside`.
        close_limit: how long (real time) runs at work may take to end when this is closed.
        host: this machine's name among the hosts of one database; its own by default.

    Raises:
        ConfigError: declarations that cannot be kept, each named.
    """
    named = by_name(jobs)
    async with database.begin("jobs.open") as connection:
        timetable = Timetable(jobs, await job_rows.last_ticks(connection), clock.speed)
        await declared.store(connection, jobs, clock.wall())
    timetable.serve(accounts(), clock.now())
    ground = Ground(
        settings=settings,
        database=database,
        clock=clock,
        events=events,
        jobs=named,
        timetable=timetable,
        lease=Lease(executor_name(fresh_id(), host), clock, settings.takeover_after),
        ledger=Ledger(database, relaxed=_same_server(engine_url, database.url)),
        accounts=accounts,
        is_down=is_down,
        host=host,
    )
    async with _at_work(ground, engine_url, close_limit) as crew:
        yield Runner(
            desk=Desk(database, clock, jobs, crew.watchdog.verdict),
            engine=crew.engine,
            clock=clock,
            scheduler=crew.scheduler,
            runs=crew.runs,
            ledger=ground.ledger,
            accounts=accounts,
        )


@asynccontextmanager
async def _at_work(ground: Ground, engine_url: str, close_limit: timedelta) -> AsyncIterator[Crew]:
    """The engine open and its crew at work. The engine may have runs at once; they wait for the crew."""
    crews: list[Crew] = []
    ready = asyncio.Event()

    async def body(run: EngineRun, value: Json) -> Json:
        await ready.wait()
        return await crews[0].runs.execute(run, value)

    async with open_engine(
        engine_url,
        executor_id=ground.lease.executor_id,
        queues=_queues(ground.settings),
        poll=POLL,
        body=body,
        shut=lambda queue: is_shut(queue, ground.is_down, ground.lease),
    ) as engine:
        crews.append(Crew(ground, engine))
        async with crews[0].at_work(ready, close_limit):
            yield crews[0]


def _same_server(one: str, other: str) -> bool:
    left, right = make_url(one), make_url(other)
    return left.host is not None and (left.host, left.port) == (right.host, right.port)


def engine_url_beside(url: str) -> str:
    """Where the engine's state goes by default: a file beside SQLite's, a schema of its own in PostgreSQL."""
    if not url.startswith("sqlite"):
        return url
    path = Path(url.removeprefix("sqlite:///"))
    return f"sqlite:///{path.with_name(f'{path.stem}-jobs{path.suffix}')}"


def _queues(settings: JobsSettings) -> dict[str, int]:
    return {
        POSTING: settings.workers_browser,
        Resource.BROWSER.value: settings.workers_browser,
        Resource.MODEL.value: settings.workers_model,
        Resource.DATABASE.value: settings.workers_database,
    }


def is_shut(queue: str, is_down: IsDown, lease: Lease) -> bool:
    """A host without a browser takes no run that needs one, and leaves publishing to others if there are."""
    if queue not in (POSTING, Resource.BROWSER) or is_down("browser") is None:
        return False
    return queue == Resource.BROWSER or lease.company
