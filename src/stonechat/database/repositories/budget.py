"""The table ``budget_entries``: reserved at the worst case before a call, settled after it.

Every amount counts from the moment of its reservation: an open reservation with what it reserves, a
settled one with what was spent. A reservation whose process died expires in real time and is booked as
spent in full: whether the provider served and billed the call is unknown, and the limit must hold even
if it did. So nothing stays reserved for ever and the limit is never passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import budget_entries as table
from stonechat.database.schema.tables import budget_marks

NETWORK = "network"
"""The purpose of entries for calls of a network; their ``model`` says what was paid for."""

_LOCK = 0x5370_656E_6464  # any number that no other advisory lock of ours uses


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in US dollars and tokens (prompt and completion together)."""

    usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class SpendTotals:
    """What counts against a limit: spent for good, and reserved by calls that are under way."""

    spent: Amount
    reserved: Amount

    @property
    def committed(self) -> Amount:
        """Spent and reserved together; a limit is compared with this."""
        return Amount(self.spent.usd + self.reserved.usd, self.spent.tokens + self.reserved.tokens)


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """A reservation. ``expires_at`` is real time, ``reserved_at`` account time."""

    id: str
    account_id: str
    purpose: str
    model: str
    reserved_at: datetime
    amount: Amount
    expires_at: datetime


async def lock(connection: AsyncConnection) -> None:
    """Let one transaction at a time look at the sums and add to them (SQLite's ``begin`` does already)."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def usage(
    connection: AsyncConnection,
    since: datetime,
    before: datetime,
    account_id: str | None = None,
    *,
    purpose: str = "",
) -> SpendTotals:
    """What was spent and is reserved in ``since <= reserved_at < before``, for one account or in all.

    Args:
        purpose: for this one alone; empty for all.
    """
    is_open = table.c.settled_at.is_(None)
    tokens = func.coalesce(table.c.prompt_tokens, 0) + func.coalesce(table.c.completion_tokens, 0)
    query = select(
        _sum(case((is_open, 0.0), else_=table.c.spent_usd)),
        _sum(case((is_open, 0), else_=tokens)),
        _sum(case((is_open, table.c.reserved_usd), else_=0.0)),
        _sum(case((is_open, table.c.reserved_tokens), else_=0)),
    ).where(table.c.reserved_at >= since, table.c.reserved_at < before)
    if account_id is not None:
        query = query.where(table.c.account_id == account_id)
    if purpose:
        query = query.where(table.c.purpose == purpose)
    row = (await connection.execute(query)).one()
    return SpendTotals(Amount(float(row[0]), int(row[1])), Amount(float(row[2]), int(row[3])))


async def reserve(connection: AsyncConnection, entry: BudgetEntry) -> None:
    """Write the reservation; the caller holds :func:`lock` and has compared the sums."""
    await connection.execute(
        insert(table).values(
            id=entry.id,
            account_id=entry.account_id,
            purpose=entry.purpose,
            model=entry.model,
            reserved_at=entry.reserved_at,
            reserved_usd=entry.amount.usd,
            reserved_tokens=entry.amount.tokens,
            expires_at=entry.expires_at,
        )
    )


async def settle(
    connection: AsyncConnection,
    entry_id: str,
    *,
    spent_usd: float,
    prompt_tokens: int,
    completion_tokens: int,
    now: datetime,
) -> None:
    """Book what the call really cost. A reservation that has expired meanwhile is corrected."""
    await connection.execute(
        update(table)
        .where(table.c.id == entry_id)
        .values(
            settled_at=now,
            spent_usd=spent_usd,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )
    )


async def expire(connection: AsyncConnection, *, wall: datetime, now: datetime) -> int:
    """Book reservations whose call can no longer be under way; returns how many."""
    result = await connection.execute(
        update(table)
        .where(table.c.settled_at.is_(None), table.c.expires_at < wall)
        .values(
            settled_at=now,
            spent_usd=table.c.reserved_usd,
            prompt_tokens=table.c.reserved_tokens,
            completion_tokens=0,
        )
    )
    return int(result.rowcount)


async def mark(connection: AsyncConnection, scope: str, period: str, share: float, now: datetime) -> bool:
    """Remember that ``share`` was passed in this period; True only the first time."""
    result = await connection.execute(
        insert_into(connection, budget_marks)
        .values(scope=scope, period=period, share=round(share * 100), at=now)
        .on_conflict_do_nothing()
    )
    return bool(result.rowcount)


def _sum(column: ColumnElement[float] | ColumnElement[int]) -> ColumnElement[float]:
    return func.coalesce(func.sum(column), 0)
