"""The job manager beside bare DBOS, in one run, on the same PostgreSQL."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psutil

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.database.engine import open_database
from stonechat.jobs.declaration import Job, JobContext, Work
from stonechat.jobs.engine import bare
from stonechat.jobs.runner import Runner, engine_url_beside, open_jobs

HOUR = timedelta(hours=1)
PAUSE = timedelta(milliseconds=60)
POLL = timedelta(milliseconds=100)
"""Bare DBOS looks into its queue this often; its default of one second would make it look worse."""


async def bench_jobs(
    database_url: str, *, runs: int = 300, singles: int = 40, repetitions: int = 3, idle: float = 15.0
) -> list[dict[str, Any]]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``; medians over the repetitions.

    Args:
        database_url: an empty PostgreSQL or SQLite database.
        runs: how many runs of one step are asked for at once.
        singles: how many are asked for one by one on the idle system.
        idle: seconds over which the idle job manager is watched.
    """
    ours, peers = [], []
    for _ in range(repetitions):
        peer = await bare.measure(
            engine_url_beside(database_url), runs=runs, singles=singles, poll=POLL, pause=PAUSE
        )
        peers.append(peer)
        ours.append(await _measure(database_url, runs=runs, singles=singles))
    cpu, memory = await _idle(database_url, idle)
    mine, other = [timings.rate for timings in ours], [timings.rate for timings in peers]
    rows = [_row("runs a second", statistics.median(mine), statistics.median(other), 0.8, more=True)]
    for name, share in (("p50", 50), ("p99", 99)):
        left = statistics.median(_percentile(timings.delays, share) for timings in ours)
        right = statistics.median(_percentile(timings.delays, share) for timings in peers)
        rows.append(_row(f"ask to start {name}, ms", left * 1000, right * 1000, 1.2, more=False))
    rows.append(_alone("idle, % of a core", cpu, 3.0))
    rows.append(_alone("idle memory (RSS), MB", memory, 160.0))
    return rows


async def _measure(url: str, *, runs: int, singles: int) -> bare.Timings:
    begun: dict[str, float] = {}
    ended = asyncio.Semaphore(0)

    async def one() -> int:
        return 1

    async def body(ctx: JobContext) -> Work:
        begun[ctx.run_id] = time.perf_counter()
        return Work(done=await ctx.step("work", one))

    clock = SystemClock()
    events = EventStream(clock)
    events.subscribe(lambda stamped: ended.release() if stamped.event.name == "job.ended" else None)
    accounts = [f"account-{number}" for number in range(runs)]
    settings = JobsSettings(workers_database=bare.WORKERS)
    job = Job("bench.run", body, every=1000 * HOUR)
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        open_jobs(
            settings,
            database,
            clock,
            events,
            jobs=[job],
            accounts=lambda: accounts,
            is_down=lambda _: None,
            engine_url=engine_url_beside(url),
        ) as runner,
    ):
        timings = bare.Timings()
        asked = time.perf_counter()
        for account in accounts:
            await runner.trigger("bench.run", account, by="bench")
        await _times(ended, runs)
        timings.rate = runs / (time.perf_counter() - asked)
        for number in range(singles):
            timings.delays.append(await _single(runner, accounts[number], begun, ended))
        return timings


async def _single(runner: Runner, account: str, begun: dict[str, float], ended: asyncio.Semaphore) -> float:
    await asyncio.sleep(PAUSE.total_seconds())
    asked = time.perf_counter()
    run_id = await runner.trigger("bench.run", account, by="bench")
    await ended.acquire()
    return begun[run_id] - asked


async def _times(semaphore: asyncio.Semaphore, count: int) -> None:
    for _ in range(count):
        await semaphore.acquire()


async def _idle(url: str, seconds: float) -> tuple[float, float]:
    """Per cent of a core and megabytes of this process with fourteen jobs that are not due."""

    async def body(_: JobContext) -> Work:
        return Work()

    clock = SystemClock()
    jobs = [Job(f"bench.idle{number}", body, every=1000 * HOUR) for number in range(14)]
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        open_jobs(
            JobsSettings(),
            database,
            clock,
            EventStream(clock),
            jobs=jobs,
            accounts=lambda: ("one",),
            is_down=lambda _: None,
            engine_url=engine_url_beside(url),
        ),
    ):
        await asyncio.sleep(3)
        process = psutil.Process()
        before, began = process.cpu_times(), time.perf_counter()
        await asyncio.sleep(seconds)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return 100 * used / (time.perf_counter() - began), process.memory_info().rss / 1e6


def _percentile(values: Sequence[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


def _row(measure: str, ours: float, peer: float, goal: float, *, more: bool) -> dict[str, Any]:
    ratio = ours / peer
    return {
        "measure": measure,
        "ours": round(ours, 1),
        "peer": round(peer, 1),
        "ratio": round(ratio, 2),
        "goal": f"{'>=' if more else '<='} {goal} of bare DBOS",
        "met": ratio >= goal if more else ratio <= goal,
    }


def _alone(measure: str, ours: float, goal: float) -> dict[str, Any]:
    row = {"measure": measure, "ours": round(ours, 1), "peer": None, "ratio": None}
    return {**row, "goal": f"<= {goal:g}", "met": ours <= goal}
