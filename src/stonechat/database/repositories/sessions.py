"""The table ``account_sessions``: each account's log-in, encrypted, where every host finds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import account_sessions as table


@dataclass(frozen=True, slots=True)
class SealedSession:
    """A session as it is stored.

    Attributes:
        sealed: encrypted; nothing of it can be read without the key.
        generation: one more with each new log-in. What a browser renewed keeps it.
        version: one more with each write.
        settings_seen: fingerprints of the settings' log-ins that were taken up or passed over so far.
        source: ``login``, ``file`` or ``setting``.
        at: real time of the last write.
    """

    account_id: str
    sealed: str
    generation: int
    version: int
    settings_seen: tuple[str, ...]
    source: str
    at: datetime


async def find(
    connection: AsyncConnection, account_id: str, *, lock: bool = False, besides: int = -1
) -> SealedSession | None:
    """The account's session, or None.

    Args:
        besides: None too where the row's version is this one: it is known already.
    """
    query = select(table).where(table.c.account_id == account_id, table.c.version != besides)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    seen = tuple(str(one) for one in row.settings_seen)
    return SealedSession(row.account_id, row.sealed, row.generation, row.version, seen, row.source, row.at)


async def generation(connection: AsyncConnection, account_id: str) -> int:
    """The number of the account's newest log-in; 0 where it has none."""
    query = select(table.c.generation).where(table.c.account_id == account_id)
    return int((await connection.execute(query)).scalar_one_or_none() or 0)


async def put(
    connection: AsyncConnection,
    account_id: str,
    sealed: str,
    *,
    source: str,
    settings_seen: tuple[str, ...],
    at: datetime,
) -> SealedSession:
    """Store a new log-in: the next generation."""
    before = await find(connection, account_id, lock=True)
    values = {
        "sealed": sealed,
        "generation": before.generation + 1 if before else 1,
        "version": before.version + 1 if before else 1,
        "settings_seen": list(settings_seen),
        "source": source,
        "at": at,
    }
    if before is None:
        await connection.execute(insert(table).values(account_id=account_id, **values))
    else:
        await connection.execute(update(table).where(table.c.account_id == account_id).values(**values))
    stored = await find(connection, account_id)
    assert stored is not None  # noqa: S101 - it was written in this transaction
    return stored


async def forget(connection: AsyncConnection, account_id: str) -> bool:
    """Remove the account's log-in; False where none was saved."""
    done = await connection.execute(delete(table).where(table.c.account_id == account_id))
    return bool(done.rowcount)


async def sources(connection: AsyncConnection) -> dict[str, tuple[str, datetime]]:
    """For each account with a saved log-in: where that came from, and when it was last written."""
    rows = await connection.execute(select(table.c.account_id, table.c.source, table.c.at))
    return {str(row.account_id): (str(row.source), row.at) for row in rows}


async def renew(
    connection: AsyncConnection, account_id: str, sealed: str, *, of: int, at: datetime
) -> SealedSession | None:
    """Write renewed cookies back; None where a newer log-in than generation ``of`` stands there."""
    changed = await connection.execute(
        update(table)
        .where(table.c.account_id == account_id, table.c.generation == of)
        .values(sealed=sealed, version=table.c.version + 1, at=at)
    )
    return await find(connection, account_id) if changed.rowcount == 1 else None
