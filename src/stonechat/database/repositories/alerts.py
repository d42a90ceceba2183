"""The tables ``alerts`` and ``outbox``: what fired, and what is to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.states import AlertState
from stonechat.core.transitions import check_transition
from stonechat.database.repositories import state_history
from stonechat.database.schema.tables import alerts as table
from stonechat.database.schema.tables import outbox


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert: a rule and what it is about. All times are real time.

    Attributes:
        incident_id: id of the alert that explains this one; its own where it is the cause itself.
    """

    id: str
    rule: str
    state: AlertState
    state_since: datetime
    severity: str
    title: str
    body: str
    remedy: str
    labels: Mapping[str, str]
    account_id: str | None = None
    incident_id: str | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    acked_by: str | None = None
    silenced_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that is to be delivered through one channel."""

    id: str
    alert_id: str
    channel: str
    body: Mapping[str, Any]
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    error: str = ""


async def every(connection: AsyncConnection) -> dict[str, AlertRow]:
    """All alerts by id."""
    return {row.id: _alert(row) for row in await connection.execute(select(table))}


async def find(connection: AsyncConnection, alert_id: str, *, lock: bool = False) -> AlertRow | None:
    """The alert, or None; with ``lock`` nobody else can change it before this transaction ends."""
    query = select(table).where(table.c.id == alert_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _alert(row)


async def ids_from(connection: AsyncConnection, beginning: str) -> list[str]:
    """Up to two ids that begin so: whether a beginning names one alert."""
    query = select(table.c.id).where(table.c.id.startswith(beginning, autoescape=True)).limit(2)
    return [row[0] for row in await connection.execute(query)]


async def newest(connection: AsyncConnection, *, limit: int = 50) -> list[AlertRow]:
    """Firing ones first, then by time of their last change."""
    first = case((table.c.state == AlertState.FIRING.value, 0), else_=1)
    rows = await connection.execute(
        select(table)
        .where(table.c.state != AlertState.INACTIVE.value)
        .order_by(first, table.c.state_since.desc(), table.c.id)
        .limit(limit)
    )
    return [_alert(row) for row in rows]


async def save(connection: AsyncConnection, row: AlertRow, before: AlertRow | None, *, why: str) -> None:
    """Write the alert; a change of state is checked and appended to the history (real time)."""
    values = {
        "account_id": row.account_id,
        "rule": row.rule,
        "state": row.state.value,
        "state_since": row.state_since,
        "severity": row.severity,
        "title": row.title,
        "body": row.body,
        "remedy": row.remedy,
        "labels": dict(row.labels),
        "incident_id": row.incident_id,
        "fired_at": row.fired_at,
        "resolved_at": row.resolved_at,
        "acked_by": row.acked_by,
        "silenced_until": row.silenced_until,
    }
    known = AlertState.INACTIVE if before is None else before.state
    if known is not row.state:
        check_transition(known, row.state)
        await state_history.append(
            connection,
            kind="alert",
            entity_id=row.id,
            account_id=row.account_id,
            at=row.state_since,
            who="alerting",
            before=known.value,
            after=row.state.value,
            why=why,
        )
    changed = await connection.execute(update(table).where(table.c.id == row.id).values(**values))
    if changed.rowcount == 0:
        await connection.execute(insert(table).values(id=row.id, **values))


async def acknowledge(connection: AsyncConnection, alert_id: str, *, who: str) -> None:
    """It is known to ``who``: no repeats."""
    await connection.execute(update(table).where(table.c.id == alert_id).values(acked_by=who))


async def silence(connection: AsyncConnection, alert_id: str, *, until: datetime | None) -> None:
    """No messages until then (real time); None lifts it."""
    await connection.execute(update(table).where(table.c.id == alert_id).values(silenced_until=until))


async def enqueue(connection: AsyncConnection, row: OutboxRow) -> bool:
    """Put a message in the outbox, in the transaction that changed the alert; False where it is there."""
    known = await connection.execute(select(outbox.c.id).where(outbox.c.id == row.id))
    if known.first() is not None:
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
    connection: AsyncConnection, now: datetime, *, lease_until: datetime, limit: int = 20
) -> list[OutboxRow]:
    """Messages to be sent now (real time), oldest first; put off until ``lease_until`` for everyone else."""
    rows = await connection.execute(
        select(outbox)
        .where(outbox.c.sent_at.is_(None), outbox.c.due_at <= now)
        .order_by(outbox.c.created_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [_message(row) for row in rows]
    if taken:
        await connection.execute(
            update(outbox).where(outbox.c.id.in_([one.id for one in taken])).values(due_at=lease_until)
        )
    return taken


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


async def messages(connection: AsyncConnection, alert_id: str) -> list[OutboxRow]:
    """All messages about one alert, oldest first."""
    rows = await connection.execute(
        select(outbox).where(outbox.c.alert_id == alert_id).order_by(outbox.c.created_at)
    )
    return [_message(row) for row in rows]


def _alert(row: Row[Any]) -> AlertRow:
    return AlertRow(
        id=row.id,
        rule=row.rule,
        state=AlertState(row.state),
        state_since=row.state_since,
        severity=row.severity,
        title=row.title,
        body=row.body,
        remedy=row.remedy,
        labels=dict(row.labels),
        account_id=row.account_id,
        incident_id=row.incident_id,
        fired_at=row.fired_at,
        resolved_at=row.resolved_at,
        acked_by=row.acked_by,
        silenced_until=row.silenced_until,
    )


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
