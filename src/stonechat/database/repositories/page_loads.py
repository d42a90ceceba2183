"""The table ``page_loads``: pages that were opened to read, by account, hour and purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import page_loads as table


@dataclass(frozen=True, slots=True)
class LoadCount:
    """Pages opened for one purpose within the hour that begins at ``hour``."""

    hour: datetime
    purpose: str
    loads: int


async def since(connection: AsyncConnection, account_id: str, hour: datetime) -> list[LoadCount]:
    """What the account opened in the hours that begin at or after ``hour``."""
    rows = await connection.execute(
        select(table.c.hour, table.c.purpose, table.c.loads).where(
            table.c.account_id == account_id, table.c.hour >= hour
        )
    )
    return [LoadCount(row[0], str(row[1]), int(row[2])) for row in rows]


async def add(connection: AsyncConnection, account_id: str, hour: datetime, purpose: str) -> None:
    """Count one page more."""
    await connection.execute(
        insert_into(connection, table)
        .values(account_id=account_id, hour=hour, purpose=purpose, loads=1)
        .on_conflict_do_update(
            index_elements=[table.c.account_id, table.c.hour, table.c.purpose],
            set_={"loads": table.c.loads + 1},
        )
    )
