"""The append-only history of every state change: who, when, from, to, why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import state_history as table


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history."""

    at: datetime
    who: str
    before: str
    after: str
    why: str


async def append(
    connection: AsyncConnection,
    *,
    kind: str,
    entity_id: str,
    account_id: str | None,
    at: datetime,
    who: str,
    before: str,
    after: str,
    why: str = "",
) -> None:
    """Write one line."""
    await connection.execute(
        insert(table).values(
            kind=kind,
            entity_id=entity_id,
            account_id=account_id,
            at=at,
            who=who,
            before=before,
            after=after,
            why=why,
        )
    )


async def append_all(connection: AsyncConnection, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write many lines at once, each with the values that :func:`append` takes."""
    if lines:
        await connection.execute(insert(table), list(lines))


async def of(connection: AsyncConnection, kind: str, entity_id: str) -> list[Change]:
    """The changes of one thing, oldest first."""
    rows = await connection.execute(
        select(table.c.at, table.c.who, table.c.before, table.c.after, table.c.why)
        .where(table.c.kind == kind, table.c.entity_id == entity_id)
        .order_by(table.c.id)
    )
    return [Change(*row) for row in rows]


async def last_change(
    connection: AsyncConnection,
    kind: str,
    entity_ids: Collection[str],
    *,
    before: Collection[str],
    after: str,
) -> dict[str, datetime]:
    """When each of these last went from one of those states to ``after``; those that never did are absent."""
    rows = await connection.execute(
        select(table.c.entity_id, func.max(table.c.at))
        .where(
            table.c.kind == kind,
            table.c.entity_id.in_(sorted(entity_ids)),
            table.c.before.in_(sorted(before)),
            table.c.after == after,
        )
        .group_by(table.c.entity_id)
    )
    return {str(row[0]): row[1] for row in rows}
