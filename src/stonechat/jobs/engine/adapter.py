"""The engine as the rest of the job manager sees it: enqueue, claim, step, take over."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig
from dbos import _dbos as dbos_module
from dbos._context import assert_current_dbos_context
from dbos._utils import INTERNAL_QUEUE_NAME

from stonechat.core.errors import Transient
from stonechat.jobs.declaration import Json
from stonechat.jobs.engine.books import (
    APPLICATION,
    SCHEMA,
    VERSION,
    WORKFLOW,
    Books,
    Enqueued,
    SwiftBooks,
    Wanted,
    priority,
)
from stonechat.jobs.engine.intake import Intake
from stonechat.jobs.engine.json_form import JsonSerializer
from stonechat.jobs.engine.pool import Pool
from stonechat.jobs.engine.run import EngineRun, Recorded, outside
from stonechat.jobs.quiet import Expected, Throttle

T = TypeVar("T")

MAX_RECOVERIES = 50
"""A run that takes its process down with it this many times is not taken up again."""


Body = Callable[[EngineRun, Json], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that a process holds, and since when (real time, by the clock of whoever claimed it)."""

    run_id: str
    executor_id: str
    age: timedelta


class Engine:
    """An open engine. Made by :func:`open_engine` only."""

    def __init__(self, dbos: DBOS, executor_id: str, books: Books) -> None:
        self._dbos = dbos
        self.executor_id = executor_id
        self._books = books
        self._intake: Intake | None = None
        self._ending = threading.Event()

    def ends(self) -> None:
        """Runs at work are about to be stopped, because the process stops: that is no news for the log."""
        self._ending.set()

    def freed(self, queue: str) -> None:
        """A run of this queue has ended: if it was full, perhaps somebody waits for the place."""
        if self._intake is not None:
            self._intake.freed(queue)

    async def enqueue(
        self, run_id: str, request: Json, *, queue: str, lane: str, handicap: timedelta
    ) -> Enqueued:
        """Ask for a run.

        Args:
            run_id: its name; the same name is run once, by any number of processes.
            request: what the body is given.
            lane: runs of the same lane never overlap.
            handicap: how long it yields to runs without one; after that it goes first.
        """
        wanted = Wanted(run_id, request, queue, lane, priority(handicap))
        answer = await asyncio.to_thread(self._books.put, wanted)
        if answer is Enqueued.NEW and self._intake is not None:
            self._intake.nudge(queue)
        return answer

    async def cancel(self, run_id: str) -> None:
        """The run will not be taken up, and cannot record another step."""
        await outside(DBOS.cancel_workflow_async(run_id))

    async def recover(self, executor_id: str) -> int:
        """Hand the runs of a process that is gone to the living; returns how many."""
        handles = await asyncio.to_thread(DBOS._recover_pending_workflows, [executor_id])
        if handles and self._intake is not None:
            self._intake.nudge_all()
        return len(handles)

    async def is_open(self, run_id: str) -> bool:
        """Whether the run waits or a process, dead or alive, holds it: somebody will go on with it."""
        status = await asyncio.to_thread(self._dbos._sys_db.get_workflow_status, run_id)
        return status is not None and status["status"] in ("ENQUEUED", "DELAYED", "PENDING")

    async def claims(self) -> list[Claim]:
        """Every run that a process holds."""
        runs = await outside(
            DBOS.list_workflows_async(
                status="PENDING", app_version=VERSION, load_input=False, load_output=False
            )
        )
        now = time.time()
        return [
            Claim(
                run.workflow_id, run.executor_id or "", timedelta(seconds=now - (run.updated_at or 0) / 1000)
            )
            for run in runs
        ]

    async def give_back(self, run_id: str) -> None:
        """Claimed by this process but never begun (the claim's answer was lost): let it be claimed again."""
        database = self._dbos._sys_db
        await asyncio.to_thread(
            database.reenqueue_for_recovery, run_id, [self.executor_id], INTERNAL_QUEUE_NAME
        )

    async def forget(self, before: timedelta) -> int:
        """Delete ended runs older than ``before`` (real time); returns how many."""
        ended = await outside(
            DBOS.list_workflows_async(
                status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
                completed_before=_iso(time.time() - before.total_seconds()),
                load_input=False,
                load_output=False,
                limit=5_000,
            )
        )
        if ended:
            await outside(DBOS.delete_workflows_async([run.workflow_id for run in ended]))
        return len(ended)

    def owner(self, run_id: str) -> str | None:
        """The token of the newest claim of a run (blocking)."""
        owner: str | None = self._dbos._sys_db.get_workflow_owner(run_id)
        return owner

    def keep(self, run_id: str, owner: str, step: Recorded, number: int) -> None:
        """Keep a finished step, if ``owner`` is the newest claim (blocking).

        Raises:
            one of ``LOST``: it is not.
        """
        self._books.keep(run_id, owner, step, number)

    async def _serve(self, queues: Mapping[str, int], poll: timedelta, shut: Callable[[str], bool]) -> Intake:
        known = {
            name: await DBOS.register_queue_async(
                name,
                worker_concurrency=limit,
                polling_interval_sec=poll.total_seconds(),
                on_conflict="always_update",
            )
            for name, limit in queues.items()
        }
        self._intake = Intake(self._dbos, self._books, queues=known, limits=queues, poll=poll, shut=shut)
        return self._intake


@asynccontextmanager
async def open_engine(
    url: str,
    *,
    executor_id: str,
    queues: Mapping[str, int],
    poll: timedelta,
    body: Body,
    shut: Callable[[str], bool] = lambda _: False,
) -> AsyncIterator[Engine]:
    """Open the engine's database, serve the queues, and close within bounds at the end.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…``; PostgreSQL tables go to their own schema.
        executor_id: unique to this process and start.
        queues: name of each queue and how many of its runs this process takes at once.
        poll: real time between two looks into a queue for what other processes put in.
        body: runs a run.
        shut: whether this process takes nothing from a queue now; what waits there is left to others.

    Raises:
        Transient: its database cannot be reached now.
        RuntimeError: another engine is open in this process.
    """
    if dbos_module._dbos_global_instance is not None:
        raise RuntimeError("one engine may be open in a process at a time")
    closing = threading.Event()
    log_filter = _quieten(closing)
    pool = Pool(url, schema=SCHEMA, closing=closing)
    try:
        try:
            await asyncio.to_thread(pool.migrate)
        except sa.exc.OperationalError as exc:
            raise _unreachable(exc) from exc
        dbos = DBOS(config=_config(url, executor_id, pool.engine))
        engines: list[Engine] = []
        _register(engines, body)
        DBOS.launch()
        _stop_own_loops(dbos)
        swift = pool.engine.dialect.name == "postgresql"
        engine = Engine(dbos, executor_id, (SwiftBooks if swift else Books)(dbos, executor_id))
        engines.append(engine)
        _expect_stops(engine._ending.is_set)
        intake = await engine._serve(queues, poll, shut)
        pool.patient = True
        taking = asyncio.create_task(intake.run(), name="jobs.intake")
        try:
            yield engine
        finally:
            engine.ends()
            taking.cancel()
    finally:
        closing.set()
        await destroy_dbos()
        pool.engine.dispose()
        logging.getLogger("dbos").removeFilter(log_filter)


def _register(engines: list[Engine], body: Body) -> None:
    """Before the launch, as DBOS wants it; the engine is there when the first run is."""

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RECOVERIES)
    async def run(request: Json) -> Json:
        context = assert_current_dbos_context()
        return await body(EngineRun(context.workflow_id, str(context.owner_xid), engines[0]), request)


def _stop_own_loops(dbos: DBOS) -> None:
    """End what DBOS does beside running: asking the queues (ours does), delays and deadlines (unused)."""
    for stop in (*dbos.background_thread_stop_events, dbos._background_jobs_stop_event):
        stop.set()


async def destroy_dbos() -> None:
    """Shut DBOS down from its own thread: its queue threads may wait for this loop while they stop."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(thread_name_prefix="asyncio")
    loop.set_default_executor(threads)  # DBOS has put its own there, and closes it before it returns
    with ThreadPoolExecutor(1, "engine-close") as own:
        await loop.run_in_executor(own, lambda: DBOS.destroy(destroy_registry=True))
    loop.set_default_executor(threads)  # what ended meanwhile may have put it back


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _config(url: str, executor_id: str, engine: sa.Engine) -> DBOSConfig:
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": url,
        "system_database_engine": engine,
        "dbos_system_schema": SCHEMA,
        "application_version": VERSION,
        "executor_id": executor_id,
        "serializer": JsonSerializer(),
        "use_listen_notify": False,  # poolers in transaction mode know no LISTEN
        "notification_listener_polling_interval_sec": 0.3,
        "scheduler_polling_interval_sec": 3600.0,
        "log_level": "WARNING",
    }
    return config


def _unreachable(exc: sa.exc.OperationalError) -> Transient:
    return Transient(
        f"The job engine's database cannot be used: {str(exc.orig).strip().splitlines()[0]}",
        meaning="No job can run.",
        remedy="Check that the server runs and that JOBS_DATABASE_URL, or DATABASE_URL, is right.",
    )


def _quieten(closing: threading.Event) -> Throttle:
    """A few of the engine's log lines a minute of each kind, none while closing, and to our log alone."""
    throttle = Throttle(per_minute=3, silent=closing.is_set)
    logger = logging.getLogger("dbos")
    logger.addFilter(throttle)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # DBOS adds one of its own to a logger without any
    logger.propagate = True
    return throttle


def _expect_stops(ending: Callable[[], bool]) -> None:
    """Say nothing of runs that are stopped with the process, up to the last task of the event loop.

    Stays when the engine is closed, as such tasks may outlive it, and goes when the next one is opened.
    """
    logger = logging.getLogger("dbos")
    for old in [one for one in logger.filters if isinstance(one, Expected)]:
        logger.removeFilter(old)
    logger.addFilter(Expected("Asyncio task cancelled", ending))
