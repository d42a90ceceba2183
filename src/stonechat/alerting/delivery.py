"""Delivers what stands in the outbox, with growing pauses, until the other side has taken it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.ids import stable_id
from stonechat.core.ports import AlertChannel, AlertMessage
from stonechat.database import Database
from stonechat.database.repositories import alerts
from stonechat.database.repositories.alerts import OutboxRow
from stonechat.database.spool.spool import Spool

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""How long a message that is being sent is left alone by other hosts."""

SPOOLED = "alerts"
TOLD, SENDING = "alerts-told", "alerts-sending"

TOLD_LATELY = timedelta(minutes=5)
"""Without the database the processes of one machine see the same within seconds: what one of them has told
so lately (real time), another one does not."""
log = structlog.get_logger()


def outbox_rows(
    messages: Sequence[AlertMessage], channels: Sequence[AlertChannel], now: datetime
) -> list[OutboxRow]:
    """One row for each message and channel, with an id that a repetition would have too."""
    return [
        OutboxRow(
            id=stable_id("outbox", message.id, channel.name),
            alert_id=message.labels.get("alert_id", message.id),
            channel=channel.name,
            body=as_json(message),
            created_at=now,
            due_at=now,
        )
        for message in messages
        for channel in channels
    ]


def as_json(message: AlertMessage) -> dict[str, Any]:
    """The message as a JSON object."""
    return asdict(message) | {"starts_at": message.starts_at.isoformat(), "labels": dict(message.labels)}


def from_json(body: Mapping[str, Any]) -> AlertMessage:
    """The opposite of :func:`as_json`."""
    return AlertMessage(**{**body, "starts_at": datetime.fromisoformat(body["starts_at"])})


class Delivery:
    """Sends from the outbox table, and from the local spool what could not be put there.

    Args:
        spool: where messages wait while the database is away; None keeps them in memory.
    """

    def __init__(self, channels: Sequence[AlertChannel], clock: Clock, spool: Spool | None) -> None:
        self.channels = tuple(channels)
        self._by_name = {channel.name: channel for channel in channels}
        self._clock = clock
        self._spool = spool
        self._local: dict[str, OutboxRow] = {}
        self._spooled: set[str] = set()
        if spool is not None:
            for entry in spool.entries(SPOOLED):
                self._local[entry.key] = _row(entry.body)
                self._spooled.add(entry.key)

    @property
    def waiting_locally(self) -> int:
        """Messages that wait outside the database."""
        return len(self._local)

    def keep(self, rows: Sequence[OutboxRow]) -> None:
        """Keep messages here, because the database cannot take them; not what another process tells."""
        for row in rows:
            told = f"{row.alert_id}/{row.body['status']}/{row.channel}"
            if not self._claimed(TOLD, told, TOLD_LATELY):
                continue
            self._local[row.id] = row
            self._write(row)

    def database_is_back(self) -> None:
        """From now on the rows say what was told, to every process."""
        if self._spool is not None:
            self._spool.release_all(TOLD)

    async def from_outbox(self, database: Database) -> int:
        """Send what is due in the table; returns how many went out."""
        now = self._clock.wall()
        async with database.begin("alerting.take") as connection:
            rows = await alerts.take_due(connection, now, lease_until=now + LEASE)
        sent = 0
        for row in rows:
            error, again = await self._send(row)
            async with database.begin("alerting.sent") as connection:
                if error:
                    at = self._clock.wall()
                    await alerts.mark_failed(connection, row.id, error=error, again_at=again, at=at)
                else:
                    await alerts.mark_sent(connection, row.id, at=self._clock.wall())
            sent += not error
        return sent

    async def from_here(self) -> int:
        """Send what is kept locally and due; returns how many went out."""
        now, sent = self._clock.wall(), 0
        for row in [row for row in self._local.values() if row.due_at <= now]:
            if row.id in self._spooled and self._spool is not None and not self._spool.has(SPOOLED, row.id):
                self._local.pop(row.id)  # another process has sent it
                continue
            if not self._claimed(SENDING, row.id, LEASE):
                continue  # another process sends it
            try:
                error, again = await self._send(row)
            finally:
                self._release(SENDING, row.id)
            if error and again is not None:
                kept = OutboxRow(
                    row.id, row.alert_id, row.channel, row.body, row.created_at, again, row.attempts + 1
                )
                self._local[row.id] = kept
                continue
            sent += not error
            self._drop(row)
        return sent

    async def _send(self, row: OutboxRow) -> tuple[str, datetime | None]:
        """The error, or an empty text; and when to try again, None for never."""
        channel = self._by_name.get(row.channel)
        now = self._clock.wall()
        if channel is None:
            return "this channel is no longer in the settings", None
        try:
            await channel.send(from_json(row.body))
        except Permanent as exc:
            log.error("alert.undeliverable", channel=row.channel, why=exc.what)
            return str(exc), None
        except Transient as exc:
            log.warning("alert.delivery_failed", channel=row.channel, why=exc.what, attempt=row.attempts + 1)
            if now - row.created_at >= GIVE_UP_AFTER:
                return str(exc), None
            return str(exc), now + min(FIRST_PAUSE * 2 ** min(row.attempts, 10), LONGEST_PAUSE)
        return "", None

    def _claimed(self, kind: str, key: str, lasts: timedelta) -> bool:
        spool = self._spool
        return spool is None or spool.claim(kind, key, now=self._clock.wall(), lasts=lasts)

    def _release(self, kind: str, key: str) -> None:
        if self._spool is not None:
            self._spool.release(kind, key)

    def _write(self, row: OutboxRow) -> None:
        if self._spool is None:
            return
        body = {
            "id": row.id,
            "alert_id": row.alert_id,
            "channel": row.channel,
            "body": dict(row.body),
            "created_at": row.created_at.isoformat(),
        }
        try:
            self._spool.put(SPOOLED, row.id, body)
            self._spooled.add(row.id)
        except Transient as exc:
            log.warning("alert.not_spooled", why=exc.what)

    def _drop(self, row: OutboxRow) -> None:
        self._local.pop(row.id, None)
        self._spooled.discard(row.id)
        if self._spool is not None:
            self._spool.remove(SPOOLED, row.id)


def _row(body: Mapping[str, Any]) -> OutboxRow:
    created = datetime.fromisoformat(body["created_at"])
    return OutboxRow(body["id"], body["alert_id"], body["channel"], body["body"], created, created)
