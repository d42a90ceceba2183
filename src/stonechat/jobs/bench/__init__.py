"""The job manager beside bare DBOS and procrastinate, in one run, on the same PostgreSQL."""

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
from stonechat.jobs.bench import rivals, throughput
from stonechat.jobs.declaration import Job, JobContext, Work
from stonechat.jobs.engine import bare
from stonechat.jobs.engine.bare import Timings
from stonechat.jobs.runner import engine_url_beside, open_jobs

PAUSE = timedelta(milliseconds=60)
"""Between two runs that are asked for one by one, so that each finds everybody idle."""

Row = dict[str, Any]


async def bench_jobs(
    database_url: str, *, runs: int = 300, singles: int = 40, repetitions: int = 3, idle: float = 20.0
) -> list[Row]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``; medians over the repetitions.

    Args:
        database_url: an empty PostgreSQL database; on SQLite procrastinate is left out.
        runs: how many runs of one step are asked for at once.
        singles: how many are asked for one by one on the idle system.
        idle: seconds over which the idle job manager is watched.
    """
    told: dict[str, Any] = {"runs": runs, "singles": singles, "pause": PAUSE}
    beside = engine_url_beside(database_url)
    with_tasks = database_url.startswith("postgresql") and rivals.installed()
    ours, dbos, tasks = [], [], []
    for _ in range(repetitions):
        dbos.append(await bare.measure(beside, **told))
        ours.append(await throughput.measure(database_url, **told))
        if with_tasks:
            tasks.append(await rivals.measure(database_url, **told))
    rows = _rows("bare DBOS", ours, dbos, bound=True)
    rows += _rows("procrastinate", ours, tasks) if tasks else [{"measure": rivals.MISSING}]
    cpu, memory = await _idle(database_url, idle)
    rows.append(_alone("idle, % of a core", cpu, 3.0))
    rows.append(_alone("idle memory (RSS), MB", memory, 160.0))
    return rows


def _rows(name: str, ours: list[Timings], theirs: list[Timings], *, bound: bool = False) -> list[Row]:
    """Our figures beside a rival's; ``bound``: the goal is to stay within 20 % of it."""
    rate = _median(timings.rate for timings in ours), _median(timings.rate for timings in theirs)
    rows = [_row(f"runs a second, peer {name}", *rate, least=0.8 if bound else None)]
    for share in (50, 99):
        left = _median(_percentile(timings.delays, share) * 1000 for timings in ours)
        right = _median(_percentile(timings.delays, share) * 1000 for timings in theirs)
        measure = f"ask to start p{share}, ms, peer {name}"
        rows.append(_row(measure, left, right, most=1.2 if bound else None))
    return rows


async def _idle(url: str, seconds: float) -> tuple[float, float]:
    """Per cent of a core and megabytes of this process with fourteen jobs that are not due."""

    async def body(_: JobContext) -> Work:
        return Work()

    clock = SystemClock()
    jobs = [Job(f"bench.idle{number}", body, every=timedelta(hours=1000)) for number in range(14)]
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


def _median(values: Any) -> float:
    return float(statistics.median(values))


def _percentile(values: Sequence[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


def _row(
    measure: str, ours: float, peer: float, *, least: float | None = None, most: float | None = None
) -> Row:
    ratio = ours / peer
    goal = f">= {least} of it" if least is not None else f"<= {most} of it" if most is not None else None
    return {
        "measure": measure,
        "ours": round(ours, 1),
        "peer": round(peer, 1),
        "ratio": round(ratio, 2),
        "goal": goal,
        "met": None if goal is None else ratio >= least if least is not None else ratio <= (most or 0),
    }


def _alone(measure: str, ours: float, goal: float) -> Row:
    row = {"measure": measure, "ours": round(ours, 1), "peer": None, "ratio": None}
    return {**row, "goal": f"<= {goal:g}", "met": ours <= goal}
