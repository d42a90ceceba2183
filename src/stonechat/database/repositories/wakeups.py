"""The table ``wakeups``: what is asked of jobs besides their schedules, kept until it has been done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

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


class Verb(StrEnum):
    """What the owner asks for: that a job runs now, or that a run is stopped."""

    RUN = "run"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class OwnerRequest:
    """Asked by ``who``: the run of a job and account that is, or is to be, named after ``at``."""

    verb: Verb
    job: str
    account_id: str | None
    at: datetime
    who: str


_WAKE = "wake"


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
    query = select(table.c.job, table.c.account_id, table.c.at).where(table.c.verb == _WAKE)
    rows = await connection.execute(query)
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
    await connection.execute(delete(table).where(table.c.verb == _WAKE, or_(*earlier)))


async def ask(connection: AsyncConnection, requests: Sequence[OwnerRequest]) -> None:
    """Keep what the owner asks for, with the audit line: whoever runs jobs does it once this is committed."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    rows = [{"id": _request_id(one), **asdict(one)} for one in requests]
    if rows:
        await connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


async def asked(connection: AsyncConnection) -> list[OwnerRequest]:
    """What the owner has asked for and nobody has done yet, oldest first."""
    c = table.c
    query = select(c.verb, c.job, c.account_id, c.at, c.who).where(c.verb != _WAKE).order_by(c.at, c.id)
    return [OwnerRequest(Verb(row[0]), *row[1:]) for row in await connection.execute(query)]


async def done(connection: AsyncConnection, requests: Sequence[OwnerRequest]) -> None:
    """These have been done."""
    await connection.execute(delete(table).where(table.c.id.in_([_request_id(one) for one in requests])))


def _request_id(request: OwnerRequest) -> str:
    return f"{request.verb} {_name(request)}"


def _name(wakeup: Wakeup | OwnerRequest) -> str:
    return f"{wakeup.job}/{wakeup.account_id or ''}@{wakeup.at.isoformat()}"
