"""Gathers what is wrong now, from the health board, breakers, jobs, rows, events and alert channels."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.alerting import rules
from stonechat.alerting.event_rules import event_finding
from stonechat.alerting.finding import Finding
from stonechat.alerting.stock_rules import AccountStock, stock_findings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import Stamped
from stonechat.core.states import ContentState, LayerState
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, opportunities
from stonechat.database.repositories.accounts import SessionRow
from stonechat.jobs import JobStatus
from stonechat.monitoring import HealthBoard
from stonechat.monitoring.dependency_graph import NEEDS
from stonechat.monitoring.figures import Figures
from stonechat.monitoring.loop_lag import LoopLag
from stonechat.resilience.circuit_breaker import BreakerStatus

SLOW_EVERY = 5
"""Looks between two readings of jobs, sessions and queues, which cost a query each."""

SLOW_LIMIT = timedelta(seconds=5)
"""Real time that this may take; after that what was read last holds."""

CLEARS_UP = ("network", "browser", "session", "database")
"""What a post whose outcome is unclear needs for being looked up; its time begins when these are well."""

_STOCK = (ContentState.QUEUED, ContentState.POSTING, ContentState.AWAITING_APPROVAL)


class Observer:
    """Asked for everything that is wrong at every look. What it may look at is set as it opens."""

    def __init__(self, clock: Clock, board: HealthBoard, *, pool_low: int, host: str) -> None:
        self.database: Database | None = None
        self.jobs: Callable[[], Awaitable[Sequence[JobStatus]]] | None = None
        self.breakers: Callable[[], Sequence[BreakerStatus]] | None = None
        self.channels: Callable[[], Sequence[rules.ChannelTrouble]] = list
        self.figures: Figures | None = None
        self.lag: LoopLag | None = None
        self._clock = clock
        self._board = board
        self._pool_low = pool_low
        self._host = host
        self._openings: deque[rules.BreakerOpened] = deque(maxlen=500)
        self._heard: dict[str, Finding] = {}
        self._slow: list[Finding] = []
        self._full: set[str] = set()
        self._looks = 0

    def hear(self, stamped: Stamped) -> bool:
        """Remember events that are findings in themselves, and how often breakers open; whether it is one."""
        opened = rules.opening(stamped.event, self._clock.monotonic())
        if opened is not None:
            self._openings.append(opened)
        finding = event_finding(stamped.event, speed=self._clock.speed)
        if finding is not None:
            self._heard[finding.alert_id] = finding
        return finding is not None

    def forget(self, findings: Sequence[Finding]) -> None:
        """These events are in the alerts now."""
        for finding in findings:
            if self._heard.get(finding.alert_id) is finding:
                del self._heard[finding.alert_id]

    async def findings(self) -> list[Finding]:
        """Everything that is wrong now."""
        now, period = self._clock.monotonic(), rules.FLAP_PERIOD.total_seconds()
        while self._openings and now - self._openings[0].at > period:
            self._openings.popleft()
        found = rules.layer_findings(self._board.parts(), self._host)
        found += self._heard.values()
        found += rules.channel_findings(self.channels())
        if self.breakers is not None:
            found += rules.breaker_findings(self.breakers(), self._openings)
        if self.figures is not None:
            found += rules.level_findings(self.figures.latest)
        if self.lag is not None:
            found += rules.lag_findings(self.lag, self._host)
        if self._looks % SLOW_EVERY == 0:
            self._slow = await self._slow_findings()
        self._looks += 1
        return found + self._slow

    def undecided(self) -> set[str]:
        """Ids of alerts about parts of which nothing is known now: they are neither found nor over."""
        unknown = (part for part in NEEDS if self._board.layer(part).state is LayerState.UNKNOWN)
        return {rules.layer_alert_id(part, self._host) for part in unknown}

    async def _slow_findings(self) -> list[Finding]:
        """Jobs, sessions, queues; what cannot be read now stays as it was last read."""
        try:
            async with asyncio.timeout(SLOW_LIMIT.total_seconds()):
                return await self._read_slowly()
        except (Transient, TimeoutError):
            return self._slow

    async def _read_slowly(self) -> list[Finding]:
        jobs = await self.jobs() if self.jobs is not None else []
        found = rules.job_findings(jobs, self._board.explains_failure)
        if self.database is None:
            return found
        async with self.database.read("alerting.look") as connection:
            sessions, stocks = await self._accounts(connection)
            unclear = await self._unclear(connection)
        found += rules.session_findings(sessions) + stock_findings(stocks)
        return found + rules.unclear_findings(unclear)

    async def _accounts(self, connection: AsyncConnection) -> tuple[list[SessionRow], list[AccountStock]]:
        sessions = await accounts.sessions(connection)
        of_all = await content.count_of_each(connection, _STOCK)
        pools = await opportunities.pool_sizes(connection)
        makeup = {one.account_id: one.pool for one in self.figures.latest} if self.figures else {}
        stocks = []
        for account in await accounts.every(connection):
            counts, pool = of_all.get(account.id, {}), pools.get(account.id)
            if pool is not None and pool >= self._pool_low:
                self._full.add(account.id)
            stocks.append(
                AccountStock(
                    account.id,
                    account.handle,
                    counts.get(ContentState.QUEUED.value, 0) + counts.get(ContentState.POSTING.value, 0),
                    counts.get(ContentState.AWAITING_APPROVAL.value, 0),
                    pool,
                    self._pool_low,
                    account.id in self._full,
                    makeup.get(account.id, {}),
                )
            )
        return sessions, stocks

    async def _unclear(self, connection: AsyncConnection) -> list[rules.UnclearPost]:
        """Posts that may or may not be live, and for how long they could have been looked up."""
        well = [self._board.layer(part) for part in CLEARS_UP]
        quiet = min(
            (self._clock.wall() - one.since for one in well if one.state is LayerState.OK),
            default=timedelta.max,
        )
        found = await content.in_states(connection, [ContentState.UNCONFIRMED], limit=100)
        now, speed = self._clock.now(), self._clock.speed
        return [
            rules.UnclearPost(one.account_id, one.id, min((now - one.state_since) / speed, quiet))
            for one in found
        ]
