"""Delivers what stands in the outbox, with growing pauses, until the other side has taken it.

Each channel delivers alone: one that hangs or refuses holds up no other. A message about something critical
that no channel has delivered is never given up; only the owner's acknowledgement ends it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.alerting.finding import CRITICAL
from stonechat.alerting.rules import CHANNEL_RULE, ChannelTrouble
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.ids import stable_id
from stonechat.core.ports import AlertChannel, AlertMessage
from stonechat.database import Database
from stonechat.database.repositories import alerts, outbox
from stonechat.database.repositories.outbox import OutboxRow
from stonechat.database.spool.spool import Spool

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(hours=24)
"""For what another channel has delivered, and for what is not critical."""

LEASE = timedelta(seconds=60)
"""How long a message that is being sent is left alone by other hosts; longer than any channel takes."""

AT_ONCE = 20
"""Messages that one round sends through a channel."""

SPOOLED = "alerts"
TOLD, SENDING = "alerts-told", "alerts-sending"

TOLD_LATELY = timedelta(minutes=5)
"""Without the database the processes of one machine see the same within seconds: what one of them has told
so lately (real time), another one does not."""
log = structlog.get_logger()


def _goes_to(body: Mapping[str, Any], channel: str, deputies: Collection[str]) -> bool:
    """Whether this message is for this channel.

    That a channel takes no messages is not told through that channel. ``deputies`` hear of what nobody
    acknowledged and of its end; the others have heard of it already.
    """
    if (body["labels"].get("alertname"), body["labels"].get("about")) == (CHANNEL_RULE, channel):
        return False
    escalated = bool(body.get("escalated"))
    return escalated if channel in deputies else not (escalated and body["status"] == "firing")


def as_json(message: AlertMessage) -> dict[str, Any]:
    """The message as a JSON object."""
    return asdict(message) | {"starts_at": message.starts_at.isoformat(), "labels": dict(message.labels)}


def from_json(body: Mapping[str, Any]) -> AlertMessage:
    """The opposite of :func:`as_json`."""
    return AlertMessage(**{**body, "starts_at": datetime.fromisoformat(body["starts_at"])})


def _addressed(body: Mapping[str, Any], channel: str, now: datetime) -> OutboxRow:
    return OutboxRow(
        id=stable_id("outbox", body["id"], channel),
        alert_id=body["labels"].get("alert_id", body["id"]),
        channel=channel,
        body=dict(body),
        created_at=now,
        due_at=now,
    )


@dataclass(slots=True)
class _Failing:
    since: datetime
    error: str


class Delivery:
    """Sends from the outbox table, and from the local spool what could not be put there.

    Args:
        channels: where messages go; ``deputies``: the channels to those who are told when nobody
            acknowledges.
        spool: where messages wait while the database is away; None keeps them in memory.
    """

    def __init__(
        self,
        channels: Sequence[AlertChannel],
        clock: Clock,
        spool: Spool | None,
        *,
        deputies: Sequence[AlertChannel] = (),
    ) -> None:
        self.channels = (*channels, *deputies)
        self._deputies = frozenset(channel.name for channel in deputies)
        self._clock = clock
        self._spool = spool
        self._local: dict[str, OutboxRow] = {}
        self._spooled: set[str] = set()
        self._failing: dict[str, _Failing] = {}
        if spool is not None:
            for entry in spool.entries(SPOOLED):
                row = _row(entry.body)
                self._local[entry.key] = row
                self._spooled.add(entry.key)
            self._readdress_local()

    def rows(self, messages: Sequence[AlertMessage], now: datetime) -> list[OutboxRow]:
        """One row for each message and channel, with an id that a repetition would have too."""
        bodies = [as_json(message) for message in messages]
        return [_addressed(body, name, now) for body in bodies for name in self._names_for(body)]

    def _names_for(self, body: Mapping[str, Any]) -> list[str]:
        return [one.name for one in self.channels if _goes_to(body, one.name, self._deputies)]

    def kept(self) -> list[OutboxRow]:
        """Messages that wait outside the database, and are not delivered yet; newest first."""
        return sorted(self._local.values(), key=lambda row: row.created_at, reverse=True)

    @property
    def waiting_locally(self) -> int:
        """Messages that wait outside the database."""
        return len(self._local)

    def trouble(self) -> list[ChannelTrouble]:
        """The channels whose last message did not get through."""
        alone = len(self._failing) == len(self.channels)
        return [
            ChannelTrouble(name, failing.since, failing.error, alone)
            for name, failing in sorted(self._failing.items())
        ]

    def works(self, within: timedelta) -> bool:
        """Whether some channel takes messages, as far as is known; one may fail for so long (real time)."""
        now = self._clock.wall()
        late = [one for one in self._failing.values() if now - one.since > within]
        return not self.channels or len(late) < len(self.channels)

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

    async def readdress(self, database: Database) -> None:
        """Send what waits for a channel that is no longer in the settings through those that are."""
        if not self.channels:
            return
        names = [channel.name for channel in self.channels]
        now = self._clock.wall()
        async with database.read("alerting.orphaned") as connection:
            if not await outbox.orphaned(connection, names):
                return
        async with database.begin("alerting.readdress") as connection:
            for row in await outbox.orphaned(connection, names):
                for name in self._names_for(row.body):
                    await outbox.enqueue(connection, _addressed(row.body, name, now))
                error = "this channel is no longer in the settings"
                await outbox.mark_failed(connection, row.id, error=error, again_at=None, at=now)

    async def from_outbox(self, database: Database, channel: AlertChannel) -> int:
        """Send what is due for the channel in the table; returns how many went out."""
        sent = 0
        for _ in range(AT_ONCE):
            now = self._clock.wall()
            async with database.begin("alerting.take") as connection:
                row = await outbox.take_due(connection, now, channel=channel.name, lease_until=now + LEASE)
            if row is None:
                break
            error = await self._send(channel, row)
            async with database.begin("alerting.sent") as connection:
                at = self._clock.wall()
                if error:
                    again = await self._again(connection, row, at)
                    await outbox.mark_failed(connection, row.id, error=error, again_at=again, at=at)
                else:
                    await outbox.mark_sent(connection, row.id, at=at)
                    sent += 1
        return sent

    async def from_here(self, channel: AlertChannel) -> int:
        """Send what is kept locally and due for the channel; returns how many went out."""
        now, sent = self._clock.wall(), 0
        mine = [row for row in self._local.values() if row.due_at <= now and row.channel == channel.name]
        for row in mine[:AT_ONCE]:
            if row.id in self._spooled and self._spool is not None and not self._spool.has(SPOOLED, row.id):
                self._local.pop(row.id, None)  # another process has sent it
                continue
            if not self._claimed(SENDING, row.id, LEASE):
                continue  # another process sends it
            try:
                error = await self._send(channel, row)
            finally:
                self._release(SENDING, row.id)
            if error and not self._is_old(row, self._clock.wall()):
                again = self._clock.wall() + _pause(row)
                self._local[row.id] = replace(row, due_at=again, attempts=row.attempts + 1, error=error)
                continue
            sent += not error
            self._drop(row)
        return sent

    async def _send(self, channel: AlertChannel, row: OutboxRow) -> str:
        """Why the other side does not have the message; empty where it does."""
        try:
            await channel.send(from_json(row.body))
        except (Permanent, Transient) as exc:
            failing = self._failing.setdefault(channel.name, _Failing(self._clock.wall(), exc.what))
            failing.error = exc.what
            log.warning("alert.delivery_failed", channel=channel.name, why=exc.what, attempt=row.attempts + 1)
            return str(exc)
        self._failing.pop(channel.name, None)
        return ""

    async def _again(self, connection: AsyncConnection, row: OutboxRow, now: datetime) -> datetime | None:
        """When to try again; None where that has no use any more."""
        alert = await alerts.find(connection, row.alert_id)
        if alert is not None and alert.acked_by and row.body["status"] == "firing":
            return None  # the owner knows
        if self._is_old(row, now):
            return None
        if now - row.created_at >= GIVE_UP_AFTER and await outbox.delivered(
            connection, row.alert_id, since=row.created_at
        ):
            return None
        return now + _pause(row)

    def _is_old(self, row: OutboxRow, now: datetime) -> bool:
        return row.body["severity"] != CRITICAL and now - row.created_at >= GIVE_UP_AFTER

    def _readdress_local(self) -> None:
        names = [channel.name for channel in self.channels]
        for row in [row for row in self._local.values() if names and row.channel not in names]:
            self._drop(row)
            self.keep([_addressed(row.body, name, row.created_at) for name in self._names_for(row.body)])

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


def _pause(row: OutboxRow) -> timedelta:
    growing: timedelta = FIRST_PAUSE * 2 ** min(row.attempts, 10)
    return min(growing, LONGEST_PAUSE)


def _row(body: Mapping[str, Any]) -> OutboxRow:
    created = datetime.fromisoformat(body["created_at"])
    return OutboxRow(body["id"], body["alert_id"], body["channel"], body["body"], created, created)
