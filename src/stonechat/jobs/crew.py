"""What runs jobs in one process over an open engine: put together, kept going, and sent home in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from stonechat.config.settings import JobsSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream
from stonechat.database.connection.database import Database
from stonechat.jobs.declaration import Job
from stonechat.jobs.engine import Engine
from stonechat.jobs.ledger import Ledger
from stonechat.jobs.quiet import Outage
from stonechat.jobs.runs import IsDown, Runs
from stonechat.jobs.schedule import Scheduler
from stonechat.jobs.takeover import Lease, Pulse
from stonechat.jobs.timetable import Timetable
from stonechat.jobs.watchdog import Watchdog

log = structlog.get_logger()

KEEP_ENGINE_ROWS = timedelta(days=7)
"""How long the engine remembers ended runs (real time); our own rows are kept by their own policy."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What there is before the engine opens.

    Attributes:
        jobs: the declarations by their names.
        accounts: the ids of the accounts served now; asked often.
        host: this machine's name among the hosts of one database; its own by default.
    """

    settings: JobsSettings
    database: Database
    clock: Clock
    events: EventStream
    jobs: Mapping[str, Job]
    timetable: Timetable
    lease: Lease
    ledger: Ledger
    accounts: Callable[[], Sequence[str]]
    is_down: IsDown
    host: str | None = None


class Crew:
    """The scheduler, the runs, the heartbeat and the watchdog of this process."""

    def __init__(self, ground: Ground, engine: Engine) -> None:
        self._ground = ground
        self.engine = engine
        database, clock, events = ground.database, ground.clock, ground.events
        self.scheduler = Scheduler(
            timetable=ground.timetable,
            jobs=ground.jobs,
            engine=engine,
            ledger=ground.ledger,
            accounts=ground.accounts,
            is_down=ground.is_down,
            database=database,
            clock=clock,
            events=events,
        )
        self.runs = Runs(
            jobs=ground.jobs,
            ledger=ground.ledger,
            lease=ground.lease,
            is_down=ground.is_down,
            wake=self.scheduler.wake,
            ended=self.scheduler.ended,
            database=database,
            clock=clock,
            events=events,
        )
        self.watchdog = Watchdog(
            timetable=ground.timetable,
            scheduler=self.scheduler,
            held=self.scheduler.held,
            database=database,
            clock=clock,
            events=events,
        )
        self._pulse = Pulse(
            ledger=ground.ledger,
            engine=engine,
            lease=ground.lease,
            clock=clock,
            heartbeat=ground.settings.heartbeat,
            limit=ground.settings.takeover_after,
            host=ground.host,
        )

    @asynccontextmanager
    async def at_work(self, ready: asyncio.Event, close_limit: timedelta) -> AsyncIterator[None]:
        """Until the block ends: the first heartbeat, then ``ready`` is set and the loops go on.

        Runs at work then have ``close_limit`` (real time) to end, and what they wrote is committed.
        """
        ledger = self._ground.ledger
        writing = self._loop("ledger", ledger.run)
        loops: list[asyncio.Task[None]] = []
        try:
            with contextlib.suppress(Transient):
                await self._pulse.beat()
            ready.set()
            loops.append(self._loop("schedule", self.scheduler.run))
            loops.append(self._loop("pulse", self._beat))
            loops.append(self._loop("watchdog", self.watchdog.run))
            loops.append(self._loop("forget", self._forget))
            yield
        finally:
            self.engine.ends()
            for loop in loops[:1]:
                loop.cancel()  # nothing more is asked for
            holding = await self.runs.close(close_limit)
            await _ended(loops)
            with contextlib.suppress(Transient):
                await self._pulse.leave(holding=holding)
            await _ended([writing])
            await ledger.drain()

    def _loop(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        return asyncio.create_task(_for_ever(name, run, self._ground.clock), name=f"jobs.{name}")

    async def _beat(self) -> None:
        outage = Outage("heartbeat")
        while True:
            try:
                taken = await self._pulse.beat(self.runs.held)
                await self.runs.beat()
                outage.is_over()
                if taken:
                    log.warning("job.taken_over", executors=list(taken))
            except Transient as exc:
                outage.goes_on(exc.what)
            await self._ground.clock.sleep_real(self._ground.settings.heartbeat)

    async def _forget(self) -> None:
        while True:
            await self._ground.clock.sleep_real(timedelta(hours=1))
            await self.engine.forget(KEEP_ENGINE_ROWS)


async def _for_ever(name: str, loop: Callable[[], Coroutine[Any, Any, None]], clock: Clock) -> None:
    """Supervise a loop: whatever ends it is said, and it begins again."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("job.loop_failed", loop=name)
        await clock.sleep_real(timedelta(seconds=1))


async def _ended(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
