"""What is written down for every run: that it waits, that it was taken, what its steps gave.

DBOS does each in several statements. On SQLite that is a call in this process and stays so
(:class:`Books`). On PostgreSQL every statement is a journey, and the begin and the commit around them are
two more, so there each of the three is one statement (:class:`SwiftBooks`) with the same effect on DBOS's
tables. DBOS is pinned to one version, and the tests that kill and freeze processes run through both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import DBOS, Queue
from dbos._enqueue_options import EnqueueOptions, build_enqueue_status
from dbos._error import (
    DBOSQueueDeduplicatedError,
    DBOSStepNondeterminismError,
    DBOSWorkflowConflictIDError,
    DBOSWorkflowIDInUseError,
)
from dbos._sys_db import WorkflowStatusInternal, db_retry
from dbos._utils import generate_uuid
from psycopg.errors import UniqueViolation

from stonechat.jobs.declaration import Json
from stonechat.jobs.engine.run import Recorded

T = TypeVar("T")

APPLICATION = "stonechat"
VERSION = "1"
"""Runs are only resumed by a process of the same version: raise it when a run of the old form cannot be."""

WORKFLOW = "stonechat.run"
SCHEMA = "stonechat_engine"


class Enqueued(StrEnum):
    """What became of a request to run."""

    NEW = "new"
    KNOWN = "known"
    """A run of this name exists already, or existed."""
    BUSY = "busy"
    """Another run with the same lane has not ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run to put into a queue; runs of a ``lane`` never overlap, a smaller ``priority`` goes first."""

    run_id: str
    request: Json
    queue: str
    lane: str
    priority: int


class Books:
    """As DBOS itself does it. All methods block, and wait while the database is away."""

    def __init__(self, dbos: DBOS, executor_id: str) -> None:
        self._dbos = dbos
        self._database = dbos._sys_db
        self._executor_id = executor_id

    def put(self, wanted: Wanted) -> Enqueued:
        """Let a run wait in its queue."""
        status = self._status(wanted)
        try:
            self._database.init_workflow(status, creator_xid=generate_uuid(), reuse_policy="reject")
        except DBOSQueueDeduplicatedError:
            return Enqueued.BUSY
        except DBOSWorkflowIDInUseError:
            return Enqueued.KNOWN
        return Enqueued.NEW

    def take(self, queue: Queue, at_work: int, room: int, owner: str) -> list[WorkflowStatusInternal]:
        """Claim up to ``room`` runs of a queue with a fresh token, those first that go first.

        Raises:
            sqlalchemy.exc.DBAPIError: not now.
        """
        del room  # DBOS reckons itself, from the queue's limit
        taken, _ = self._database.start_queued_workflows(
            queue,
            self._executor_id,
            VERSION,
            None,
            at_work,
            owner_xid=owner,
            is_latest_version=False,  # runs without a version are not ours
        )
        return self._database.get_workflow_statuses(taken) if taken else []

    def keep(self, run_id: str, owner: str, step: Recorded, number: int) -> None:
        """Keep a finished step, if ``owner`` is the token of the newest claim.

        Raises:
            DBOSWorkflowConflictIDError: it is not; nothing was kept.
        """
        self._database.record_operation_result(
            {
                "workflow_uuid": run_id,
                "function_id": number,
                "function_name": step.name,
                "output": self._dbos._serializer.serialize(step.result),
                "error": None,
                "serialization": self._dbos._serializer.name(),
                "started_at_epoch_ms": _ms(step.started),
                "child_workflow_id": None,
            },
            completed_at_epoch_ms=_ms(step.ended),
            owner_xid=owner,
        )

    def _status(self, wanted: Wanted) -> WorkflowStatusInternal:
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": wanted.queue,
            "workflow_id": wanted.run_id,
            "deduplication_id": wanted.lane,
            "priority": wanted.priority,
            "app_version": VERSION,
            "application_name": APPLICATION,
        }
        return build_enqueue_status(options, self._dbos._serializer, (wanted.request,), {})[1]


_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"

_PUT = f"""
WITH put AS (
    INSERT INTO {SCHEMA}.workflow_status (workflow_uuid, status, name, queue_name, application_version,
        application_id, application_name, deduplication_id, priority, serialization, creator_xid)
    VALUES (%(run)s, 'ENQUEUED', %(name)s, %(queue)s, %(version)s, '', %(application)s, %(lane)s,
        %(priority)s, %(form)s, %(creator)s)
    ON CONFLICT (workflow_uuid) DO NOTHING
    RETURNING workflow_uuid)
INSERT INTO {SCHEMA}.workflow_input (workflow_uuid, inputs) SELECT workflow_uuid, %(inputs)s FROM put
ON CONFLICT (workflow_uuid) DO UPDATE SET inputs = EXCLUDED.inputs
RETURNING workflow_uuid
"""  # noqa: S608 - no value is part of a text

_TAKE = f"""
WITH next AS (
    SELECT workflow_uuid FROM {SCHEMA}.workflow_status
    WHERE queue_name = %(queue)s AND status = 'ENQUEUED' AND application_version = %(version)s
        AND (application_name = %(application)s OR application_name IS NULL)
    ORDER BY priority, created_at LIMIT %(room)s FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE {SCHEMA}.workflow_status AS run SET status = 'PENDING', owner_xid = %(owner)s,
        executor_id = %(executor)s, application_name = %(application)s, started_at_epoch_ms = {_NOW},
        updated_at = {_NOW}, rate_limited = FALSE, recovery_attempts = run.recovery_attempts + 1
    FROM next WHERE run.workflow_uuid = next.workflow_uuid AND run.status = 'ENQUEUED'
    RETURNING run.*)
SELECT taken.workflow_uuid, taken.status, taken.name, taken.recovery_attempts, taken.queue_name,
    taken.serialization, taken.attributes, taken.workflow_deadline_epoch_ms,
    COALESCE(input.inputs, taken.inputs) AS inputs
FROM taken LEFT JOIN {SCHEMA}.workflow_input AS input ON input.workflow_uuid = taken.workflow_uuid
ORDER BY taken.priority, taken.created_at
"""  # noqa: S608 - the same

_KEEP = f"""
WITH held AS (
    SELECT owner_xid FROM {SCHEMA}.workflow_status WHERE workflow_uuid = %(run)s FOR NO KEY UPDATE),
kept AS (
    INSERT INTO {SCHEMA}.operation_outputs AS step (workflow_uuid, function_id, function_name, output,
        started_at_epoch_ms, completed_at_epoch_ms, serialization, application_name)
    SELECT %(run)s, %(number)s, %(name)s, %(output)s, %(began)s, %(ended)s, %(form)s, %(application)s
    FROM held WHERE held.owner_xid = %(owner)s
    ON CONFLICT (workflow_uuid, function_id) DO UPDATE SET completed_at_epoch_ms = step.completed_at_epoch_ms
    RETURNING completed_at_epoch_ms)
SELECT completed_at_epoch_ms FROM kept
"""  # noqa: S608 - the same


class SwiftBooks(Books):
    """The same on PostgreSQL, each in one statement."""

    def put(self, wanted: Wanted) -> Enqueued:
        """See :meth:`Books.put`."""
        status = self._status(wanted)
        values = {
            "run": wanted.run_id,
            "name": WORKFLOW,
            "queue": wanted.queue,
            "version": VERSION,
            "application": APPLICATION,
            "lane": wanted.lane,
            "priority": wanted.priority,
            "form": status["serialization"],
            "inputs": status["inputs"],
            "creator": generate_uuid(),
        }
        tries = 0

        def insert() -> bool:
            nonlocal tries
            tries += 1
            return bool(self._run(_PUT, values))

        try:
            new = self._patiently(insert)
        except sa.exc.IntegrityError as exc:
            if isinstance(exc.orig, UniqueViolation):
                return Enqueued.BUSY
            raise
        # the answer to a first try may have been lost, and the run be new nevertheless
        return Enqueued.NEW if new or (tries > 1 and self._made(values)) else Enqueued.KNOWN

    def take(self, queue: Queue, at_work: int, room: int, owner: str) -> list[WorkflowStatusInternal]:
        """See :meth:`Books.take`."""
        del at_work  # our own reckoning is in the room
        values = {
            "queue": queue.name,
            "version": VERSION,
            "application": APPLICATION,
            "room": room,
            "owner": owner,
            "executor": self._executor_id,
        }
        blank = self._status(Wanted("-", None, queue.name, "-", 1))
        return [{**blank, **row} for row in self._run(_TAKE, values)]  # type: ignore[typeddict-item]

    def keep(self, run_id: str, owner: str, step: Recorded, number: int) -> None:
        """See :meth:`Books.keep`."""
        ended = _ms(step.ended)
        values = {
            "run": run_id,
            "owner": owner,
            "number": number,
            "name": step.name,
            "output": self._dbos._serializer.serialize(step.result),
            "form": self._dbos._serializer.name(),
            "began": _ms(step.started),
            "ended": ended,
            "application": APPLICATION,
        }
        kept = self._patiently(lambda: self._run(_KEEP, values))
        if not kept:
            raise DBOSWorkflowConflictIDError(run_id)
        if kept[0]["completed_at_epoch_ms"] != ended:
            raise DBOSStepNondeterminismError(run_id, number)

    def _made(self, values: dict[str, Any]) -> bool:
        """Whether the row of a run was made by this very request."""
        made = f"SELECT creator_xid FROM {SCHEMA}.workflow_status WHERE workflow_uuid = %(run)s"  # noqa: S608
        rows = self._patiently(lambda: self._run(made, {"run": values["run"]}))
        return bool(rows) and rows[0]["creator_xid"] == values["creator"]

    def _run(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        with self._database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            return [dict(row) for row in connection.exec_driver_sql(statement, values).mappings()]

    def _patiently(self, call: Callable[[], T]) -> T:
        """Again and again while the database is away, as DBOS does."""
        again: Callable[[], T] = db_retry(sys_db=self._database)(call)
        return again()


def priority(handicap: timedelta, asked: float | None = None) -> int:
    """Smaller goes first: the moment of asking (Unix seconds) plus the handicap, since 2025-01-01.

    A run that has waited for longer than its handicap goes before one that is asked for now, whatever
    its kind: nothing starves.
    """
    since = (time.time() if asked is None else asked) - 1_735_689_600
    return int(since + handicap.total_seconds())


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
