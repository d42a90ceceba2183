"""The taken times of an account, and the lock under which one transaction at a time takes another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import case, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState
from stonechat.database.schema.tables import accounts
from stonechat.database.schema.tables import content_metadata as table
from stonechat.database.schema.types import UtcTime

_FREE = (ContentState.REJECTED, ContentState.CANCELLED, ContentState.MISSED, ContentState.FAILED)


async def lock(connection: AsyncConnection, account_id: str) -> None:
    """Hold the account's row until the transaction ends (SQLite's ``begin`` holds everything already)."""
    await connection.execute(
        select(accounts.c.account_id).where(accounts.c.account_id == account_id).with_for_update()
    )


async def booked(connection: AsyncConnection, account_id: str, since: datetime) -> list[tuple[datetime, str]]:
    """``(time, topic)`` of every post of the account at or after ``since``, replies apart, oldest first.

    The time is when it was published, or when it is due. Content that will never be published takes none.
    """
    at = func.coalesce(table.c.posted_at, table.c.due_at)
    rows = await connection.execute(
        select(at.label("at"), table.c.arm)
        .where(
            table.c.account_id == account_id,
            table.c.kind != ContentKind.REPLY.value,
            table.c.state.not_in([state.value for state in _FREE]),
            table.c.due_at >= since,
        )
        .order_by(at)
    )
    return [(row[0], str(row[1].get("topic", ""))) for row in rows]


async def overdue(connection: AsyncConnection, account_id: str, now: datetime) -> int:
    """How many posts, replies apart, should have gone out by now and wait for approval or for their turn."""
    waiting = (ContentState.AWAITING_APPROVAL.value, ContentState.QUEUED.value)
    query = (
        select(func.count())
        .select_from(table)
        .where(
            table.c.account_id == account_id,
            table.c.kind != ContentKind.REPLY.value,
            table.c.state.in_(waiting),
            table.c.due_at < now,
        )
    )
    return int((await connection.execute(query)).scalar_one())


async def replies_since(connection: AsyncConnection, account_id: str, since: datetime) -> int:
    """How many replies were written since then and not turned down."""
    query = (
        select(func.count())
        .select_from(table)
        .where(
            table.c.account_id == account_id,
            table.c.kind == ContentKind.REPLY.value,
            table.c.created_at >= since,
            table.c.state.not_in([state.value for state in _FREE]),
        )
    )
    return int((await connection.execute(query)).scalar_one())


async def tried(
    connection: AsyncConnection, account_id: str, *, limit: int = 2000
) -> list[Mapping[str, str]]:
    """The arms of the account's newest live posts."""
    rows = await connection.execute(
        select(table.c.arm)
        .where(
            table.c.account_id == account_id,
            table.c.state == ContentState.POSTED.value,
            table.c.posted_at.is_not(None),
        )
        .order_by(table.c.posted_at.desc())
        .limit(limit)
    )
    return [dict(row[0]) for row in rows]


async def next_due_of_each(connection: AsyncConnection, after: Mapping[str, datetime]) -> dict[str, datetime]:
    """By account: when its next queued content may be tried after the moment given, read for all at once."""
    if not after:
        return {}
    seen_by_all = max(after.values())
    tried_at = case((table.c.not_before > table.c.due_at, table.c.not_before), else_=table.c.due_at)
    coming = (
        select(table.c.account_id, func.min(tried_at, type_=UtcTime()))
        .where(table.c.state == ContentState.QUEUED.value, tried_at > seen_by_all)
        .group_by(table.c.account_id)
    )
    found = {row[0]: row[1] for row in await connection.execute(coming) if row[0] in after}
    lately = select(table.c.account_id, type_coerce(tried_at, UtcTime())).where(
        table.c.state == ContentState.QUEUED.value, tried_at > min(after.values()), tried_at <= seen_by_all
    )
    for account_id, at in await connection.execute(lately):
        if account_id in after and at > after[account_id]:
            found[account_id] = min(at, found.get(account_id, at))
    return found
