"""The table ``doubtful_readings``: what was read and is not plausible, kept apart from the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Metrics
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import doubtful_readings as table


@dataclass(frozen=True, slots=True)
class DoubtfulReading:
    """What was read of one post at one moment, and ``why`` it is not believed at first."""

    account_id: str
    post_id: str
    captured_at: datetime
    metrics: Metrics
    why: str


async def append(connection: AsyncConnection, readings: Iterable[DoubtfulReading]) -> None:
    """Keep these; the same post and moment twice is one row."""
    for one in readings:
        await connection.execute(
            insert_into(connection, table)
            .values(
                account_id=one.account_id,
                post_id=one.post_id,
                captured_at=one.captured_at,
                likes=one.metrics.likes,
                reposts=one.metrics.reposts,
                replies=one.metrics.replies,
                quotes=one.metrics.quotes,
                bookmarks=one.metrics.bookmarks,
                views=one.metrics.views,
                why=one.why,
            )
            .on_conflict_do_nothing()
        )


async def of_posts(
    connection: AsyncConnection, account_id: str, post_ids: Sequence[str], *, since: datetime
) -> dict[str, list[DoubtfulReading]]:
    """The doubtful readings of each post since then, oldest first; posts without any are absent."""
    rows = await connection.execute(
        select(table)
        .where(
            table.c.account_id == account_id,
            table.c.post_id.in_(list(post_ids)),
            table.c.captured_at >= since,
        )
        .order_by(table.c.captured_at)
    )
    found: dict[str, list[DoubtfulReading]] = {}
    for row in rows:
        metrics = Metrics(row.likes, row.reposts, row.replies, row.quotes, row.bookmarks, row.views)
        one = DoubtfulReading(row.account_id, row.post_id, row.captured_at, metrics, row.why)
        found.setdefault(one.post_id, []).append(one)
    return found
