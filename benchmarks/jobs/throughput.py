"""Our own job manager, measured as its rivals are: full, then one run after the other."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from benchmarks.jobs import bare_dbos
from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.core.events import EventStream
from stonechat.database.connection.database import open_database
from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.service import JobService, open_jobs, runs_url_beside

HOUR = timedelta(hours=1)


async def measure(url: str, *, runs: int, singles: int, pause: timedelta) -> bare_dbos.Timings:
    """One job with one step: ``runs`` accounts at once, then ``singles`` runs one by one."""
    begun: dict[str, float] = {}
    ended = asyncio.Semaphore(0)

    async def one() -> int:
        return 1

    async def body(ctx: JobContext) -> Work:
        begun[ctx.account_id or ""] = time.perf_counter()
        return Work(done=await ctx.step("work", one))

    clock = SystemClock()
    events = EventStream(clock)
    events.subscribe(lambda stamped: ended.release() if stamped.event.name == "job.ended" else None)
    accounts = [f"account-{number}" for number in range(runs)]
    settings = JobsSettings(workers_database=bare_dbos.WORKERS)
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        open_jobs(
            settings,
            database,
            clock,
            events,
            jobs=[Job("bench.run", body, every=1000 * HOUR)],
            accounts=lambda: accounts,
            is_down=lambda _: None,
            runs_url=runs_url_beside(url),
        ) as runner,
    ):
        timings = bare_dbos.Timings()
        asked = time.perf_counter()
        for account in accounts:
            runner.wake("bench.run", clock.now(), account)
        for _ in range(runs):
            await ended.acquire()
        await bare_dbos.all_ended(runs_url_beside(url))
        timings.rate = runs / (time.perf_counter() - asked)
        for number in range(singles):
            await asyncio.sleep(pause.total_seconds())
            timings.delays.append(await _single(runner, clock, accounts[number % runs], begun, ended))
        return timings


async def _single(
    runner: JobService, clock: Clock, account: str, begun: dict[str, float], ended: asyncio.Semaphore
) -> float:
    asked = time.perf_counter()
    runner.wake("bench.run", clock.now(), account)
    await ended.acquire()
    return begun[account] - asked
