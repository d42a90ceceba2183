"""The table ``harvest_sources``: the searches for posts to answer, and what each yields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import harvest_sources as table


@dataclass(frozen=True, slots=True)
class HarvestSource:
    """A search: how often it was asked, what it found, how often in a row it found nothing."""

    source: str
    query: str
    asked_at: datetime
    asked: int
    found: int
    dry: int


async def of_account(connection: AsyncConnection, account_id: str) -> list[HarvestSource]:
    """The account's searches, those that found most first."""
    rows = await connection.execute(
        select(table.c.source, table.c.query, table.c.asked_at, table.c.asked, table.c.found, table.c.dry)
        .where(table.c.account_id == account_id)
        .order_by(table.c.found.desc(), table.c.query)
    )
    return [HarvestSource(*row) for row in rows]


async def note(
    connection: AsyncConnection, account_id: str, source: str, query: str, *, found: int, now: datetime
) -> None:
    """The search was asked and found so many."""
    dry = 0 if found else 1
    await connection.execute(
        insert_into(connection, table)
        .values(
            account_id=account_id,
            source=source,
            query=query[:300],
            asked_at=now,
            asked=1,
            found=found,
            dry=dry,
        )
        .on_conflict_do_update(
            index_elements=[table.c.account_id, table.c.source, table.c.query],
            set_={
                "asked_at": now,
                "asked": table.c.asked + 1,
                "found": table.c.found + found,
                "dry": table.c.dry + 1 if dry else 0,
            },
        )
    )
