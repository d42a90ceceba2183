"""The job manager as others use it: open it with the declarations, and it runs them until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from stonechat.config.settings import JobsSettings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_progress
from stonechat.jobs import stored_declarations
from stonechat.jobs.execution.durable_runs import Execution, open_store
from stonechat.jobs.execution.failover import executor_name
from stonechat.jobs.job import IsDown, Job
from stonechat.jobs.operations import JobOperations, JobStatus
from stonechat.jobs.scheduling.due_runs import DueRuns
from stonechat.jobs.validation import by_name
from stonechat.jobs.worker import Worker, places

CLOSE_LIMIT = timedelta(seconds=10)
"""How long runs may take to end when the process stops (real time); the rest resume at the next start."""

STATUS_AGE = timedelta(seconds=2)
"""Health checks, pages and meters ask for the same list."""

POLL = timedelta(seconds=1.5)
"""Between two looks into a queue without a backlog (real time)."""

POLL_ACCOUNT_TIME = timedelta(seconds=30)
"""And no longer than this in account time, so that a fast clock does not run ahead of its jobs."""

SHORTEST_POLL = timedelta(milliseconds=100)


class JobService:
    """The open job manager. Made by :func:`open_jobs` only.

    ``operations`` does what any process can do.
    """

    def __init__(
        self,
        operations: JobOperations,
        worker: Worker,
        due_runs: DueRuns,
        clock: Clock,
        accounts: Callable[[], Sequence[str]],
    ) -> None:
        self.operations = operations
        self._worker = worker
        self._due_runs = due_runs
        self._clock = clock
        self._accounts = accounts
        self._reading = asyncio.Lock()
        self._status: tuple[float, list[JobStatus]] | None = None

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """One more run of ``job`` at account time ``at``; asked twice, it runs once.

        Raises:
            Permanent: no job is called that.
        """
        self._worker.scheduler.wake(job, at, account_id)

    def look(self) -> None:
        """Somebody has changed switches or runs in the database: look at them at once."""
        self._status = None
        self._worker.scheduler.refresh_soon()

    async def status(self) -> list[JobStatus]:
        """Every job and account: what it last did, how well, and when it is next due.

        Asked by several at once, it is read once: up to ``STATUS_AGE`` old.
        """
        async with self._reading:
            known = self._status
            if known is None or self._clock.monotonic() - known[0] > STATUS_AGE.total_seconds():
                known = (self._clock.monotonic(), await self.operations.status(self._accounts()))
                self._status = known
            return known[1]

    async def troubled(self) -> list[JobStatus]:
        """Those that are late or failing; costs what is in trouble, however many jobs and accounts there are.

        Raises:
            Transient: the database is away.
        """
        return await self.operations.status_of(self._worker.watchdog.troubled())

    def schedules(self, layer: str = "") -> int:
        """How many jobs and accounts are looked after, of one layer or of all."""
        return self._due_runs.size(f"{layer}." if layer else "")


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
    runs_url: str,
    close_limit: timedelta = CLOSE_LIMIT,
    host: str | None = None,
) -> AsyncIterator[JobService]:
    """Run ``jobs`` for ``accounts`` until closed; what is at work then is given a little time to end.

    Args:
        accounts: the ids of the accounts served now; asked often.
        is_down: why a dependency that jobs name in ``needs`` is known to be down, or None.
        runs_url: where the runs are kept; see :func:`runs_url_beside`.
        close_limit: how long (real time) runs at work may take to end when this is closed.
        host: this machine's name among the hosts of one database; its own by default.

    Raises:
        ConfigError: declarations that cannot be kept, each named.
    """
    named = by_name(jobs)
    async with database.begin("jobs.open") as connection:
        positions = await job_progress.positions(connection)
        served = [(job.name, one) for job in jobs for one in (accounts() if job.per_account else (None,))]
        new = [key for key in served if key not in positions]
        await job_progress.begin(connection, new, clock.now(), clock.wall())
        await stored_declarations.store(connection, jobs, clock.wall())
    due_runs = DueRuns(named, positions, clock.speed)
    due_runs.serve(accounts(), clock.now())
    poll = max(SHORTEST_POLL, min(POLL, POLL_ACCOUNT_TIME / clock.speed))
    async with open_store(runs_url) as store:
        execution = Execution(executor_name(fresh_id(), host), store, places(settings), poll)
        worker = Worker(
            execution,
            due_runs,
            settings=settings,
            database=database,
            clock=clock,
            events=events,
            accounts=accounts,
            is_down=is_down,
            host=host,
        )
        async with execution.running(worker.execute), worker.at_work(close_limit):
            operations = JobOperations(database, store, clock, jobs, worker.watchdog.health)
            yield JobService(operations, worker, due_runs, clock, accounts)


def runs_url_beside(url: str) -> str:
    """Where runs are kept by default: a file beside SQLite's, a schema of its own in PostgreSQL."""
    if not url.startswith("sqlite"):
        return url
    path = Path(url.removeprefix("sqlite:///"))
    return f"sqlite:///{path.with_name(f'{path.stem}-jobs{path.suffix}')}"
