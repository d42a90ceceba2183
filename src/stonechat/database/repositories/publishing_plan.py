"""What was planned to be published, and when: for judging whether it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState
from stonechat.database.schema.tables import content_metadata as table
from stonechat.database.schema.tables import post_attempts

UNDER_WAY = (
    ContentState.QUEUED,
    ContentState.AWAITING_APPROVAL,
    ContentState.POSTING,
    ContentState.UNCONFIRMED,
)
ENDED_UNPUBLISHED = (ContentState.FAILED, ContentState.MISSED)


@dataclass(frozen=True, slots=True)
class PlannedPost:
    """A post that is not published. All times are account time.

    Attributes:
        planned_at: when it was to go out: its slot, or its first try where the slot was moved after that.
        due_at: its slot now.
        attempts: how often it was tried.
        why: what was last said against it.
    """

    content_id: str
    account_id: str
    state: ContentState
    planned_at: datetime
    due_at: datetime
    attempts: int
    why: str


async def unpublished(
    connection: AsyncConnection, account_id: str, *, ended_since: datetime, limit: int = 100
) -> list[PlannedPost]:
    """Posts of an account, replies apart, that are not published, by due time.

    Args:
        ended_since: of those that will not be published any more, the ones with a slot after that.
    """
    tried = (
        select(func.min(post_attempts.c.started_at))
        .where(post_attempts.c.content_id == table.c.id)
        .correlate(table)
        .scalar_subquery()
    )
    first_try = case((table.c.attempts > 0, tried), else_=None).label("first_try")
    rows = await connection.execute(
        select(table.c.id, table.c.state, table.c.due_at, table.c.attempts, table.c.why, first_try)
        .where(
            table.c.account_id == account_id,
            table.c.kind != ContentKind.REPLY.value,
            or_(
                table.c.state.in_([state.value for state in UNDER_WAY]),
                table.c.state.in_([state.value for state in ENDED_UNPUBLISHED])
                & (table.c.due_at > ended_since),
            ),
        )
        .order_by(table.c.due_at, table.c.id)
        .limit(limit)
    )
    return [
        PlannedPost(
            row.id,
            account_id,
            ContentState(row.state),
            min(row.due_at, row.first_try) if row.first_try is not None else row.due_at,
            row.due_at,
            row.attempts,
            row.why,
        )
        for row in rows
    ]


async def last_published(connection: AsyncConnection, account_id: str) -> datetime | None:
    """When the account's newest post went out, replies apart; None before the first."""
    query = select(func.max(table.c.posted_at)).where(
        table.c.account_id == account_id,
        table.c.state == ContentState.POSTED.value,
        table.c.kind != ContentKind.REPLY.value,
    )
    found: datetime | None = (await connection.execute(query)).scalar_one()
    return found


async def counts_of_accounts(
    connection: AsyncConnection, *, states: Sequence[ContentState]
) -> dict[str, dict[str, int]]:
    """How many pieces of content each account has in each of these states; who has none is absent."""
    rows = await connection.execute(
        select(table.c.account_id, table.c.state, func.count())
        .where(table.c.state.in_([state.value for state in states]))
        .group_by(table.c.account_id, table.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for account_id, state, count in rows:
        found.setdefault(account_id, {})[state] = int(count)
    return found
