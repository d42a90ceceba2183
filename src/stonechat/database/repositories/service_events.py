"""What became of posts that were planned, sent, or due to be measured: for service levels and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.schema.tables import content_metadata as table
from stonechat.database.schema.tables import (
    metrics_snapshots,
    models,
    post_attempts,
    reply_opportunities,
)

_COUNTED = (
    ContentState.QUEUED,
    ContentState.POSTING,
    ContentState.UNCONFIRMED,
    ContentState.POSTED,
    ContentState.FAILED,
    ContentState.MISSED,
)


@dataclass(frozen=True, slots=True)
class PlannedOutcome:
    """What became of one piece of content. All times are account time.

    Attributes:
        planned_at: its slot, or its first try where the slot was moved after that.
        unclear: a try of it was sent, or may have been, and nobody knows what became of it.
    """

    kind: ContentKind
    state: ContentState
    planned_at: datetime
    posted_at: datetime | None
    unclear: bool


async def planned(connection: AsyncConnection, account_id: str, *, since: datetime) -> list[PlannedOutcome]:
    """Content with a slot since then that was not ended by its owner, by slot."""
    unclear = case(
        (post_attempts.c.outcome.is_(None), 1), (post_attempts.c.outcome == "unconfirmed", 1), else_=0
    )
    tries = (
        select(
            post_attempts.c.content_id,
            func.min(post_attempts.c.started_at).label("first"),
            func.max(unclear).label("unclear"),
        )
        .where(post_attempts.c.account_id == account_id, post_attempts.c.started_at >= since)
        .group_by(post_attempts.c.content_id)
        .subquery()
    )
    rows = await connection.execute(
        select(table.c.kind, table.c.state, table.c.due_at, table.c.posted_at, tries.c.first, tries.c.unclear)
        .outerjoin(tries, tries.c.content_id == table.c.id)
        .where(
            table.c.account_id == account_id,
            table.c.due_at >= since,
            table.c.state.in_([state.value for state in _COUNTED]),
        )
        .order_by(table.c.due_at)
    )
    return [
        PlannedOutcome(
            ContentKind(row.kind),
            ContentState(row.state),
            min(row.due_at, row.first) if row.first is not None else row.due_at,
            row.posted_at,
            bool(row.unclear),
        )
        for row in rows
    ]


async def measured(
    connection: AsyncConnection, account_id: str, *, since: datetime, age: timedelta, within: timedelta
) -> list[tuple[datetime, bool]]:
    """Posts that went out since then: when, and whether their metrics were read at ``age`` or soon after.

    The time is that of publication; a post counts once it is ``age + within`` old.
    """
    posts = await connection.execute(
        select(table.c.post_id, table.c.posted_at).where(
            table.c.account_id == account_id,
            table.c.state == ContentState.POSTED.value,
            table.c.posted_at >= since,
        )
    )
    read: dict[str, list[datetime]] = {}
    shots = await connection.execute(
        select(metrics_snapshots.c.post_id, metrics_snapshots.c.captured_at).where(
            metrics_snapshots.c.account_id == account_id, metrics_snapshots.c.captured_at >= since
        )
    )
    for post_id, captured_at in shots:
        read.setdefault(post_id, []).append(captured_at)
    return [
        (row.posted_at, any(age <= at - row.posted_at <= age + within for at in read.get(row.post_id, ())))
        for row in posts
    ]


async def pool(connection: AsyncConnection, account_id: str) -> list[tuple[str, datetime | None]]:
    """Open reply opportunities: where each was found, and when its post was written."""
    rows = await connection.execute(
        select(reply_opportunities.c.source, reply_opportunities.c.posted_at).where(
            reply_opportunities.c.account_id == account_id,
            reply_opportunities.c.state == OpportunityState.FOUND.value,
        )
    )
    return [(str(row[0]), row[1]) for row in rows]


async def ages(connection: AsyncConnection, account_id: str) -> Mapping[str, datetime | None]:
    """When metrics were last read (``metrics``) and the serving model was learned (``model``)."""
    read = select(func.max(metrics_snapshots.c.captured_at)).where(
        metrics_snapshots.c.account_id == account_id
    )
    learned = select(func.max(models.c.created_at)).where(
        models.c.account_id == account_id, models.c.serving.is_(True)
    )
    return {
        "metrics": (await connection.execute(read)).scalar_one(),
        "model": (await connection.execute(learned)).scalar_one(),
    }
