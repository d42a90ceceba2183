"""Posts with what was last read of them, for analytics: nothing is stored for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Arm, ContentKind, Metrics
from stonechat.core.states import ContentState
from stonechat.database.schema.tables import answered_replies, content_metadata, metrics_snapshots

_COUNTS = ("likes", "reposts", "replies", "quotes", "bookmarks", "views")


@dataclass(frozen=True, slots=True)
class PostReading:
    """A published piece and what was last read of its first part; None where it was never read."""

    posted_at: datetime
    kind: ContentKind
    arm: Arm
    metrics: Metrics | None


async def post_readings(
    connection: AsyncConnection, account_id: str, *, since: datetime
) -> list[PostReading]:
    """What the account published since then, oldest first."""
    c, shot = content_metadata.c, metrics_snapshots
    newest = (
        select(shot.c.post_id, func.max(shot.c.captured_at).label("at"))
        .join(content_metadata, (c.post_id == shot.c.post_id) & (c.account_id == shot.c.account_id))
        .where(shot.c.account_id == account_id, c.posted_at >= since)
        .group_by(shot.c.post_id)
        .subquery()
    )
    read = (
        select(shot.c.post_id, *(shot.c[name] for name in _COUNTS))
        .join(newest, (shot.c.post_id == newest.c.post_id) & (shot.c.captured_at == newest.c.at))
        .where(shot.c.account_id == account_id)
        .subquery()
    )
    rows = await connection.execute(
        select(c.posted_at, c.kind, c.arm, read.c.post_id, *(read.c[name] for name in _COUNTS))
        .outerjoin(read, read.c.post_id == c.post_id)
        .where(c.account_id == account_id, c.state == ContentState.POSTED.value, c.posted_at >= since)
        .order_by(c.posted_at)
    )
    return [
        PostReading(
            row.posted_at,
            ContentKind(row.kind),
            row.arm or {},
            None if row.post_id is None else Metrics(*(getattr(row, name) for name in _COUNTS)),
        )
        for row in rows
    ]


async def replies_answered(connection: AsyncConnection, account_id: str, *, since: datetime) -> int:
    """How many of the replies that the account published since then were answered by whom they were for."""
    c = content_metadata.c
    query = (
        select(func.count())
        .select_from(answered_replies)
        .join(
            content_metadata,
            (c.post_id == answered_replies.c.post_id) & (c.account_id == answered_replies.c.account_id),
        )
        .where(answered_replies.c.account_id == account_id, c.posted_at >= since)
    )
    return int((await connection.execute(query)).scalar_one())
