"""Rows of the processes that run jobs: who is alive, by heartbeats of the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Float, delete, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from stonechat.database.schema.tables import executors
from stonechat.database.schema.types import UtcTime


@dataclass(frozen=True, slots=True)
class ExecutorRow:
    """A process that runs jobs. ``silent`` is how long it has not been heard of, by the database's clock."""

    executor_id: str
    host: str
    pid: int
    fence: int
    silent: timedelta


def _database_now(connection: AsyncConnection) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return literal_column("clock_timestamp()", UtcTime())
    return literal_column("strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00'", UtcTime())


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
            (postgresql if connection.dialect.name == "postgresql" else sqlite)
            .insert(executors)
            .values(executor_id=executor_id, host=host, pid=pid, fence=1, heartbeat_at=now)
            .on_conflict_do_nothing()
        )
        return 1
    return abs(int(fence))


async def seen(connection: AsyncConnection) -> list[ExecutorRow]:
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


async def retire(connection: AsyncConnection, executor_id: str) -> None:
    """Make a process look silent for long: it stops, and what it holds may be taken over at once."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    await connection.execute(
        update(executors).where(executors.c.executor_id == executor_id).values(heartbeat_at=long_ago)
    )


async def forget(connection: AsyncConnection, executor_id: str) -> None:
    """Remove a process's row: it has stopped, or what it held was taken over."""
    await connection.execute(delete(executors).where(executors.c.executor_id == executor_id))


async def claim_takeover(connection: AsyncConnection, row: ExecutorRow) -> bool:
    """Whether this process takes over from a silent one; the others see a fresh heartbeat and leave it.

    Should this process die before it has finished, the row is silent again soon, for the next one to see.
    """
    taken = await connection.execute(
        update(executors)
        .where(executors.c.executor_id == row.executor_id, executors.c.fence == row.fence)
        .values(fence=row.fence + 1, heartbeat_at=_database_now(connection))
    )
    return taken.rowcount == 1
