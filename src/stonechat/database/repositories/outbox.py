"""The table ``outbox``: messages about alerts that are to be delivered, one row for each channel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import outbox


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that is to be delivered through one channel.

    ``sent_at`` with an ``error``: it was given up then, and not delivered.
    """

    id: str
    alert_id: str
    channel: str
    body: Mapping[str, Any]
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    error: str = ""


async def enqueue(connection: AsyncConnection, row: OutboxRow) -> bool:
    """Put a message in the outbox, in the transaction that changed the alert; False where it is there.

    A message of the same kind about the same alert that has not got through yet is brought up to date.
    """
    waiting = select(outbox.c.id, outbox.c.body).where(
        outbox.c.alert_id == row.alert_id, outbox.c.channel == row.channel, outbox.c.sent_at.is_(None)
    )
    for one in await connection.execute(waiting):
        if one.id == row.id:
            return False
        if one.body.get("status") == row.body.get("status") == "firing":
            await connection.execute(update(outbox).where(outbox.c.id == one.id).values(body=dict(row.body)))
            return False
    if (await connection.execute(select(outbox.c.id).where(outbox.c.id == row.id))).first() is not None:
        return False
    await connection.execute(
        insert(outbox).values(
            id=row.id,
            account_id=None,
            alert_id=row.alert_id,
            channel=row.channel,
            body=dict(row.body),
            created_at=row.created_at,
            due_at=row.due_at,
            attempts=row.attempts,
            sent_at=row.sent_at,
            error=row.error,
        )
    )
    return True


async def take_due(
    connection: AsyncConnection, now: datetime, *, channel: str, lease_until: datetime
) -> OutboxRow | None:
    """The oldest message that is to be sent through ``channel`` now (real time), or None; put off until
    ``lease_until`` for everyone else."""
    query = (
        select(outbox)
        .where(outbox.c.sent_at.is_(None), outbox.c.due_at <= now, outbox.c.channel == channel)
        .order_by(outbox.c.created_at, outbox.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    await connection.execute(update(outbox).where(outbox.c.id == row.id).values(due_at=lease_until))
    return _message(row)


async def delivered(connection: AsyncConnection, alert_id: str, *, since: datetime) -> bool:
    """Whether a message about the alert, made since then, got through on any channel."""
    query = select(outbox.c.id).where(
        outbox.c.alert_id == alert_id,
        outbox.c.created_at >= since,
        outbox.c.sent_at.is_not(None),
        outbox.c.error == "",
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def orphaned(connection: AsyncConnection, channels: Collection[str]) -> list[OutboxRow]:
    """Messages that wait for a channel which is not among ``channels``."""
    query = select(outbox).where(outbox.c.sent_at.is_(None), outbox.c.channel.not_in(channels))
    return [_message(row) for row in await connection.execute(query)]


async def undelivered(connection: AsyncConnection, *, limit: int = 100) -> list[OutboxRow]:
    """Messages that could not be delivered: tried in vain and still waiting, or given up; newest first."""
    query = select(outbox).where(outbox.c.error != "").order_by(outbox.c.created_at.desc(), outbox.c.id)
    return [_message(row) for row in await connection.execute(query.limit(limit))]


async def mark_sent(connection: AsyncConnection, message_id: str, *, at: datetime) -> None:
    """The other side has taken it."""
    await connection.execute(
        update(outbox)
        .where(outbox.c.id == message_id)
        .values(sent_at=at, attempts=outbox.c.attempts + 1, error="")
    )


async def mark_failed(
    connection: AsyncConnection, message_id: str, *, error: str, again_at: datetime | None, at: datetime
) -> None:
    """It did not go out: tried again at ``again_at``, or given up and kept where that is None."""
    values: dict[str, Any] = {"attempts": outbox.c.attempts + 1, "error": error[:500]}
    values |= {"due_at": again_at} if again_at is not None else {"sent_at": at}
    await connection.execute(update(outbox).where(outbox.c.id == message_id).values(**values))


async def unsent(connection: AsyncConnection) -> int:
    """How many messages wait."""
    query = select(func.count()).select_from(outbox).where(outbox.c.sent_at.is_(None))
    return int((await connection.execute(query)).scalar_one())


def _message(row: Row[Any]) -> OutboxRow:
    return OutboxRow(
        id=row.id,
        alert_id=row.alert_id,
        channel=row.channel,
        body=dict(row.body),
        created_at=row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        sent_at=row.sent_at,
        error=row.error,
    )
