"""Looks at everything every few seconds, keeps the alerts, and sends what follows from them."""

from __future__ import annotations

import asyncio
import platform
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.alerting import rules
from stonechat.alerting.channels import make_channels
from stonechat.alerting.delivery import Delivery, outbox_rows
from stonechat.alerting.event_rules import occurrence
from stonechat.alerting.finding import Finding
from stonechat.alerting.heartbeat import Heartbeat
from stonechat.alerting.state_machine import Outcome, Timing, look
from stonechat.config.settings import AlertingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import IllegalTransition, StonechatError, Transient
from stonechat.core.events import AlertChanged, EventStream, Stamped
from stonechat.core.ports import AlertChannel
from stonechat.core.states import AlertState, ContentState, LayerState
from stonechat.core.transitions import check_transition
from stonechat.database import Database
from stonechat.database.repositories import accounts, alerts, content, opportunities
from stonechat.database.repositories.accounts import SessionRow
from stonechat.database.repositories.alerts import AlertRow
from stonechat.database.spool.spool import Spool
from stonechat.jobs import JobStatus
from stonechat.monitoring import HealthBoard
from stonechat.resilience.circuit_breaker import BreakerStatus

LOOK_EVERY = timedelta(seconds=2)
SLOW_EVERY = 5
"""Looks between two readings of jobs, sessions and queues, which cost a query each."""

STUCK_AFTER = timedelta(minutes=2)
"""Without a look for longer the heartbeat is withheld."""

_STOCK = (ContentState.QUEUED, ContentState.POSTING, ContentState.AWAITING_APPROVAL)
_LOCK = 0x53544E414C
T = TypeVar("T")
log = structlog.get_logger()


class Alerting:
    """The alert engine. Made by :func:`open_alerting`; :meth:`connect` gives it more to look at."""

    def __init__(
        self,
        channels: Sequence[AlertChannel],
        timing: Timing,
        clock: Clock,
        events: EventStream,
        board: HealthBoard,
        *,
        spool: Spool | None = None,
        pool_low: int = 0,
        host: str = "",
    ) -> None:
        self.delivery = Delivery(channels, clock, spool)
        self._timing = timing
        self._clock = clock
        self._events = events
        self._board = board
        self._pool_low = pool_low
        self._host = host or platform.node() or "host"
        self._database: Database | None = None
        self._jobs: Callable[[], Awaitable[Sequence[JobStatus]]] | None = None
        self._breakers: Callable[[], Sequence[BreakerStatus]] | None = None
        self._known: Mapping[str, AlertRow] = {}
        self._unsaved = False
        self._openings: deque[rules.Opened] = deque(maxlen=500)
        self._occurrences: dict[str, tuple[float, Finding]] = {}
        self._slow: list[Finding] = []
        self._full: set[str] = set()
        self._looks = 0
        self._looked_at = clock.monotonic()
        self._wake = asyncio.Event()

    def connect(
        self,
        *,
        database: Database | None = None,
        jobs: Callable[[], Awaitable[Sequence[JobStatus]]] | None = None,
        breakers: Callable[[], Sequence[BreakerStatus]] | None = None,
    ) -> None:
        """Look at these too from now on; alerts known so far are stored when the database comes."""
        self._database = database or self._database
        self._jobs = jobs or self._jobs
        self._breakers = breakers or self._breakers

    @property
    def alive(self) -> bool:
        """Whether it has looked lately."""
        return self._clock.monotonic() - self._looked_at < STUCK_AFTER.total_seconds()

    def firing(self) -> list[AlertRow]:
        """What fires now, as known here."""
        return [row for row in self._known.values() if row.state is AlertState.FIRING]

    def hear(self, stamped: Stamped) -> None:
        """Remember events that are findings in themselves, and how often breakers open."""
        now = self._clock.monotonic()
        finding = occurrence(stamped.event)
        if finding is not None:
            self._occurrences[finding.alert_id] = (now, finding)
            self._wake.set()
        opened = rules.opening(stamped.event, now)
        if opened is not None:
            self._openings.append(opened)

    async def look(self) -> Outcome:
        """One look: find what is wrong, take the alerts a step further, put the messages in the outbox."""
        findings = await self._findings()
        try:
            if self._database is None or self._board.layer("database").state is LayerState.DOWN:
                raise Transient("the database is not open")
            outcome = await self._look_stored(self._database, findings)
        except (Transient, TimeoutError):
            outcome = self._look_here(findings)
        self._announce(outcome)
        self._known = outcome.alerts
        self._looked_at = self._clock.monotonic()
        return outcome

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except StonechatError as exc:
                log.error("alerting.look_failed", why=str(exc))
            await self._pause(LOOK_EVERY)

    async def deliver(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                await self.delivery.from_here()
                if self._database is not None:
                    await self.delivery.from_outbox(self._database)
            except (StonechatError, TimeoutError) as exc:
                log.warning("alerting.delivery_waits", why=str(exc))
            await self._clock.sleep_real(LOOK_EVERY)

    async def _findings(self) -> list[Finding]:
        now = self._clock.monotonic()
        period = rules.FLAP_PERIOD.total_seconds()
        while self._openings and now - self._openings[0].at > period:
            self._openings.popleft()
        lasts = rules.OCCURRENCE_LASTS.total_seconds()
        self._occurrences = {key: one for key, one in self._occurrences.items() if now - one[0] < lasts}
        found = rules.layer_findings(self._board.parts(), self._host)
        found += [finding for _, finding in self._occurrences.values()]
        if self._breakers is not None:
            found += rules.breaker_findings(self._breakers(), self._openings)
        if self._looks % SLOW_EVERY == 0:
            self._slow = await self._slow_findings()
        self._looks += 1
        return found + self._slow

    async def _slow_findings(self) -> list[Finding]:
        """Jobs, sessions, queues; what cannot be read now stays as it was last read."""
        try:
            jobs = await self._jobs() if self._jobs is not None else []
            found = rules.job_findings(jobs)
            if self._database is not None:
                async with self._database.read("alerting.look") as connection:
                    sessions, stocks = await self._accounts(connection)
                found += rules.session_findings(sessions) + rules.stock_findings(stocks)
        except (Transient, TimeoutError):
            return self._slow
        return found

    async def _accounts(
        self, connection: AsyncConnection
    ) -> tuple[list[SessionRow], list[rules.AccountStock]]:
        sessions, stocks = [], []
        for account in await accounts.every(connection):
            sessions.append(await accounts.session(connection, account.id))
            counts = await content.count_by_state(connection, account.id, states=_STOCK)
            pool = await opportunities.pool_size(connection, account.id)
            if pool >= self._pool_low:
                self._full.add(account.id)
            stocks.append(
                rules.AccountStock(
                    account.id,
                    account.handle,
                    counts.get(ContentState.QUEUED.value, 0) + counts.get(ContentState.POSTING.value, 0),
                    counts.get(ContentState.AWAITING_APPROVAL.value, 0),
                    pool,
                    self._pool_low,
                    account.id in self._full,
                )
            )
        return sessions, stocks

    async def _look_stored(self, database: Database, findings: Sequence[Finding]) -> Outcome:
        """In one transaction: the alerts' states and the messages that follow from them."""
        now = self._clock.wall()
        if not self._unsaved:  # most looks change nothing: then nothing is written and no lock taken
            async with database.read("alerting.peek") as connection:
                known = await alerts.every(connection)
            outcome = look(known, findings, now, self._timing, self._host)
            if not outcome.changed and not outcome.messages:
                return outcome
        async with database.begin("alerting.look") as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            stored = await alerts.every(connection)
            known = self._merged(stored) if self._unsaved else stored
            outcome = look(known, findings, now, self._timing, self._host)
            for row in outcome.alerts.values():
                if stored.get(row.id) != row:
                    await _save(connection, row, stored.get(row.id))
            for message in outbox_rows(outcome.messages, self.delivery.channels, now):
                await alerts.enqueue(connection, message)
        if self._unsaved:
            self.delivery.database_is_back()
        self._unsaved = False
        return outcome

    def _look_here(self, findings: Sequence[Finding]) -> Outcome:
        """Without the database: from what was last known, with messages kept and sent from here."""
        now = self._clock.wall()
        outcome = look(self._known, findings, now, self._timing, self._host)
        self.delivery.keep(outbox_rows(outcome.messages, self.delivery.channels, now))
        self._unsaved = self._unsaved or bool(outcome.changed)
        return outcome

    def _merged(self, stored: Mapping[str, AlertRow]) -> dict[str, AlertRow]:
        """Ours where we have moved on without the database; what a human did meanwhile stays."""
        merged = dict(stored)
        for alert_id, row in self._known.items():
            theirs = stored.get(alert_id)
            merged[alert_id] = (
                row
                if theirs is None
                else replace(row, acked_by=theirs.acked_by, silenced_until=theirs.silenced_until)
            )
        return merged

    def _announce(self, outcome: Outcome) -> None:
        for row in outcome.changed:
            before = self._known.get(row.id)
            was = before is not None and before.state is AlertState.FIRING
            firing = row.state is AlertState.FIRING
            if was is not firing:
                self._events.emit(
                    AlertChanged(
                        account_id=row.account_id,
                        rule=row.rule,
                        firing=firing,
                        severity=row.severity,
                        title=row.title,
                    )
                )

    async def _pause(self, duration: timedelta) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(duration.total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            return


async def _save(connection: AsyncConnection, row: AlertRow, before: AlertRow | None) -> None:
    """Store the alert; a step that was taken while the database was away is made up for."""
    known = AlertState.INACTIVE if before is None else before.state
    if row.state is not known and not _legal(known, row.state):
        missed = [state for state in AlertState if _legal(known, state) and _legal(state, row.state)]
        through = replace(row, state=missed[0])
        await alerts.save(connection, through, before, why="while the database was away")
        before = through
    await alerts.save(connection, row, before, why=row.body[:200])


def _legal(before: AlertState, after: AlertState) -> bool:
    try:
        check_transition(before, after)
    except IllegalTransition:
        return False
    return True


@asynccontextmanager
async def open_alerting(
    settings: AlertingSettings,
    database: Database | None,
    clock: Clock,
    events: EventStream,
    board: HealthBoard,
    *,
    spool: Spool | None = None,
    pool_low: int = 0,
    channels: Sequence[AlertChannel] | None = None,
) -> AsyncIterator[Alerting]:
    """Look, deliver and beat until closed. May be opened before the database: ``connect`` it later.

    Args:
        spool: keeps messages on disk while the database is away.
        pool_low: open reply opportunities below which an account's pool is called low.
        channels: instead of those in the settings.
    """
    timing = Timing(group_wait=settings.group_wait, repeat=settings.repeat)
    used = make_channels(settings, clock) if channels is None else channels
    alerting = Alerting(used, timing, clock, events, board, spool=spool, pool_low=pool_low)
    alerting.connect(database=database)
    unsubscribe = events.subscribe(alerting.hear)
    loops = [
        asyncio.create_task(alerting.run(), name="alerting.look"),
        asyncio.create_task(alerting.deliver(), name="alerting.deliver"),
    ]
    if settings.heartbeat_url:
        beat = Heartbeat(settings.heartbeat_url, clock, lambda: alerting.alive)
        loops.append(asyncio.create_task(beat.run(), name="alerting.heartbeat"))
    try:
        yield alerting
    finally:
        unsubscribe()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
