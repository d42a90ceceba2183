"""What was planned to be published, and when: for judging whether it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState
from stonechat.database.schema.tables import accounts, post_attempts
from stonechat.database.schema.tables import content_metadata as table
from stonechat.database.schema.types import UtcTime

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
    connection: AsyncConnection, *, otherwise_since: datetime, limit: int = 100
) -> dict[str, list[PlannedPost]]:
    """By account: posts, replies apart, that are not published, by due time; up to ``limit`` of each.

    Of those that will not be published any more, the ones with a slot after the newest post that was.

    Args:
        otherwise_since: the same where none was published yet.
    """
    tried = (
        select(func.min(post_attempts.c.started_at))
        .where(post_attempts.c.content_id == table.c.id)
        .correlate(table)
        .scalar_subquery()
    )
    first_try = case((table.c.attempts > 0, tried), else_=None).label("first_try")
    latest = _last_published().subquery()
    since = func.coalesce(latest.c.at, bindparam("otherwise", otherwise_since, UtcTime))
    place = func.row_number().over(partition_by=table.c.account_id, order_by=(table.c.due_at, table.c.id))
    c = table.c
    found = (
        select(c.id, c.account_id, c.state, c.due_at, c.attempts, c.why, first_try, place.label("place"))
        .join(latest, latest.c.account_id == c.account_id)
        .where(
            c.kind != ContentKind.REPLY.value,
            or_(
                c.state.in_([state.value for state in UNDER_WAY]),
                c.state.in_([state.value for state in ENDED_UNPUBLISHED]) & (c.due_at > since),
            ),
        )
        .subquery()
    )
    posts: dict[str, list[PlannedPost]] = {}
    query = select(found).where(found.c.place <= limit).order_by(found.c.account_id, found.c.place)
    for row in await connection.execute(query):
        planned_at = min(row.due_at, row.first_try) if row.first_try is not None else row.due_at
        state = ContentState(row.state)
        posts.setdefault(row.account_id, []).append(
            PlannedPost(row.id, row.account_id, state, planned_at, row.due_at, row.attempts, row.why)
        )
    return posts


async def last_published(connection: AsyncConnection) -> dict[str, datetime]:
    """By account: when its newest post went out, replies apart; none before the first."""
    rows = (await connection.execute(_last_published())).all()
    return {row.account_id: row.at for row in rows if row.at is not None}


def _last_published() -> Select[Any]:
    """Each account's newest, from the end of its index: however much it has published."""
    newest = (
        select(table.c.posted_at)
        .where(
            table.c.account_id == accounts.c.account_id,
            table.c.state == ContentState.POSTED.value,
            table.c.kind != ContentKind.REPLY.value,
        )
        .order_by(table.c.posted_at.desc())
        .limit(1)
        .correlate(accounts)
        .scalar_subquery()
    )
    return select(accounts.c.account_id, newest.label("at"))
