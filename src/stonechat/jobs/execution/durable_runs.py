"""The runs and their steps, kept by DBOS: the only module that knows it.

DBOS keeps which runs wait, which process holds which run, and the result of every finished step. Runs of
one *partition* never overlap, on any number of hosts: DBOS claims the next one only once the last has ended.
A run whose process died is resumed by a living one (:mod:`stonechat.jobs.execution.failover`) and goes on at
the step that was interrupted. Each claim has a token of its own, and only the newest can record a step.

:func:`open_store` is for reading and steering runs, :class:`Execution` executes them in this process.
DBOS keeps its registry in the process, so one may execute at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, Queue, Serializer, error

from stonechat.jobs.execution.connection_pool import PatientPool, impatient
from stonechat.jobs.execution.log_throttle import Expected, Throttle
from stonechat.jobs.execution.run_records import WORKFLOW, HeldRun, RunStep
from stonechat.jobs.execution.run_store import (
    APPLICATION,
    VERSION,
    NoTables,
    RunStore,
    unreachable,
)
from stonechat.jobs.job import Json

log = structlog.get_logger()

SCHEMA = "stonechat_runs"

LOST = (error.DBOSWorkflowConflictIDError, error.DBOSWorkflowCancelledError)
"""Raised inside a run that another process holds now, or that was cancelled. Let them pass."""

FAST = timedelta(milliseconds=50)
"""Between two looks into a queue in which more waits than this process does at once (real time)."""

DESTROY_LIMIT = timedelta(seconds=3)
"""DBOS joins its threads at the end, each for up to 10 s; none of them is worth waiting for longer (real)."""

THREADS = 128
"""Of the pool that DBOS also makes the event loop's own: more than all runs at work can wait in."""

_executing = threading.Lock()


class JsonSerializer(Serializer):
    """JSON instead of pickle: readable in the database, and nothing in it can run."""

    def name(self) -> str:
        return "stonechat_json"

    def serialize(self, data: Any) -> str:
        return json.dumps(data, separators=(",", ":"), default=_plain)

    def deserialize(self, serialized_data: str | None) -> Any:
        value = json.loads(serialized_data) if serialized_data is not None else None
        if isinstance(value, dict) and value.keys() == {"error_type", "error_text"}:
            return RuntimeError(f"{value['error_type']}: {value['error_text']}")
        if isinstance(value, dict) and value.keys() == {"args", "kwargs"}:
            value["args"] = tuple(value["args"])
        return value


Body = Callable[["ClaimedRun", Json], Awaitable[Json]]
"""What a run does: given the run and what it was asked for, returns what the engine keeps of its end."""


class Execution:
    """Executes runs in this process.

    Args:
        executor_id: unique to this process and start.
        places: by the name of each queue, how many of its runs this process does at once.
        poll: real time between two looks into a queue without a backlog.
    """

    def __init__(self, executor_id: str, store: RunStore, places: Mapping[str, int], poll: timedelta) -> None:
        self.executor_id = executor_id
        self.store = store
        self.places = places
        self._poll = poll
        self._queues: dict[str, Queue] = {}
        self._hurried: set[str] = set()
        self._ending = threading.Event()

    def ends(self) -> None:
        """Runs at work are about to be stopped, because the process stops: that is no news for the log."""
        self._ending.set()

    async def hurry(self, asked_for: Mapping[str, int]) -> None:
        """Have queues looked into more often while much waits in them.

        DBOS takes as many runs at a look as there is room for: a backlog is worked off as fast as it looks.

        Args:
            asked_for: by queue, how many of its runs have not ended.

        Raises:
            Transient: the database is away.
        """
        for queue, places in self.places.items():
            hurried = queue in self._hurried
            if hurried is (asked_for.get(queue, 0) > (places if hurried else 2 * places - 1)):
                continue
            await self.store.set_interval(self._queues[queue], self._poll if hurried else FAST)
            self._hurried.symmetric_difference_update({queue})

    @asynccontextmanager
    async def running(self, body: Body) -> AsyncIterator[None]:
        """Take runs from the queues and execute them; close within bounds at the end.

        Raises:
            Transient: the database cannot be reached now.
            RuntimeError: this process executes runs already.
        """
        if not _executing.acquire(blocking=False):
            raise RuntimeError("one job manager may be open in a process at a time")
        pool = self.store.pool
        throttle = _quieten(pool.closing.is_set)
        try:
            _register(self, body)
            with contextlib.suppress(NoTables):
                await self._serve()  # before the launch, which then looks into them at once
            await _launch(self.executor_id, pool)
            _expect_stops(self._ending.is_set)
            if not self._queues:
                await self._serve()
            pool.patient = True
            yield
        finally:
            self.ends()
            pool.closing.set()
            await _destroy()
            logging.getLogger("dbos").removeFilter(throttle)
            _executing.release()

    async def _serve(self) -> None:
        """Have DBOS take runs from the queues."""
        for queue, places in self.places.items():
            self._queues[queue] = await self.store.register_queue(queue, places, self._poll)


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run as its body sees it."""

    run_id: str
    execution: Execution

    async def step(self, name: str, run: Callable[[], Awaitable[Json]]) -> Json:
        """Run and record the result, which is JSON.

        Raises:
            one of ``LOST``: another process holds the run; the result is not recorded.
        """

        async def call() -> Json:
            return await run()

        return await DBOS.run_step_async({"name": name}, call)

    async def recorded(self) -> list[RunStep]:
        """The steps finished by earlier holders, in order; later steps are numbered after them.

        To be asked for after one step, which the engine has numbered already.
        """
        steps = await self.execution.store.steps(self.run_id)
        for _ in range(1, max((step.number for step in steps), default=0)):
            DBOS.reserve_step()  # which, where it is not run, leaves a gap in the numbers
        return steps

    async def held(self) -> list[HeldRun]:
        """The run as this process holds it; empty where it holds it no longer."""
        return await self.execution.store.held(self.execution.executor_id, [self.run_id])

    def lost(self) -> BaseException:
        """What to raise when it does not."""
        return error.DBOSWorkflowConflictIDError(self.run_id)


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[RunStore]:
    """The runs of a database, for reading and steering.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…``; PostgreSQL tables go to their own schema.
    """
    refuse_pickle()
    pool = PatientPool(url)
    client = DBOSClient(
        system_database_engine=pool.engine,
        dbos_system_schema=SCHEMA,
        serializer=JsonSerializer(),
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,
    )
    try:
        yield RunStore(pool, client, error.DBOSWorkflowIDInUseError, error.DBOSQueryTimeoutError)
    finally:
        await asyncio.to_thread(pool.close)


async def _launch(executor_id: str, pool: PatientPool) -> None:
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": pool.engine.url.render_as_string(hide_password=False),
        "system_database_engine": pool.engine,
        "dbos_system_schema": SCHEMA,
        "application_version": VERSION,
        "executor_id": executor_id,
        "serializer": JsonSerializer(),
        "use_listen_notify": False,  # poolers in transaction mode know no LISTEN
        "notification_listener_polling_interval_sec": 0.5,  # it sleeps through its end
        "scheduler_polling_interval_sec": 3600.0,
        "max_executor_threads": THREADS,
        "log_level": "WARNING",
    }

    DBOS(config=config)
    alone = pool.starting()
    try:
        await asyncio.to_thread(alone.__enter__)
        try:
            with impatient():
                DBOS.launch()  # in this thread: DBOS runs asynchronous workflows in this event loop
        finally:
            await asyncio.to_thread(alone.__exit__, None, None, None)
    except sa.exc.DBAPIError as exc:
        raise unreachable(exc) from exc


def _register(execution: Execution, body: Body) -> None:
    """Before the launch, as DBOS wants it."""

    @DBOS.workflow(name=WORKFLOW)
    async def run(request: Json) -> Json:
        return await body(ClaimedRun(str(DBOS.workflow_id), execution), request)


async def _destroy() -> None:
    """Shut DBOS down from its own thread: its threads may wait for this loop while they stop."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="asyncio")
    loop.set_default_executor(threads)  # DBOS has put its own there, and closes it before it returns
    own = threading.Thread(target=lambda: DBOS.destroy(destroy_registry=True), name="jobs-close", daemon=True)
    own.start()
    end = time.monotonic() + DESTROY_LIMIT.total_seconds()
    while own.is_alive() and time.monotonic() < end:  # noqa: ASYNC110 - a thread, and not for ever
        await asyncio.sleep(0.02)
    if own.is_alive():
        log.warning("job.engine_left_behind", why="its threads wait for the database")
    loop.set_default_executor(threads)  # what ended meanwhile may have put it back


def refuse_pickle() -> None:
    """Nothing in the database may run: DBOS reads a row as pickle where the row says that it is.

    It does so whatever serializer it was given. Its own serializer is found by its base class and made to
    refuse; ``test_jobs_security`` writes such a row.
    """
    for kind in Serializer.__subclasses__():
        if kind.__module__.startswith("dbos.") and "pickle" in kind().name():
            setattr(kind, "deserialize", _refuse)  # noqa: B010 - mypy


def _refuse(_: Serializer, __: str) -> Any:
    raise TypeError("the row is not of our form (pickle); nothing in it was read")


def _quieten(silent: Callable[[], bool]) -> Throttle:
    """A few of the engine's log lines a minute of each kind, none while closing, and to our log alone."""
    throttle = Throttle(per_minute=3, silent=silent)
    logger = logging.getLogger("dbos")
    logger.addFilter(throttle)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # DBOS adds one of its own to a logger without any
    logger.propagate = True
    return throttle


def _expect_stops(ending: Callable[[], bool]) -> None:
    """Say nothing of runs that are stopped with the process, up to the last task of the event loop.

    Stays when all is closed, as such tasks may outlive it, and goes when the next one is opened.
    """
    logger = logging.getLogger("dbos")
    for old in [one for one in logger.filters if isinstance(one, Expected)]:
        logger.removeFilter(old)
    logger.addFilter(Expected("Asyncio task cancelled", ending))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"error_type": type(value).__name__, "error_text": str(value)}
    raise TypeError(f"a {type(value).__name__} is not JSON; give the step the type of its result")
