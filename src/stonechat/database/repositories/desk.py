"""What the owner's desk shows: a calendar of content, whom replies answer, and who was not answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Content, Opportunity
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories.content_rows import content_of
from stonechat.database.repositories.opportunities import opportunity_of
from stonechat.database.schema.tables import content_metadata as pieces
from stonechat.database.schema.tables import reply_opportunities as others


async def due_between(
    connection: AsyncConnection,
    start: datetime,
    end: datetime,
    *,
    account_id: str | None = None,
    states: Sequence[ContentState] = tuple(ContentState),
    limit: int = 1000,
) -> list[Content]:
    """Content due from ``start`` to before ``end``, earliest first."""
    query = select(pieces).where(
        pieces.c.state.in_([one.value for one in states]),
        pieces.c.due_at >= start,
        pieces.c.due_at < end,
    )
    if account_id is not None:
        query = query.where(pieces.c.account_id == account_id)
    rows = await connection.execute(query.order_by(pieces.c.due_at, pieces.c.id).limit(limit))
    return [content_of(row) for row in rows]


async def newest_posted(
    connection: AsyncConnection, account_id: str | None = None, *, limit: int = 20
) -> list[Content]:
    """What went live last, of all accounts or of one, newest first."""
    query = select(pieces).where(pieces.c.state == ContentState.POSTED.value, pieces.c.posted_at.is_not(None))
    if account_id is not None:
        query = query.where(pieces.c.account_id == account_id)
    rows = await connection.execute(query.order_by(pieces.c.posted_at.desc(), pieces.c.id).limit(limit))
    return [content_of(row) for row in rows]


async def those(connection: AsyncConnection, opportunity_ids: Collection[str]) -> dict[str, Opportunity]:
    """These opportunities, by their id."""
    rows = await connection.execute(select(others).where(others.c.id.in_(list(opportunity_ids))))
    return {one.id: one for one in map(opportunity_of, rows)}


async def newest(
    connection: AsyncConnection,
    account_id: str | None,
    states: Collection[OpportunityState],
    *,
    limit: int = 50,
) -> list[Opportunity]:
    """The opportunities that came to one of these states last, of one account or of all."""
    query = select(others).where(others.c.state.in_(sorted(one.value for one in states)))
    if account_id is not None:
        query = query.where(others.c.account_id == account_id)
    rows = await connection.execute(query.order_by(others.c.state_since.desc(), others.c.id).limit(limit))
    return [opportunity_of(row) for row in rows]


async def keep_thread(connection: AsyncConnection, opportunity_id: str, above: Sequence[str]) -> None:
    """Remember what stands above the post, for whoever decides on the reply."""
    await connection.execute(update(others).where(others.c.id == opportunity_id).values(thread=list(above)))
