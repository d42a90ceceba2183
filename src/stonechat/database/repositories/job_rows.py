"""Rows of the job manager: every run, its steps, and the executors that are alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Float, case, delete, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from stonechat.core.states import RunState
from stonechat.database.schema.tables import executors, job_runs, job_steps
from stonechat.database.schema.types import UtcTime

ACTIVE = (RunState.SCHEDULED.value, RunState.RUNNING.value)
"""Runs in these states are still to come to an end."""

STARTABLE = (*ACTIVE, RunState.ABANDONED.value)
"""Runs in these states may be taken up; a run that ended never is."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of one job. Ticks are account time; started, ended and heartbeat are real time."""

    run_id: str
    account_id: str | None
    job: str
    tick: datetime
    trigger: str
    state: RunState
    state_since: datetime
    host: str
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None
    heartbeat_at: datetime | None
    took_s: float | None
    done: int
    due: int
    note: str
    error: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of one run. Times are real."""

    number: int
    name: str
    started_at: datetime
    ended_at: datetime | None
    result_bytes: int
    error: str


@dataclass(frozen=True, slots=True)
class ExecutorRow:
    """A process that runs jobs. ``silent`` is how long it has not been heard of, by the database's clock."""

    executor_id: str
    host: str
    pid: int
    fence: int
    silent: timedelta


def _insert(connection: AsyncConnection, table: Any) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _database_now(connection: AsyncConnection) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return literal_column("clock_timestamp()", UtcTime())
    return literal_column("strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00'", UtcTime())


async def skip(
    connection: AsyncConnection,
    run_id: str,
    *,
    job: str,
    account_id: str | None,
    tick: datetime,
    trigger: str,
    note: str,
    now: datetime,
) -> None:
    """Add a row for a run that will not take place, and why."""
    await connection.execute(
        _insert(connection, job_runs)
        .values(
            run_id=run_id,
            account_id=account_id,
            job=job,
            tick=tick,
            trigger=trigger,
            state=RunState.SKIPPED.value,
            state_since=now,
            note=note,
        )
        .on_conflict_do_nothing()
    )


async def retry(
    connection: AsyncConnection, run_id: str, attempt: int, *, error: str, now: datetime
) -> int | None:
    """The next try of the same holder: its number, or None if another process has the run."""
    row = await connection.execute(
        update(job_runs)
        .where(job_runs.c.run_id == run_id, job_runs.c.attempt == attempt)
        .where(job_runs.c.state == RunState.RUNNING.value)
        .values(attempt=attempt + 1, error=error, heartbeat_at=now)
        .returning(job_runs.c.attempt)
    )
    number = row.scalar_one_or_none()
    return int(number) if number is not None else None


async def explain(connection: AsyncConnection, run_id: str, note: str) -> None:
    """Say why a run that is to be taken up still waits."""
    await connection.execute(
        update(job_runs)
        .where(job_runs.c.run_id == run_id, job_runs.c.state == RunState.SCHEDULED.value)
        .values(note=note)
    )


async def abandon(connection: AsyncConnection, run_id: str, *, note: str, now: datetime) -> bool:
    """Give up a run that has not ended; False if it had."""
    result = await connection.execute(
        update(job_runs)
        .where(job_runs.c.run_id == run_id, job_runs.c.state.in_(ACTIVE))
        .values(state=RunState.ABANDONED.value, state_since=now, ended_at=now, note=note)
    )
    return result.rowcount == 1


async def lose(connection: AsyncConnection, run_id: str, attempt: int, *, error: str, now: datetime) -> bool:
    """A run of which nothing is heard, and with which nobody will go on, has failed; False if it went on."""
    result = await connection.execute(
        update(job_runs)
        .where(job_runs.c.run_id == run_id, job_runs.c.attempt == attempt)
        .where(job_runs.c.state == RunState.RUNNING.value)
        .values(state=RunState.FAILED.value, state_since=now, ended_at=now, error=error)
    )
    return result.rowcount == 1


async def cancel(connection: AsyncConnection, run_id: str, *, note: str, now: datetime) -> bool:
    """The run shall not go on, wherever it is, and is never taken up again; False if it had ended."""
    result = await connection.execute(
        update(job_runs)
        .where(job_runs.c.run_id == run_id, job_runs.c.state.in_(STARTABLE))
        .values(state=RunState.SKIPPED.value, state_since=now, ended_at=now, note=note)
    )
    return result.rowcount == 1


async def beat_runs(connection: AsyncConnection, held: Mapping[str, int], *, now: datetime) -> set[str]:
    """Say that the runs are alive; returns those that are still ours (``held``: run id to number of try)."""
    if not held:
        return set()
    rows = await connection.execute(
        update(job_runs)
        .where(job_runs.c.run_id.in_(held), job_runs.c.state == RunState.RUNNING.value)
        .where(job_runs.c.attempt == case(held, value=job_runs.c.run_id))
        .values(heartbeat_at=now)
        .returning(job_runs.c.run_id)
    )
    return {row[0] for row in rows}


async def steps_of(connection: AsyncConnection, run_id: str) -> list[StepRow]:
    """The steps of a run, in order."""
    columns = job_steps.c
    rows = await connection.execute(
        select(
            columns.number,
            columns.name,
            columns.started_at,
            columns.ended_at,
            columns.result_bytes,
            columns.error,
        )
        .where(columns.run_id == run_id)
        .order_by(columns.number)
    )
    return [StepRow(*row) for row in rows]


async def get(connection: AsyncConnection, run_id: str) -> RunRow | None:
    """The run's row, if there is one."""
    row = (await connection.execute(runs().where(job_runs.c.run_id == run_id))).one_or_none()
    return run_of(row) if row is not None else None


async def active(connection: AsyncConnection) -> list[RunRow]:
    """Runs that have not come to an end, oldest first."""
    rows = await connection.execute(
        runs().where(job_runs.c.state.in_(ACTIVE)).order_by(job_runs.c.state_since)
    )
    return [run_of(row) for row in rows]


async def changed(connection: AsyncConnection, since: datetime) -> list[RunRow]:
    """Runs whose state changed after real time ``since``, oldest change first."""
    states = [state.value for state in RunState]
    query = runs().where(job_runs.c.state.in_(states), job_runs.c.state_since > since)
    return [run_of(row) for row in await connection.execute(query.order_by(job_runs.c.state_since))]


async def history(
    connection: AsyncConnection, *, job: str | None = None, account_id: str | None = None, limit: int = 50
) -> list[RunRow]:
    """The latest runs, newest first; of one job or account where asked."""
    query = runs().order_by(job_runs.c.tick.desc(), job_runs.c.run_id).limit(limit)
    if job is not None:
        query = query.where(job_runs.c.job == job)
    if account_id is not None:
        query = query.where(job_runs.c.account_id == account_id)
    return [run_of(row) for row in await connection.execute(query)]


async def last_ticks(connection: AsyncConnection) -> dict[tuple[str, str | None], datetime]:
    """The newest tick of each job and account that its schedule gave a row."""
    rows = await connection.execute(
        select(job_runs.c.job, job_runs.c.account_id, func.max(job_runs.c.tick, type_=UtcTime()))
        .where(job_runs.c.trigger == "schedule")
        .group_by(job_runs.c.job, job_runs.c.account_id)
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def beat(connection: AsyncConnection, executor_id: str, *, host: str, pid: int) -> int:
    """Say that this process is alive, by the database's clock; returns its fence.

    The fence is 1 at first and grows each time the row was taken away in between.
    """
    now = _database_now(connection)
    row = await connection.execute(
        update(executors)
        .where(executors.c.executor_id == executor_id)
        .values(heartbeat_at=now)
        .returning(executors.c.fence)
    )
    fence = row.scalar_one_or_none()
    if fence is None:
        await connection.execute(
            _insert(connection, executors)
            .values(executor_id=executor_id, host=host, pid=pid, fence=1, heartbeat_at=now)
            .on_conflict_do_nothing()
        )
        return 1
    return abs(int(fence))


async def executors_seen(connection: AsyncConnection) -> list[ExecutorRow]:
    """Every process that has a row, with how long it has been silent."""
    columns = executors.c
    silent: ColumnElement[Any]
    if connection.dialect.name == "postgresql":
        silent = func.extract("epoch", literal_column("clock_timestamp()") - columns.heartbeat_at)
    else:
        silent = (func.julianday("now") - func.julianday(columns.heartbeat_at)) * 86400.0
    rows = await connection.execute(
        select(columns.executor_id, columns.host, columns.pid, columns.fence, silent.cast(Float))
    )
    return [ExecutorRow(row[0], row[1], row[2], row[3], timedelta(seconds=float(row[4]))) for row in rows]


async def retire_executor(connection: AsyncConnection, executor_id: str) -> None:
    """Make a process look silent for long: it stops, and what it holds may be taken over at once."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    await connection.execute(
        update(executors).where(executors.c.executor_id == executor_id).values(heartbeat_at=long_ago)
    )


async def forget_executor(connection: AsyncConnection, executor_id: str) -> None:
    """Remove a process's row: it has stopped, or what it held was taken over."""
    await connection.execute(delete(executors).where(executors.c.executor_id == executor_id))


def runs() -> Any:
    """A query for the columns of :class:`RunRow`, to be narrowed down."""
    columns = job_runs.c
    return select(*(columns[name] for name in RunRow.__dataclass_fields__))


def run_of(row: Any) -> RunRow:
    """The run that a row of :func:`runs` tells of."""
    values = dict(row._mapping)
    return RunRow(**{**values, "state": RunState(values["state"])})
