"""The table ``audit``: what the owner did, and through which door."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import audit as table


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One action.

    Attributes:
        at: account time, as in the history.
        door: where they came in: the command line, the pages, the API.
        target: what it was done to: an id or a name.
        before, after: the state of that, or the text; the same where nothing had to be changed.
    """

    at: datetime
    who: str
    action: str
    door: str = ""
    target: str = ""
    before: str = ""
    after: str = ""
    why: str = ""
    account_id: str | None = None


async def append(connection: AsyncConnection, row: AuditRow) -> None:
    """Write one line, in the transaction of what it tells."""
    await connection.execute(insert(table).values(asdict(row)))


async def newest(connection: AsyncConnection, *, limit: int = 100) -> list[AuditRow]:
    """The latest lines, newest first."""
    c = table.c
    rows = await connection.execute(
        select(c.at, c.who, c.action, c.door, c.target, c.before, c.after, c.why, c.account_id)
        .order_by(c.id.desc())
        .limit(limit)
    )
    return [AuditRow(*row) for row in rows]
