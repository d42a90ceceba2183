"""What runs jobs in one process: put together over an open engine, kept going, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from stonechat.config.settings import JobsSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream
from stonechat.core.supervision import supervise
from stonechat.database.connection.database import Database
from stonechat.jobs.execution.durable_runs import ClaimedRun, Execution
from stonechat.jobs.execution.executor import Executor
from stonechat.jobs.execution.failover import Failover, Heartbeat
from stonechat.jobs.execution.log_throttle import Outage
from stonechat.jobs.execution.outcome_writer import OutcomeWriter
from stonechat.jobs.job import POSTING, IsDown, Json, Resource
from stonechat.jobs.scheduling import owner_requests
from stonechat.jobs.scheduling.due_runs import DueRuns
from stonechat.jobs.scheduling.scheduler import Scheduler
from stonechat.jobs.scheduling.watchdog import Watchdog

log = structlog.get_logger()


def places(settings: JobsSettings) -> dict[str, int]:
    """How many runs of each queue one process does at once."""
    return {
        POSTING: settings.workers_browser,
        Resource.BROWSER.value: settings.workers_browser,
        Resource.MODEL.value: settings.workers_model,
        Resource.DATABASE.value: settings.workers_database,
    }


class Worker:
    """The scheduler, the executor, the heartbeat and the watchdog of this process.

    Args:
        accounts: the ids of the accounts served now; asked often.
        host: this machine's name among the hosts of one database; its own by default.
    """

    def __init__(
        self,
        execution: Execution,
        due_runs: DueRuns,
        *,
        settings: JobsSettings,
        database: Database,
        clock: Clock,
        events: EventStream,
        accounts: Callable[[], Sequence[str]],
        is_down: IsDown,
        host: str | None,
    ) -> None:
        self._execution = execution
        self._jobs = due_runs.jobs
        self._interval = settings.heartbeat
        self._database = database
        self._clock, self._events = clock, events
        self._ready = asyncio.Event()
        heartbeat = Heartbeat(execution.executor_id, clock, settings.takeover_after)
        self._outcomes = OutcomeWriter(database, clock)
        self.scheduler = Scheduler(
            due_runs=due_runs,
            execution=execution,
            database=database,
            heartbeat=heartbeat,
            clock=clock,
            events=events,
            accounts=accounts,
            is_down=is_down,
        )
        self._executor = Executor(
            jobs=self._jobs,
            database=database,
            outcomes=self._outcomes,
            heartbeat=heartbeat,
            clock=clock,
            events=events,
            is_down=is_down,
            wake=self.scheduler.wake,
            ended=self.scheduler.ended,
        )
        self.watchdog = Watchdog(
            due_runs=due_runs,
            scheduler=self.scheduler,
            database=database,
            store=execution.store,
            clock=clock,
            events=events,
        )
        self._failover = Failover(
            database=database,
            store=execution.store,
            outcomes=self._outcomes,
            heartbeat=heartbeat,
            clock=clock,
            events=events,
            settings=settings,
            host=host,
        )

    async def execute(self, run: ClaimedRun, value: Json) -> Json:
        """A run's body. The engine may have runs before everything here is ready; they wait for it."""
        await self._ready.wait()
        return await self._executor.execute(run, value)

    @asynccontextmanager
    async def at_work(self, close_limit: timedelta) -> AsyncIterator[None]:
        """Until the block ends: the first heartbeat, then runs may begin and the loops go on.

        Runs at work then have ``close_limit`` (real time) to end, and their outcomes are committed.
        """
        writing = self._loop("outcomes", self._outcomes.run)
        loops: list[asyncio.Task[None]] = []
        try:
            with contextlib.suppress(Transient):
                await self._failover.beat()
            with contextlib.suppress(Transient):  # before any run begins that the owner wants stopped
                store = self._execution.store
                await owner_requests.do_all(self._database, store, self._jobs, self._clock)
            self._ready.set()
            loops.append(self._loop("schedule", self.scheduler.run))
            loops.append(self._loop("heartbeat", self._beat))
            loops.append(self._loop("watchdog", self.watchdog.run))
            yield
        finally:
            self._execution.ends()
            for loop in loops[:1]:
                loop.cancel()  # nothing more is asked for
            holding = await self._executor.close(close_limit)
            await _ended([*loops, writing])
            with contextlib.suppress(Transient):
                await self._outcomes.commit()
            with contextlib.suppress(Transient):
                await self._failover.leave(holding=holding)

    def _loop(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        name = f"jobs.{name}"
        return asyncio.create_task(supervise(name, run, self._clock, self._events), name=name)

    async def _beat(self) -> None:
        outage = Outage("heartbeat")
        while True:
            try:
                taken = await self._failover.beat(self._executor.at_work)
                await self._executor.stop_lost()
                outage.is_over()
                if taken:
                    log.warning("job.taken_over", executors=list(taken))
            except Transient as exc:
                outage.goes_on(exc.what)
            await self._clock.sleep_real(self._interval)


async def _ended(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
