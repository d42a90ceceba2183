"""Reconciles a restored database with what happened after its backup was made.

Content that was queued in the backup may have been published since, and its receipt is lost; sending it
again could publish it twice. So

- queued content whose time has come, and content that was being posted, becomes ``unconfirmed``, with a try
  that began when the backup was made: the reconciler reads the account's own profile before anything else;
- content that waited for approval until a time that has passed is ``missed``: a human may queue it again;
- drafts of the reserve are discarded, and open reply opportunities closed: both may have been used;
- runs under way are given up, as the job engine's own record of them is elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from stonechat.core.model import Content
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories import content, opportunities, receipts
from stonechat.database.schema.tables import content_metadata, reply_opportunities, reserve_drafts

WHO = "restore"
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Doubts:
    """How many posts became unconfirmed, and how much was closed, discarded or given up."""

    posts: int = 0
    approvals: int = 0
    reserve: int = 0
    opportunities: int = 0


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """When the backup was made (``since``, real time), account time and real time now."""

    since: datetime
    now: datetime
    wall: datetime

    @property
    def why(self) -> str:
        """For the history."""
        return f"restored from a backup of {self.since:%Y-%m-%d %H:%M} UTC: it may have been published since"


async def settle(connection: AsyncConnection, *, since: datetime, now: datetime, wall: datetime) -> Doubts:
    """After a restore: see the module."""
    at = RestorePoint(since, now, wall)
    return Doubts(
        posts=await _doubt_posts(connection, at),
        approvals=await _miss_approvals(connection, at),
        reserve=await _discard_reserve(connection, at),
        opportunities=await _close_opportunities(connection, at),
    )


async def _doubt_posts(connection: AsyncConnection, at: RestorePoint) -> int:
    table, count = content_metadata, 0
    queued = (table.c.state == ContentState.QUEUED.value) & (table.c.due_at <= at.now)
    async for piece in _content(connection, queued | (table.c.state == ContentState.POSTING.value)):
        claimed = piece
        if piece.state is ContentState.QUEUED:
            claimed = await content.claim(connection, piece, now=at.now, lease_until=at.wall, who=WHO)
        known = await receipts.attempts(connection, piece.id)
        if not any(one.number == claimed.attempts for one in known):
            await _begin_and_end_a_try(connection, claimed, at)
        await content.change(connection, claimed, ContentState.UNCONFIRMED, now=at.now, who=WHO, why=at.why)
        count += 1
    return count


async def _begin_and_end_a_try(connection: AsyncConnection, piece: Content, at: RestorePoint) -> None:
    """Counted from the backup on, so that the reconciler looks at everything published since then."""
    done = await receipts.confirmed_parts(connection, piece.id)
    attempt = await receipts.begin(
        connection, piece, parts_from=len(done), host=WHO, now=min(at.since, at.now), wall=at.wall
    )
    await receipts.end(connection, attempt, outcome="unconfirmed", detail=at.why, now=at.now, wall=at.wall)


async def _miss_approvals(connection: AsyncConnection, at: RestorePoint) -> int:
    table, count = content_metadata, 0
    waits = (table.c.state == ContentState.AWAITING_APPROVAL.value) & (table.c.due_at <= at.now)
    async for piece in _content(connection, waits):
        await content.change(connection, piece, ContentState.MISSED, now=at.now, who=WHO, why=at.why)
        count += 1
    return count


async def _discard_reserve(connection: AsyncConnection, at: RestorePoint) -> int:
    done = await connection.execute(
        sa.update(reserve_drafts).where(reserve_drafts.c.drawn_at.is_(None)).values(drawn_at=at.now)
    )
    return int(done.rowcount)


async def _close_opportunities(connection: AsyncConnection, at: RestorePoint) -> int:
    """Those without a reply of ours; where there is one, it is known what became of it."""
    table, count = reply_opportunities, 0
    still_open = (OpportunityState.FOUND.value, OpportunityState.CLAIMED.value)
    answered = sa.exists().where(content_metadata.c.opportunity_id == table.c.id)
    query = sa.select(table.c.id).where(table.c.state.in_(still_open), ~answered).limit(_PAGE)
    why = "restored from a backup: it may have been answered since"
    while ids := [str(row[0]) for row in await connection.execute(query)]:
        for one_id in ids:
            one = await opportunities.find(connection, one_id)
            assert one is not None  # noqa: S101 - selected in this transaction
            after = OpportunityState.EXPIRED
            await opportunities.change(connection, one, after, now=at.now, who=WHO, why=why)
            count += 1
    return count


async def _content(connection: AsyncConnection, where: ColumnElement[bool]) -> AsyncIterator[Content]:
    """Content that meets the condition, which whoever takes it must end."""
    query = sa.select(content_metadata.c.id).where(where).order_by(content_metadata.c.due_at).limit(_PAGE)
    while ids := [str(row[0]) for row in await connection.execute(query)]:
        for content_id in ids:
            piece = await content.find(connection, content_id)
            assert piece is not None  # noqa: S101 - selected in this transaction
            yield piece
