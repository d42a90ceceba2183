"""The runs and their steps, kept by DBOS: the only module that knows it.

DBOS keeps which runs wait, which process holds which run, and the result of every finished step. Runs of one
*partition* never overlap, on any number of hosts: DBOS claims the next one only once the last has ended. A run
whose process died is resumed by a living one (:mod:`stonechat.jobs.execution.failover`) and goes on at the
step that was interrupted. Each claim has a token of its own, and DBOS records a step for the newest claim only.

:class:`RunStore` reads and steers runs from any process; :func:`execute_runs` executes them in this one.
DBOS keeps its registry in the process, so one may execute at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, Queue, Serializer, WorkflowStatus, error

from stonechat.core.errors import Transient
from stonechat.core.redaction import masked
from stonechat.core.states import RunState
from stonechat.database.connection.errors import is_passing
from stonechat.database.connection.text_sanitizing import storable
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs.execution.connection_pool import Closing, ConnectionPool, impatient
from stonechat.jobs.execution.log_throttle import Expected, Throttle
from stonechat.jobs.execution.run_request import RunRequest, parse_run_id
from stonechat.jobs.job import Json

T = TypeVar("T")

log = structlog.get_logger()

APPLICATION = "stonechat"
VERSION = "2"
"""Runs are only executed by a process of the same version: raise it when a run of the old form cannot be."""

WORKFLOW = "stonechat.run"
SCHEMA = "stonechat_runs"

LOST = (error.DBOSWorkflowConflictIDError, error.DBOSWorkflowCancelledError)
"""Raised inside a run that another process holds now, or that was cancelled. Let them pass."""

FAST = timedelta(milliseconds=50)
"""Between two looks into a queue with more waiting than this process takes at once (real time)."""

DESTROY_LIMIT = timedelta(seconds=8)
"""DBOS joins its threads at the end, each for up to 10 s; none of them is worth waiting for longer (real)."""

_OPEN = ("ENQUEUED", "DELAYED", "PENDING")
_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_BATCH = 1_000

_executing = threading.Lock()


class Enqueued(StrEnum):
    """What became of an order: the run is new, or one of this name exists already, or existed."""

    NEW = "new"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run to put into a queue. Runs of one partition never overlap; they take turns in the order asked."""

    request: RunRequest
    queue: str
    partition: str


@dataclass(frozen=True, slots=True)
class RunStep:
    """One finished step of one run. Times are real."""

    number: int
    name: str
    started_at: datetime
    ended_at: datetime
    result_bytes: int
    error: str
    result: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run that a process holds. ``takeovers``: how many held it before; ``since``: when it was claimed (real)."""

    run_id: str
    executor_id: str
    queue: str
    takeovers: int
    since: datetime


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


class RunStore:
    """Every run, read and steered from any process that reaches the database. Made by :func:`open_store`."""

    def __init__(self, pool: ConnectionPool) -> None:
        refuse_pickle()
        self.pool = pool
        self._client = DBOSClient(
            system_database_engine=pool.engine,
            dbos_system_schema=SCHEMA,
            serializer=JsonSerializer(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    async def enqueue(self, orders: Sequence[RunOrder]) -> list[Enqueued]:
        """Let runs wait in their queues; each name is run once, whoever asks for it and how often.

        Raises:
            Transient: the database is away; some may be asked for.
        """
        return await self._call(lambda: [self._put(order) for order in orders])

    async def find(self, run_id: str) -> JobRun | None:
        """One run, or None."""
        found = await self._list(workflow_ids=[run_id])
        return found[0] if found else None

    async def history(
        self, job: str | None = None, account_id: str | None = None, *, limit: int = 50
    ) -> list[JobRun]:
        """The runs asked for last, newest first; of one job, or of one job and account."""
        prefixes = [f"{job}/", f"{job}@"] if account_id is None else [f"{job}/{account_id}@"]
        if job is None:
            return await self._list(limit=limit, sort_desc=True)
        return await self._list(workflow_id_prefix=prefixes, limit=limit, sort_desc=True)

    async def active(self) -> list[JobRun]:
        """Runs that have not come to an end, oldest first; without what triggered them."""
        return await self._list(status=list(_OPEN), load_input=False, load_output=False)

    async def steps(self, run_id: str) -> list[RunStep]:
        """The finished steps of a run, in order."""
        return await self._call(lambda: self._steps(run_id))

    async def note(self, run_id: str, **attributes: Json) -> None:
        """Note of a run ``takeovers``, ``tries``, ``note``, ``error``, ``waits``, ``left`` or ``failed``."""
        told = {name: storable(one) if isinstance(one, str) else one for name, one in attributes.items()}
        await self._call(lambda: self._client.update_workflow_attributes(run_id, told, merge=True))

    async def cancel(self, run_id: str, *, note: str) -> bool:
        """Stop a run that has not ended, on whichever host it is; False if it had."""
        run = await self.find(run_id)
        if run is None or run.state in _OUTCOMES:
            return False
        await self.note(run_id, note=note)
        await self._call(lambda: self._client.cancel_workflow(run_id))
        return True

    async def give_up(self, run_id: str, error: str) -> None:
        """A run that cannot be brought to an end has failed."""
        await self.note(run_id, failed=error)
        await self._call(lambda: self._client.cancel_workflow(run_id))

    async def held(self, executor_id: str | None = None, run_ids: Sequence[str] = ()) -> list[HeldRun]:
        """The runs that a process holds, or all processes; of these runs, if any are named."""
        found = await self._workflows(
            status="PENDING",
            executor_id=executor_id,
            workflow_ids=list(run_ids) or None,
            app_version=VERSION,
            load_input=False,
            load_output=False,
        )
        return [_held(one) for one in found]

    async def resume(self, runs: Iterable[HeldRun]) -> None:
        """Let others claim runs whose holder is gone; each such claim is a further try."""
        queues: dict[str, list[str]] = {}
        for run in runs:
            await self.note(run.run_id, takeovers=run.takeovers + 1, left=None, waits=None)
            queues.setdefault(run.queue, []).append(run.run_id)
        for queue, run_ids in queues.items():
            await self._call(
                lambda run_ids=run_ids, queue=queue: self._client.resume_workflows(  # type: ignore[misc]
                    run_ids, queue_name=queue
                )
            )

    async def forget(self, before: datetime) -> int:
        """Delete runs that ended before then (real time), in small batches; returns how many."""
        return await self._delete(status=list(_ENDED), completed_before=before.isoformat())

    async def count_ended(self, before: datetime) -> int:
        """How many runs :meth:`forget` would delete."""
        found = await self._workflows(
            status=list(_ENDED), completed_before=before.isoformat(), load_input=False, load_output=False
        )
        return len(found)

    async def clear(self) -> tuple[int, int]:
        """Delete every run, for what they were about has been replaced: how many were open, and how many."""
        active = await self.active()
        if active:
            await self._call(lambda: self._client.cancel_workflows([run.run_id for run in active]))
        return len(active), await self._delete()

    async def backlog(self, queue: str, enough: int) -> int:
        """How many runs wait in a queue, counted up to ``enough``."""
        found = await self._workflows(
            status="ENQUEUED", queue_name=queue, limit=enough, load_input=False, load_output=False
        )
        return len(found)

    async def register_queue(self, name: str, limit: int, poll: timedelta) -> Queue:
        """Have a queue of which each process takes up to ``limit`` runs at once, one of each partition.

        Raises:
            Transient: the database is away, or no process has made the tables yet.
        """
        return await self._call(
            lambda: self._client.register_queue(
                name,
                worker_concurrency=limit,
                partition_concurrency=1,
                polling_interval_sec=poll.total_seconds(),
                on_conflict="always_update",
                application_name=APPLICATION,
            )
        )

    async def set_interval(self, queue: Queue, poll: timedelta) -> None:
        """Have every process look into a queue that often."""
        await self._call(lambda: queue.set_polling_interval_sec(poll.total_seconds()))

    async def _delete(self, **which: Any) -> int:
        deleted = 0
        while True:
            ended = await self._workflows(limit=_BATCH, load_input=False, load_output=False, **which)
            if not ended:
                return deleted
            run_ids = [run.workflow_id for run in ended]
            await self._call(lambda run_ids=run_ids: self._client.delete_workflows(run_ids))  # type: ignore[misc]
            deleted += len(run_ids)

    async def _list(self, **which: Any) -> list[JobRun]:
        found = await self._workflows(**which)
        return [run for run in map(_run, found) if run is not None]

    def _steps(self, run_id: str) -> list[RunStep]:
        return [
            RunStep(
                number=step["function_id"],
                name=step["function_name"],
                started_at=_moment(step["started_at_epoch_ms"]),
                ended_at=_moment(step["completed_at_epoch_ms"]),
                result_bytes=len(json.dumps(step["output"], default=str)),
                error=masked(str(step["error"])) if step["error"] is not None else "",
                result=step["output"],
            )
            for step in self._client.list_workflow_steps(run_id)
        ]

    def _put(self, order: RunOrder) -> Enqueued:
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": order.queue,
            "workflow_id": order.request.run_id,
            "workflow_id_reuse_policy": "reject",
            "queue_partition_key": order.partition,
            "app_version": VERSION,
        }
        try:
            self._client.enqueue(options, order.request.to_json())
        except error.DBOSWorkflowIDInUseError:
            return Enqueued.KNOWN
        return Enqueued.NEW

    async def _workflows(self, **which: Any) -> list[WorkflowStatus]:
        """DBOS's own listing; none where no process has made the tables yet."""
        try:
            return await self._call(lambda: self._client.list_workflows(**which))
        except _NoTables:
            return []

    async def _call(self, call: Callable[[], T]) -> T:
        """Make the call in a thread."""

        def made() -> T:
            with impatient():
                return call()

        try:
            if self._is_missing():
                raise _NoTables
            return await asyncio.to_thread(made)
        except Closing as exc:
            raise Transient("The job manager is closing.") from exc
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, error.DBOSQueryTimeoutError) as exc:
            if _is_missing_table(exc):
                raise _NoTables from exc
            if isinstance(exc, sa.exc.DBAPIError) and not is_passing(exc):
                raise
            raise _unreachable(exc) from exc

    def _is_missing(self) -> bool:
        """Whether it is a file of SQLite that is not there: looking must not make it."""
        url = self.pool.engine.url
        return url.drivername == "sqlite" and not Path(url.database or "").exists()


class Execution:
    """Executes runs in this process until closed. Made by :func:`execute_runs` only."""

    def __init__(self, executor_id: str, store: RunStore, limits: Mapping[str, int], poll: timedelta) -> None:
        self.executor_id = executor_id
        self.store = store
        self._limits = limits
        self._poll = poll
        self._queues: dict[str, Queue] = {}
        self._waiting = dict.fromkeys(limits, 0)
        self._intervals = dict.fromkeys(limits, poll)
        self._counted = time.monotonic()
        self._ending = threading.Event()

    @property
    def serves(self) -> bool:
        """Whether the queues are there."""
        return len(self._queues) == len(self._limits)

    def ends(self) -> None:
        """Runs at work are about to be stopped, because the process stops: that is no news for the log."""
        self._ending.set()

    async def enqueue(self, orders: Sequence[RunOrder]) -> list[Enqueued]:
        """See :meth:`RunStore.enqueue`."""
        answers = await self.store.enqueue(orders)
        for order, answer in zip(orders, answers, strict=True):
            if answer is Enqueued.NEW and order.queue in self._waiting:
                self._waiting[order.queue] += 1
        return answers

    def begun(self, queue: str) -> None:
        """A run of this queue was begun here."""
        self._waiting[queue] = max(0, self._waiting.get(queue, 0) - 1)

    async def adapt(self) -> None:
        """Look into queues with a backlog more often, until cancelled.

        DBOS takes as many runs at a look as there is room for, so a backlog is worked off as fast as it looks.
        """
        while True:
            await asyncio.sleep(0.2)
            try:
                await self._adapt()
            except Transient as exc:
                log.debug("job.polling_unchanged", cause=str(exc))

    async def _adapt(self) -> None:
        if time.monotonic() - self._counted > 2:
            self._counted = time.monotonic()
            for queue, waiting in self._waiting.items():
                if waiting:  # other hosts have begun some
                    self._waiting[queue] = await self.store.backlog(queue, _BATCH)
        for queue, limit in self._limits.items():
            wanted = FAST if self._waiting[queue] >= max(2, limit) else self._poll
            if wanted != self._intervals[queue]:
                await self.store.set_interval(self._queues[queue], wanted)
                self._intervals[queue] = wanted

    async def serve(self) -> None:
        """Have DBOS take runs from the queues."""
        for queue, limit in self._limits.items():
            self._queues[queue] = await self.store.register_queue(queue, limit, self._poll)


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
        """The steps finished by earlier holders, in order; later steps are numbered after them."""
        steps = await self.execution.store.steps(self.run_id)
        for _ in range(max((step.number for step in steps), default=0)):
            DBOS.reserve_step()  # which, where it is not run, leaves a gap in the numbers
        return steps

    async def held(self) -> bool:
        """Whether this process still holds the run."""
        held = await self.execution.store.held(self.execution.executor_id, [self.run_id])
        return bool(held)

    def lost(self) -> BaseException:
        """What to raise when it does not."""
        return error.DBOSWorkflowConflictIDError(self.run_id)


Body = Callable[[ClaimedRun, Json], Awaitable[Json]]


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[RunStore]:
    """The runs of a database, for reading and steering.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…``; PostgreSQL tables go to their own schema.
    """
    pool = ConnectionPool(url)
    try:
        yield RunStore(pool)
    finally:
        await asyncio.to_thread(pool.close)


@asynccontextmanager
async def execute_runs(
    store: RunStore, *, executor_id: str, queues: Mapping[str, int], poll: timedelta, body: Body
) -> AsyncIterator[Execution]:
    """Take runs from the queues and execute them; close within bounds at the end.

    Args:
        executor_id: unique to this process and start.
        queues: name of each queue and how many of its runs this process takes at once.
        poll: real time between two looks into a queue without a backlog.
        body: runs a run.

    Raises:
        Transient: the database cannot be reached now.
        RuntimeError: this process executes runs already.
    """
    if not _executing.acquire(blocking=False):
        raise RuntimeError("one job manager may be open in a process at a time")
    pool = store.pool
    throttle = _quieten(pool.closing.is_set)
    try:
        execution = Execution(executor_id, store, queues, poll)
        _register(execution, body)
        with contextlib.suppress(_NoTables):
            await execution.serve()  # before the launch, which then looks into them at once
        await _launch(executor_id, pool)
        _expect_stops(execution._ending.is_set)
        if not execution.serves:
            await execution.serve()
        pool.patient = True
        adapting = asyncio.create_task(execution.adapt(), name="jobs.polling")
        try:
            yield execution
        finally:
            execution.ends()
            adapting.cancel()
    finally:
        pool.closing.set()
        await _destroy()
        logging.getLogger("dbos").removeFilter(throttle)
        _executing.release()


async def _launch(executor_id: str, pool: ConnectionPool) -> None:
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
        raise _unreachable(exc) from exc


def _register(execution: Execution, body: Body) -> None:
    """Before the launch, as DBOS wants it."""

    @DBOS.workflow(name=WORKFLOW)
    async def run(request: Json) -> Json:
        return await body(ClaimedRun(str(DBOS.workflow_id), execution), request)


async def _destroy() -> None:
    """Shut DBOS down from its own thread: its threads may wait for this loop while they stop."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(thread_name_prefix="asyncio")
    loop.set_default_executor(threads)  # DBOS has put its own there, and closes it before it returns
    own = threading.Thread(target=lambda: DBOS.destroy(destroy_registry=True), name="jobs-close", daemon=True)
    own.start()
    end = time.monotonic() + DESTROY_LIMIT.total_seconds()
    while own.is_alive() and time.monotonic() < end:
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


_OUTCOMES = (RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.SKIPPED)


def _run(status: WorkflowStatus) -> JobRun | None:
    """What DBOS tells of a run of ours; None for anything else that stands in its tables."""
    name = parse_run_id(status.workflow_id)
    if name is None or status.name != WORKFLOW:
        return None
    noted = status.attributes or {}
    output = status.output if isinstance(status.output, dict) else {}
    request = RunRequest.from_json(_first_argument(status.input))
    state, note, failure = _state(status, noted, output)
    return JobRun(
        run_id=status.workflow_id,
        job=name.job,
        account_id=name.account_id,
        tick=name.tick,
        trigger=request.trigger if request is not None else "",
        state=state,
        host=status.executor_id or "",
        attempt=_attempt(status, noted, output),
        asked_at=_optional(status.created_at),
        started_at=_optional(1000 * output.get("started_at", 0) or status.dequeued_at),
        ended_at=_optional(1000 * output.get("ended_at", 0) or status.completed_at),
        took_s=output.get("took_s"),
        done=int(output.get("done", 0)),
        due=int(output.get("due", 0)),
        note=note,
        error=failure,
    )


def _state(
    status: WorkflowStatus, noted: Mapping[str, Any], output: Mapping[str, Any]
) -> tuple[RunState, str, str]:
    """State, note and error of a run."""
    note, failure = str(noted.get("note") or ""), str(noted.get("error") or "")
    match status.status:
        case "ENQUEUED" | "DELAYED":
            return RunState.SCHEDULED, note, failure
        case "PENDING" if noted.get("waits"):
            return RunState.SCHEDULED, f"waits: {noted['waits']}", failure
        case "PENDING" if noted.get("left"):
            return RunState.ABANDONED, str(noted["left"]), failure
        case "PENDING":
            return RunState.RUNNING, note, failure
        case "SUCCESS" if "state" in output:
            return RunState(output["state"]), str(output.get("note", "")), str(output.get("error", ""))
        case "CANCELLED" if not noted.get("failed"):
            return RunState.SKIPPED, note, failure
        case "CANCELLED":
            return RunState.FAILED, note, str(noted["failed"])
        case other:
            return RunState.FAILED, note, masked(str(status.error or f"it ended as {other}"))


def _attempt(status: WorkflowStatus, noted: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    """The number of the try: those of its present holder, and one for each holder before."""
    tries = int(output.get("tries") or noted.get("tries") or (1 if status.dequeued_at else 0))
    return int(noted.get("takeovers") or 0) + tries


def _held(status: WorkflowStatus) -> HeldRun:
    takeovers = int((status.attributes or {}).get("takeovers") or 0)
    since = _moment(status.dequeued_at or status.updated_at)
    return HeldRun(status.workflow_id, status.executor_id or "", status.queue_name or "", takeovers, since)


def _first_argument(inputs: Any) -> Json:
    arguments = inputs.get("args") if isinstance(inputs, dict) else None
    return arguments[0] if arguments else None


def _moment(milliseconds: float | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def _optional(milliseconds: float | None) -> datetime | None:
    return _moment(milliseconds) if milliseconds else None


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"error_type": type(value).__name__, "error_text": str(value)}
    raise TypeError(f"a {type(value).__name__} is not JSON; give the step the type of its result")


def _is_missing_table(exc: Exception) -> bool:
    orig = getattr(exc, "orig", None)
    return getattr(orig, "sqlstate", None) in ("42P01", "3F000") or "no such table" in str(orig)


class _NoTables(Transient):
    """No process has made the tables yet."""

    def __init__(self) -> None:
        super().__init__(
            "No job has run on this database yet.",
            remedy="Start `stonechat run` on it once; it makes its tables.",
        )


def _unreachable(exc: Exception) -> Transient:
    said = str(getattr(exc, "orig", None) or exc).strip().splitlines()[0]
    return Transient(
        f"The database of the job manager cannot be used: {masked(said)}",
        meaning="No job can run.",
        remedy="Check that the server runs and that JOBS_DATABASE_URL, or DATABASE_URL, is right.",
    )
