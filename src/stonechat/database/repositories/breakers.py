"""The table ``breakers``: what all hosts share about each circuit breaker, changed by compare-and-set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.repositories import state_history
from stonechat.database.schema.tables import breakers as table


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """One row. ``body`` is what the breaker itself keeps; ``since`` is real time."""

    name: str
    state: str
    since: datetime
    version: int
    body: dict[str, Any]
    why: str


async def every(connection: AsyncConnection) -> list[BreakerRow]:
    """All breakers, by name."""
    rows = await connection.execute(select(table).order_by(table.c.name))
    return [BreakerRow(row.name, row.state, row.since, row.version, dict(row.body), row.why) for row in rows]


async def find(connection: AsyncConnection, name: str, *, lock: bool = False) -> BreakerRow | None:
    """The row, or None; with ``lock`` nobody else can change it before this transaction ends."""
    query = select(table).where(table.c.name == name)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return (
        None
        if row is None
        else BreakerRow(row.name, row.state, row.since, row.version, dict(row.body), row.why)
    )


async def save(
    connection: AsyncConnection, row: BreakerRow, *, expected: int, now: datetime, who: str
) -> bool:
    """Write ``row`` where the stored version is ``expected`` (0: no row yet); False where it is not.

    A change of state is appended to the history with account time ``now``.
    """
    known = await find(connection, row.name)
    before = "closed" if known is None else known.state
    values = {
        "state": row.state,
        "since": row.since,
        "version": row.version,
        "body": row.body,
        "why": row.why,
    }
    if known is None:
        try:
            async with connection.begin_nested():
                await connection.execute(insert(table).values(name=row.name, account_id=None, **values))
        except IntegrityError:
            return False
    else:
        result = await connection.execute(
            update(table).where(table.c.name == row.name, table.c.version == expected).values(**values)
        )
        if result.rowcount != 1:
            return False
    if before != row.state:
        await state_history.append(
            connection,
            kind="breaker",
            entity_id=row.name,
            account_id=None,
            at=now,
            who=who,
            before=before,
            after=row.state,
            why=row.why,
        )
    return True
