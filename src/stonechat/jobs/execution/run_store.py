"""Every run, read and steered from any process that reaches the database."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from stonechat.core.errors import Transient
from stonechat.core.redaction import masked
from stonechat.database.connection.errors import is_passing
from stonechat.database.connection.text_sanitizing import storable
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs.execution.connection_pool import Closing, PatientPool, impatient
from stonechat.jobs.execution.run_records import (
    OUTCOMES,
    WORKFLOW,
    HeldRun,
    RunStep,
    held_of,
    moment,
    run_of,
)
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.job import Json

T = TypeVar("T")

APPLICATION = "stonechat"
VERSION = "2"
"""Runs are only executed by a process of the same version: raise it when a run of the old form cannot be."""

_OPEN = ("ENQUEUED", "DELAYED", "PENDING")
_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_BARE: Mapping[str, bool] = {"load_input": False, "load_output": False}
BATCH = 1_000
"""Runs deleted at once."""

RECENT = timedelta(minutes=10)
"""More than hosts' clocks differ: a run that is asked for later is not older than the newest by more."""

READ_ALL_EVERY = timedelta(minutes=10)
"""How often (real time) all runs are read for those that are open, whatever a clock was set to."""


class RunStore:
    """Every run, read and steered from any process that reaches the database. Made by :func:`open_store`.

    Args:
        client: DBOS's own, for use from outside of a run.
        in_use: what it raises where a run of a name exists already.
        too_long: what it raises where a listing took too long.
    """

    def __init__(
        self, pool: PatientPool, client: Any, in_use: type[Exception], too_long: type[Exception]
    ) -> None:
        self.pool = pool
        self._client = client
        self._in_use = in_use
        self._too_long = too_long
        self._read_again = 0.0
        self._recent: str | None = None
        self._older: list[str] = []

    async def enqueue(self, runs: Sequence[tuple[str, RunRequest]]) -> list[bool]:
        """Let runs wait in these queues; each name is run once, whoever asks for it and how often.

        All of them in one transaction, in the order of their names: two hosts that ask for the same wait for
        each other, and not both for ever.

        Returns:
            Of each whether it is new, or one of its name exists already.

        Raises:
            Transient: the database is away; nothing, or all, is asked for.
        """

        def put() -> dict[str, bool]:
            ordered = sorted(runs, key=lambda one: one[1].run_id)
            with self.pool.engine.begin() as connection:
                return {request.run_id: self._put(connection, queue, request) for queue, request in ordered}

        if not runs:
            return []
        new = await self._call(put)
        return [new[request.run_id] for _, request in runs]

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
        found = await self._open(_OPEN)
        return [run for run in map(run_of, found) if run is not None]

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
        if run is None or run.state in OUTCOMES:
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
        if executor_id is None and not run_ids:
            found = [one for one in await self._open(["PENDING"]) if one.app_version == VERSION]
        else:
            found = await self._workflows(
                status="PENDING",
                executor_id=executor_id,
                workflow_ids=list(run_ids) or None,
                app_version=VERSION,
                **_BARE,
            )
        return [held_of(one) for one in found]

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
        found = await self._workflows(status=list(_ENDED), completed_before=before.isoformat(), **_BARE)
        return len(found)

    async def clear(self) -> tuple[int, int]:
        """Delete every run, for what they were about has been replaced: how many were open, and how many."""
        active = await self.active()
        if active:
            await self._call(lambda: self._client.cancel_workflows([run.run_id for run in active]))
        return len(active), await self._delete()

    async def register_queue(self, name: str, limit: int, poll: timedelta) -> Any:
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

    async def set_interval(self, queue: Any, poll: timedelta) -> None:
        """Have every process look into a queue that often."""
        await self._call(lambda: queue.set_polling_interval_sec(poll.total_seconds()))

    async def _delete(self, **which: Any) -> int:
        deleted = 0
        while True:
            ended = await self._workflows(limit=BATCH, **_BARE, **which)
            if not ended:
                return deleted
            run_ids = [run.workflow_id for run in ended]
            await self._call(lambda run_ids=run_ids: self._client.delete_workflows(run_ids))  # type: ignore[misc]
            deleted += len(run_ids)

    async def _open(self, statuses: Sequence[str]) -> list[Any]:
        """Runs in some of the states of ``_OPEN``, oldest first.

        SQLite has no index that DBOS's listing by state can use, so it reads every run that is kept. All are
        therefore read now and then only; in between those that are recent, and by their ids the older ones.
        """
        if time.monotonic() < self._read_again:
            older = (
                await self._workflows(status=list(statuses), workflow_ids=self._older, **_BARE)
                if self._older
                else []
            )
            return older + await self._workflows(status=list(statuses), start_time=self._recent, **_BARE)
        newest = await self._workflows(limit=1, sort_desc=True, **_BARE)
        found = await self._workflows(status=list(_OPEN), **_BARE)
        if newest:
            since = moment(newest[0].created_at) - RECENT
            self._recent = since.isoformat()
            self._older = [one.workflow_id for one in found if moment(one.created_at) < since]
            self._read_again = time.monotonic() + READ_ALL_EVERY.total_seconds()
        return [one for one in found if one.status in statuses]

    async def _list(self, **which: Any) -> list[JobRun]:
        found = await self._workflows(**which)
        return [run for run in map(run_of, found) if run is not None]

    def _steps(self, run_id: str) -> list[RunStep]:
        return [
            RunStep(
                number=step["function_id"],
                name=step["function_name"],
                started_at=moment(step["started_at_epoch_ms"]),
                ended_at=moment(step["completed_at_epoch_ms"]),
                result_bytes=len(json.dumps(step["output"], default=str)),
                error=masked(str(step["error"])) if step["error"] is not None else "",
                result=step["output"],
            )
            for step in self._client.list_workflow_steps(run_id)
        ]

    def _put(self, connection: sa.Connection, queue: str, request: RunRequest) -> bool:
        options = {
            "workflow_name": WORKFLOW,
            "queue_name": queue,
            "workflow_id": request.run_id,
            "workflow_id_reuse_policy": "reject",
            "queue_partition_key": request.partition,
            "app_version": VERSION,
        }
        try:
            self._client.enqueue_in_transaction(connection, options, request.to_json())
        except self._in_use:
            return False
        return True

    async def _workflows(self, **which: Any) -> list[Any]:
        """DBOS's own listing; none where no process has made the tables yet."""
        try:
            return await self._call(lambda: self._client.list_workflows(**which))
        except NoTables:
            return []

    async def _call(self, call: Callable[[], T]) -> T:
        """Make the call in a thread."""

        def made() -> T:
            with impatient():
                return call()

        try:
            if self._is_missing():
                raise NoTables
            return await asyncio.to_thread(made)
        except Closing as exc:
            raise Transient("The job manager is closing.") from exc
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, self._too_long) as exc:
            if _is_missing_table(exc):
                raise NoTables from exc
            if isinstance(exc, sa.exc.DBAPIError) and not is_passing(exc):
                raise
            raise unreachable(exc) from exc

    def _is_missing(self) -> bool:
        """Whether it is a file of SQLite that is not there: looking must not make it."""
        url = self.pool.engine.url
        return url.drivername == "sqlite" and not Path(url.database or "").exists()


def _is_missing_table(exc: Exception) -> bool:
    orig = getattr(exc, "orig", None)
    return getattr(orig, "sqlstate", None) in ("42P01", "3F000") or "no such table" in str(orig)


class NoTables(Transient):
    """No process has made the tables yet."""

    def __init__(self) -> None:
        super().__init__(
            "No job has run on this database yet.",
            remedy="Start `stonechat run` on it once; it makes its tables.",
        )


def unreachable(exc: Exception) -> Transient:
    """What to say where the database of the runs does not answer."""
    said = str(getattr(exc, "orig", None) or exc).strip().splitlines()[0]
    return Transient(
        f"The database of the job manager cannot be used: {masked(said)}",
        meaning="No job can run.",
        remedy="Check that the server runs and that JOBS_DATABASE_URL, or DATABASE_URL, is right.",
    )
