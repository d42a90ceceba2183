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
from stonechat.database.repositories.wakeups import OwnerRequest, Verb
from stonechat.jobs import stored_declarations
from stonechat.jobs.execution.durable_runs import ClaimedRun, execute_runs, open_store
from stonechat.jobs.execution.executor import IsDown
from stonechat.jobs.execution.failover import Heartbeat, executor_name
from stonechat.jobs.job import Job, Json
from stonechat.jobs.operations import JobOperations, JobStatus
from stonechat.jobs.scheduling.due_runs import DueRuns
from stonechat.jobs.scheduling.owner_requests import order_of, request_of
from stonechat.jobs.validation import by_name
from stonechat.jobs.worker import Worker, WorkerDependencies, places

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
        self, operations: JobOperations, worker: Worker, clock: Clock, accounts: Callable[[], Sequence[str]]
    ) -> None:
        self.operations = operations
        self._worker = worker
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

    async def trigger(self, job: str, account_id: str | None = None, *, by: str) -> str:
        """Run now, even if paused; behind the present run if there is one. Returns the run's id.

        Raises:
            Permanent: no job is called that, or it runs for an account and none is given.
        """
        asked = OwnerRequest(Verb.RUN, job, account_id, self._clock.now(), by)
        order = order_of(self.operations.check_owner(job, account_id), request_of(asked))
        await self._worker.execution.enqueue([order])
        return order.request.run_id

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
        return self._worker.scheduler.schedules(f"{layer}." if layer else "")


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
    due_runs = DueRuns(jobs, positions, clock.speed)
    due_runs.serve(accounts(), clock.now())
    async with open_store(runs_url) as store:
        needs = WorkerDependencies(
            settings=settings,
            database=database,
            store=store,
            clock=clock,
            events=events,
            jobs=named,
            due_runs=due_runs,
            heartbeat=Heartbeat(executor_name(fresh_id(), host), clock, settings.takeover_after),
            accounts=accounts,
            is_down=is_down,
            host=host,
        )
        async with _at_work(needs, close_limit) as worker:
            operations = JobOperations(database, store, clock, jobs, worker.watchdog.health)
            yield JobService(operations, worker, clock, accounts)


@asynccontextmanager
async def _at_work(needs: WorkerDependencies, close_limit: timedelta) -> AsyncIterator[Worker]:
    """The engine open and a worker over it. The engine may have runs at once; they wait for the worker."""
    workers: list[Worker] = []
    ready = asyncio.Event()

    async def body(run: ClaimedRun, value: Json) -> Json:
        await ready.wait()
        return await workers[0].executor.execute(run, value)

    async with execute_runs(
        needs.store,
        executor_id=needs.heartbeat.executor_id,
        queues=places(needs.settings),
        poll=max(SHORTEST_POLL, min(POLL, POLL_ACCOUNT_TIME / needs.clock.speed)),
        body=body,
    ) as execution:
        workers.append(Worker(needs, execution))
        async with workers[0].at_work(ready, close_limit):
            yield workers[0]


def runs_url_beside(url: str) -> str:
    """Where runs are kept by default: a file beside SQLite's, a schema of its own in PostgreSQL."""
    if not url.startswith("sqlite"):
        return url
    path = Path(url.removeprefix("sqlite:///"))
    return f"sqlite:///{path.with_name(f'{path.stem}-jobs{path.suffix}')}"
