"""Metrics snapshots (appended, never changed) and the account's own daily series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Metrics, Snapshot
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import account_metrics
from stonechat.database.schema.tables import metrics_snapshots as table


async def append(connection: AsyncConnection, snapshots: Iterable[Snapshot]) -> int:
    """Store snapshots; one that is there already (same post, same moment) is left out. Returns how many."""
    stored = 0
    for shot in snapshots:
        result = await connection.execute(
            insert_into(connection, table)
            .values(
                account_id=shot.account_id,
                post_id=shot.post_id,
                content_id=shot.content_id,
                captured_at=shot.captured_at,
                likes=shot.metrics.likes,
                reposts=shot.metrics.reposts,
                replies=shot.metrics.replies,
                quotes=shot.metrics.quotes,
                bookmarks=shot.metrics.bookmarks,
                views=shot.metrics.views,
                source=shot.source,
            )
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        stored += len(result.all())  # a row count is -1 on PostgreSQL here
    return stored


async def of_post(connection: AsyncConnection, account_id: str, post_id: str) -> list[Snapshot]:
    """A post's snapshots, oldest first."""
    rows = await connection.execute(
        select(table)
        .where(table.c.account_id == account_id, table.c.post_id == post_id)
        .order_by(table.c.captured_at)
    )
    return [_snapshot(row) for row in rows]


async def latest(
    connection: AsyncConnection, account_id: str, post_ids: Sequence[str]
) -> dict[str, Snapshot]:
    """The newest snapshot of each post."""
    newest = (
        select(table.c.post_id, func.max(table.c.captured_at).label("at"))
        .where(table.c.account_id == account_id, table.c.post_id.in_(list(post_ids)))
        .group_by(table.c.post_id)
        .subquery()
    )
    rows = await connection.execute(
        select(table)
        .join(newest, (table.c.post_id == newest.c.post_id) & (table.c.captured_at == newest.c.at))
        .where(table.c.account_id == account_id)
    )
    return {row.post_id: _snapshot(row) for row in rows}


async def every(connection: AsyncConnection) -> list[Snapshot]:
    """Every snapshot of every account, oldest first."""
    return [_snapshot(row) for row in await connection.execute(select(table).order_by(table.c.id))]


async def count(connection: AsyncConnection, account_id: str | None = None) -> int:
    """How many snapshots there are."""
    query = select(func.count()).select_from(table)
    if account_id is not None:
        query = query.where(table.c.account_id == account_id)
    return int((await connection.execute(query)).scalar_one())


async def append_account(
    connection: AsyncConnection,
    account_id: str,
    at: datetime,
    *,
    followers: int | None,
    following: int | None,
) -> None:
    """Store how many follow the account now; the same moment twice is one line."""
    await connection.execute(
        insert_into(connection, account_metrics)
        .values(account_id=account_id, captured_at=at, followers=followers, following=following)
        .on_conflict_do_nothing()
    )


async def account_series(
    connection: AsyncConnection, account_id: str, *, limit: int = 400, since: datetime | None = None
) -> list[tuple[datetime, int | None]]:
    """Followers over time, oldest first: the last ``limit`` readings, or those since then."""
    if since is not None:
        query = select(account_metrics.c.captured_at, account_metrics.c.followers).where(
            account_metrics.c.account_id == account_id, account_metrics.c.captured_at >= since
        )
        found = await connection.execute(query.order_by(account_metrics.c.captured_at))
        return [(row[0], row[1]) for row in found]
    rows = await connection.execute(
        select(account_metrics.c.captured_at, account_metrics.c.followers)
        .where(account_metrics.c.account_id == account_id)
        .order_by(account_metrics.c.captured_at.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in reversed(list(rows))]


def _snapshot(row: Row[Any]) -> Snapshot:

    return Snapshot(
        account_id=row.account_id,
        post_id=row.post_id,
        content_id=row.content_id,
        captured_at=row.captured_at,
        metrics=Metrics(row.likes, row.reposts, row.replies, row.quotes, row.bookmarks, row.views),
        source=row.source,
    )
