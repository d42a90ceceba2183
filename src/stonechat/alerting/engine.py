"""Looks at everything every few seconds, keeps the alerts, and sends what follows from them."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import text

from stonechat.alerting.channels import make_channels, make_deputies
from stonechat.alerting.delivery import Delivery
from stonechat.alerting.finding import Finding
from stonechat.alerting.heartbeat import DeadMansSwitch
from stonechat.alerting.observer import Observer
from stonechat.alerting.state_machine import LookResult, Timing
from stonechat.alerting.telling import look
from stonechat.config.settings import AlertingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import IllegalTransition, StonechatError, Transient
from stonechat.core.events import AlertChanged, EventStream, Stamped
from stonechat.core.ports import AlertChannel
from stonechat.core.quiet_hours import quiet_hours
from stonechat.core.states import AlertState, LayerState
from stonechat.core.supervision import running_loops
from stonechat.core.transitions import check_transition
from stonechat.database import Database
from stonechat.database.repositories import alerts, outbox
from stonechat.database.repositories.alerts import AlertRow, AlertStep
from stonechat.database.spool.spool import Spool
from stonechat.jobs import JobStatus
from stonechat.monitoring import HealthBoard
from stonechat.monitoring.figures import Figures
from stonechat.monitoring.loop_lag import LoopLag
from stonechat.resilience.circuit_breaker import BreakerStatus

LOOK_EVERY = timedelta(seconds=2)

LOOK_LIMIT = timedelta(seconds=5)
"""Real time that the database may take; after that the alerts go on without it."""

WITHOUT = timedelta(seconds=20)
"""... and for how long they do before it is tried again."""

STUCK_AFTER = timedelta(minutes=2)
"""Without a look, or with no channel that takes messages, for longer the heartbeat is withheld."""

PROVEN = ("jobs", "posting")
"""The heartbeat stands for these parts too."""

_LOCK = 0x53544E414C
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
        deputies: Sequence[AlertChannel] = (),
    ) -> None:
        self.delivery = Delivery(channels, clock, spool, deputies=deputies)
        self._timing = timing
        self._clock = clock
        self._events = events
        self._board = board
        self._host = host or platform.node() or "host"
        self._observer = Observer(clock, board, pool_low=pool_low, host=self._host)
        self._observer.channels = self.delivery.trouble
        self._known: Mapping[str, AlertRow] = {}
        self._unsaved = False
        self._store_again_at = clock.monotonic()
        self._looked_at = clock.monotonic()
        self._delivered_at = {one.name: clock.monotonic() for one in self.delivery.channels}
        self._wake = asyncio.Event()

    def connect(
        self,
        *,
        database: Database | None = None,
        jobs: Callable[[], Awaitable[Sequence[JobStatus]]] | None = None,
        breakers: Callable[[], Sequence[BreakerStatus]] | None = None,
        figures: Figures | None = None,
        lag: LoopLag | None = None,
    ) -> None:
        """Look at these too from now on; alerts known so far are stored when the database comes."""
        seen = self._observer
        seen.database = database or seen.database
        seen.jobs = jobs or seen.jobs
        seen.breakers = breakers or seen.breakers
        seen.figures = figures or seen.figures
        seen.lag = lag or seen.lag

    def silent(self) -> str:
        """Why the heartbeat is withheld, which alarms somebody outside; empty where all does its work."""
        now, limit = self._clock.monotonic(), STUCK_AFTER.total_seconds()
        if now - self._looked_at >= limit:
            return "the alert engine has not looked lately"
        if any(now - at >= limit for at in self._delivered_at.values()):
            return "the delivery of alerts stands still"
        if not self.delivery.works(STUCK_AFTER):
            return "no channel takes alerts"
        for part in PROVEN:
            health = self._board.layer(part)
            if health.state not in (LayerState.OK, LayerState.DEGRADED):
                return f"{part}: {health.cause or health.state.value}"
        return ""

    def firing(self) -> list[AlertRow]:
        """What fires now, as known here, also while the database is away."""
        return [row for row in self._known.values() if row.state is AlertState.FIRING]

    def hear(self, stamped: Stamped) -> None:
        """Take note of an event."""
        if self._observer.hear(stamped):
            self._wake.set()

    async def look(self) -> LookResult:
        """One look: find what is wrong, take the alerts a step further, put the messages in the outbox."""
        findings = await self._observer.findings()
        undecided = self._observer.undecided()
        database = self._observer.database
        try:
            early = self._clock.monotonic() < self._store_again_at
            if database is None or early or self._board.is_down("database"):
                raise Transient("the database is not open")
            async with asyncio.timeout(LOOK_LIMIT.total_seconds()):
                result = await self._look_stored(database, findings, undecided)
        except Transient:
            result = self._look_here(findings, undecided)
        except TimeoutError:
            self._store_again_at = self._clock.monotonic() + WITHOUT.total_seconds()
            result = self._look_here(findings, undecided)
        self._observer.forget(findings)
        self._announce(result)
        self._known = result.alerts
        self._looked_at = self._clock.monotonic()
        return result

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except StonechatError as exc:
                log.error("alerting.look_failed", why=str(exc))
            await self._pause(LOOK_EVERY)

    async def deliver(self, channel: AlertChannel) -> None:
        """Send what is due for one channel."""
        await self.delivery.from_here(channel)
        database = self._observer.database
        if database is not None and not self._board.is_down("database"):
            await self.delivery.readdress(database)
            await self.delivery.from_outbox(database, channel)
        self._delivered_at[channel.name] = self._clock.monotonic()

    async def deliver_all(self) -> None:
        """Send what is due, each channel beside the others."""
        await asyncio.gather(*(self.deliver(channel) for channel in self.delivery.channels))

    async def deliver_on(self, channel: AlertChannel) -> None:
        """Send through one channel until cancelled."""
        while True:
            try:
                await self.deliver(channel)
            except (StonechatError, TimeoutError) as exc:
                log.warning("alerting.delivery_waits", channel=channel.name, why=str(exc))
            await self._clock.sleep_real(LOOK_EVERY)

    async def _look_stored(
        self, database: Database, findings: Sequence[Finding], undecided: Collection[str]
    ) -> LookResult:
        """In one transaction: the alerts' states and the messages that follow from them."""
        now = self._clock.wall()
        if not self._unsaved:  # most looks change nothing: then nothing is written and no lock taken
            async with database.read("alerting.peek") as connection:
                known = await alerts.every(connection)
            result = look(known, findings, now, self._timing, self._host, undecided)
            if not result.changed and not result.messages:
                return result
        async with database.begin("alerting.look") as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            stored = await alerts.every(connection, lock=True)
            known = self._merged(stored) if self._unsaved else stored
            result = look(known, findings, now, self._timing, self._host, undecided)
            moved = [row for row in result.alerts.values() if stored.get(row.id) != row]
            steps = [step for row in moved for step in _steps(row, stored.get(row.id))]
            await alerts.save_all(connection, steps)
            for message in self.delivery.rows(result.messages, now):
                await outbox.enqueue(connection, message)
        if self._unsaved:
            self.delivery.database_is_back()
        self._unsaved = False
        return result

    def _look_here(self, findings: Sequence[Finding], undecided: Collection[str]) -> LookResult:
        """Without the database: from what was last known, with messages kept and sent from here."""
        now = self._clock.wall()
        result = look(self._known, findings, now, self._timing, self._host, undecided)
        self.delivery.keep(self.delivery.rows(result.messages, now))
        self._unsaved = self._unsaved or bool(result.changed)
        return result

    def _merged(self, stored: Mapping[str, AlertRow]) -> dict[str, AlertRow]:
        """Ours where we have moved on without the database; what a human did meanwhile stays."""
        merged = dict(stored)
        for alert_id, row in self._known.items():
            theirs = stored.get(alert_id)
            merged[alert_id] = (
                row
                if theirs is None
                else replace(
                    row,
                    acked_by=theirs.acked_by,
                    silenced_until=theirs.silenced_until,
                    tracking=replace(row.tracking, silenced_at=theirs.tracking.silenced_at),
                )
            )
        return merged

    def _announce(self, result: LookResult) -> None:
        for row in result.changed:
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


def _steps(row: AlertRow, before: AlertRow | None) -> list[AlertStep]:
    """From how the alert is stored to how it is; a step that was taken while the database was away is made
    up for."""
    known = AlertState.INACTIVE if before is None else before.state
    steps = []
    if row.state is not known and not _legal(known, row.state):
        missed = [state for state in AlertState if _legal(known, state) and _legal(state, row.state)]
        through = replace(row, state=missed[0])
        steps.append(AlertStep(through, before, "while the database was away"))
        before = through
    return [*steps, AlertStep(row, before, row.body[:200])]


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
    pages: str = "",
    channels: Sequence[AlertChannel] | None = None,
) -> AsyncIterator[Alerting]:
    """Look, deliver and beat until closed. May be opened before the database: ``connect`` it later.

    Args:
        spool: keeps messages on disk while the database is away.
        pool_low: open reply opportunities below which an account's pool is called low.
        pages: where the pages are reached, for the links in messages.
        channels: instead of those in the settings.
    """
    timing = Timing(
        group_wait=settings.group_wait,
        repeat=settings.repeat,
        escalate=settings.escalate_after if settings.escalate_urls else None,
        quiet=quiet_hours(settings.quiet_hours, settings.timezone),
    )
    used = make_channels(settings, clock, pages) if channels is None else channels
    deputies = make_deputies(settings, pages)
    alerting = Alerting(used, timing, clock, events, board, spool=spool, pool_low=pool_low, deputies=deputies)
    alerting.connect(database=database)
    unsubscribe = events.subscribe(alerting.hear)
    loops = {"alerting.look": alerting.run}
    for channel in alerting.delivery.channels:
        loops[f"alerting.deliver {channel.name}"] = partial(alerting.deliver_on, channel)
    if settings.heartbeat_url:
        loops["alerting.heartbeat"] = DeadMansSwitch(settings.heartbeat_url, clock, alerting.silent).run
    try:
        async with running_loops(loops, clock, events):
            yield alerting
    finally:
        unsubscribe()
