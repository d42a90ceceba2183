"""What runs jobs in one process: put together over an open engine, kept going, and stopped in order."""

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
from stonechat.core.supervision import supervise
from stonechat.database.connection.database import Database
from stonechat.jobs.execution.durable_runs import Execution
from stonechat.jobs.execution.executor import Executor, IsDown
from stonechat.jobs.execution.failover import Failover, Heartbeat
from stonechat.jobs.execution.log_throttle import Outage
from stonechat.jobs.execution.outcome_writer import OutcomeWriter
from stonechat.jobs.execution.run_store import RunStore
from stonechat.jobs.job import POSTING, Job, Resource
from stonechat.jobs.scheduling import owner_requests
from stonechat.jobs.scheduling.due_runs import DueRuns
from stonechat.jobs.scheduling.scheduler import Scheduler
from stonechat.jobs.scheduling.watchdog import Watchdog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerDependencies:
    """What a worker is made of.

    Attributes:
        jobs: the declarations by their names.
        accounts: the ids of the accounts served now; asked often.
        host: this machine's name among the hosts of one database; its own by default.
    """

    settings: JobsSettings
    database: Database
    store: RunStore
    clock: Clock
    events: EventStream
    jobs: Mapping[str, Job]
    due_runs: DueRuns
    heartbeat: Heartbeat
    accounts: Callable[[], Sequence[str]]
    is_down: IsDown
    host: str | None = None


def places(settings: JobsSettings) -> dict[str, int]:
    """How many runs of each queue one process does at once."""
    return {
        POSTING: settings.workers_browser,
        Resource.BROWSER.value: settings.workers_browser,
        Resource.MODEL.value: settings.workers_model,
        Resource.DATABASE.value: settings.workers_database,
    }


class Worker:
    """The scheduler, the executor, the heartbeat and the watchdog of this process."""

    def __init__(self, needs: WorkerDependencies, execution: Execution) -> None:
        self._needs = needs
        self.execution = execution
        database, clock, events = needs.database, needs.clock, needs.events
        self.outcomes = OutcomeWriter(database, clock)
        self.scheduler = Scheduler(
            due_runs=needs.due_runs,
            jobs=needs.jobs,
            execution=execution,
            database=database,
            heartbeat=needs.heartbeat,
            clock=clock,
            events=events,
            accounts=needs.accounts,
            is_down=needs.is_down,
            places=places(needs.settings),
        )
        self.executor = Executor(
            jobs=needs.jobs,
            outcomes=self.outcomes,
            heartbeat=needs.heartbeat,
            clock=clock,
            events=events,
            is_down=needs.is_down,
            wake=self.scheduler.wake,
            ended=self.scheduler.ended,
        )
        self.watchdog = Watchdog(
            due_runs=needs.due_runs,
            scheduler=self.scheduler,
            database=database,
            store=needs.store,
            clock=clock,
            events=events,
            held=self.scheduler.held,
        )
        self._failover = Failover(
            database=database,
            store=needs.store,
            outcomes=self.outcomes,
            heartbeat=needs.heartbeat,
            clock=clock,
            events=events,
            interval=needs.settings.heartbeat,
            limit=needs.settings.takeover_after,
            host=needs.host,
        )

    @asynccontextmanager
    async def at_work(self, ready: asyncio.Event, close_limit: timedelta) -> AsyncIterator[None]:
        """Until the block ends: the first heartbeat, then ``ready`` is set and the loops go on.

        Runs at work then have ``close_limit`` (real time) to end, and their outcomes are committed.
        """
        needs = self._needs
        writing = self._loop("outcomes", self.outcomes.run)
        loops: list[asyncio.Task[None]] = []
        try:
            with contextlib.suppress(Transient):
                await self._failover.beat()
            with contextlib.suppress(Transient):  # before any run begins that the owner wants stopped
                await owner_requests.do_all(needs.database, needs.store, needs.jobs, needs.clock)
            ready.set()
            loops.append(self._loop("schedule", self.scheduler.run))
            loops.append(self._loop("heartbeat", self._beat))
            loops.append(self._loop("watchdog", self.watchdog.run))
            loops.append(self._loop("polling", self.execution.adapt))
            yield
        finally:
            self.execution.ends()
            for loop in loops[:1]:
                loop.cancel()  # nothing more is asked for
            holding = await self.executor.close(close_limit)
            await _ended([*loops, writing])
            await self.outcomes.drain()
            with contextlib.suppress(Transient):
                await self._failover.leave(holding=holding)

    def _loop(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        name, needs = f"jobs.{name}", self._needs
        return asyncio.create_task(supervise(name, run, needs.clock, needs.events), name=name)

    async def _beat(self) -> None:
        outage = Outage("heartbeat")
        while True:
            try:
                taken = await self._failover.beat(self.executor.at_work)
                await self.executor.stop_lost()
                outage.is_over()
                if taken:
                    log.warning("job.taken_over", executors=list(taken))
            except Transient as exc:
                outage.goes_on(exc.what)
            await self._needs.clock.sleep_real(self._needs.settings.heartbeat)


async def _ended(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
