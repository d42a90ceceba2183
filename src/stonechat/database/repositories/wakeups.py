"""The table ``wakeups``: runs that were asked for besides the schedule, kept until they have followed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import wakeups as table

SWEEP = "posting.sweep"
"""The job that publishes what is due. Whoever lets something go out whose time has come already wakes it: the
rows alone tell only of times that are still to come."""


@dataclass(frozen=True, slots=True)
class Wakeup:
    """One more run of a job at account time ``at``, besides its schedule."""

    job: str
    account_id: str | None
    at: datetime


async def add(connection: AsyncConnection, wakeups: Sequence[Wakeup]) -> None:
    """Keep them; one that is there already is kept once."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    rows = [{"id": _name(one), "job": one.job, "account_id": one.account_id, "at": one.at} for one in wakeups]
    if rows:
        await connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


async def publish_now(connection: AsyncConnection, account_ids: Iterable[str], now: datetime) -> None:
    """Let the publishing of these accounts be looked at within seconds, on whichever host."""
    await add(connection, [Wakeup(SWEEP, account_id, now) for account_id in account_ids])


async def waiting(connection: AsyncConnection) -> list[Wakeup]:
    """Every one that no run has followed yet."""
    rows = await connection.execute(select(table.c.job, table.c.account_id, table.c.at))
    return [Wakeup(row[0], row[1], row[2]) for row in rows]


async def followed(connection: AsyncConnection, until: Sequence[Wakeup]) -> None:
    """A run has followed: forget these and what was asked of the same job and account before them."""
    if not until:
        return
    earlier = [
        (table.c.job == one.job)
        & (table.c.account_id.is_(None) if one.account_id is None else table.c.account_id == one.account_id)
        & (table.c.at <= one.at)
        for one in until
    ]
    await connection.execute(delete(table).where(or_(*earlier)))


def _name(wakeup: Wakeup) -> str:
    return f"{wakeup.job}/{wakeup.account_id or ''}@{wakeup.at.isoformat()}"
