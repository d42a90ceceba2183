"""The table ``unseen_posts``: posts of ours that a read did not show though it should have."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import unseen_posts as table


@dataclass(frozen=True, slots=True)
class UnseenPost:
    """A post that ``misses`` reads in a row did not show; ``gone_at`` once its own page said so."""

    post_id: str
    misses: int
    gone_at: datetime | None


async def of_account(connection: AsyncConnection, account_id: str) -> dict[str, UnseenPost]:
    """Every unseen post of the account, by its id."""
    rows = await connection.execute(
        select(table.c.post_id, table.c.misses, table.c.gone_at).where(table.c.account_id == account_id)
    )
    return {str(row[0]): UnseenPost(str(row[0]), int(row[1]), row[2]) for row in rows}


async def note_missed(
    connection: AsyncConnection, account_id: str, posts: Iterable[tuple[str, str]], *, now: datetime
) -> None:
    """One more read did not show these ``(post_id, content_id)``."""
    for post_id, content_id in posts:
        await connection.execute(
            insert_into(connection, table)
            .values(account_id=account_id, post_id=post_id, content_id=content_id, missed_at=now, misses=1)
            .on_conflict_do_update(
                index_elements=[table.c.account_id, table.c.post_id], set_={"misses": table.c.misses + 1}
            )
        )


async def note_seen(connection: AsyncConnection, account_id: str, post_ids: Collection[str]) -> None:
    """These are there (again)."""
    await connection.execute(
        delete(table).where(table.c.account_id == account_id, table.c.post_id.in_(list(post_ids)))
    )


async def note_gone(
    connection: AsyncConnection, account_id: str, post_id: str, content_id: str, *, now: datetime
) -> bool:
    """Its own page says that the post is gone; True the first time."""
    await note_missed(connection, account_id, [(post_id, content_id)], now=now)
    result = await connection.execute(
        update(table)
        .where(table.c.account_id == account_id, table.c.post_id == post_id, table.c.gone_at.is_(None))
        .values(gone_at=now)
    )
    return result.rowcount == 1
