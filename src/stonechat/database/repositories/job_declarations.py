"""The jobs as they were declared at the last start, for commands while nothing runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import job_declarations as table


async def replace(connection: AsyncConnection, bodies: Mapping[str, Any], now: datetime) -> None:
    """Have exactly these, by name; nothing is written where nothing has changed."""
    known = await every(connection)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for job, body in bodies.items():
        if known.get(job) != body:
            values = {"body": body, "declared_at": now}
            statement = dialect.insert(table).values(job=job, **values)
            await connection.execute(statement.on_conflict_do_update(index_elements=["job"], set_=values))
    gone = known.keys() - bodies.keys()
    if gone:
        await connection.execute(delete(table).where(table.c.job.in_(gone)))


async def every(connection: AsyncConnection) -> dict[str, Any]:
    """By name."""
    rows = await connection.execute(select(table.c.job, table.c.body).order_by(table.c.job))
    return {row[0]: row[1] for row in rows}
