"""What the job manager alone uses while nothing is due: ``python -m benchmarks.jobs.idle URL``."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import psutil

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.events import EventStream
from stonechat.database.connection.database import open_database
from stonechat.jobs import stored_declarations
from stonechat.jobs.service import open_jobs, runs_url_beside

SETTLE = 8.0
"""Seconds between the start and the first look: what is done once is not idling."""

MEGABYTE = 1_000_000


async def watch(pid: int, seconds: float) -> tuple[float, float]:
    """Per cent of a core, and the most megabytes (resident), of one process while it idles."""
    await asyncio.sleep(SETTLE)
    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.perf_counter()
    memory = []
    while time.perf_counter() - began < seconds:
        await asyncio.sleep(1)
        memory.append(process.memory_info().rss)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return 100 * used / (time.perf_counter() - began), max(memory) / MEGABYTE


async def measure(url: str, seconds: float) -> tuple[float, float]:
    """The same of a process that runs the job manager and nothing else, with all jobs of the product.

    Args:
        url: a database in which ``stonechat run`` has left its declarations, and the jobs are paused.

    Raises:
        Transient: the process did not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.jobs.idle", url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        if process.stdout is None or not await process.stdout.readline():
            raise Transient("The idle job manager did not start.")
        return await watch(process.pid, seconds)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def main(url: str) -> None:
    """Idle until told to stop.

    Raises:
        Permanent: there are no declarations.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = SystemClock()
    async with open_database(url, DatabaseSettings(), clock) as database:
        async with database.read("bench.idle") as connection:
            jobs = await stored_declarations.stored(connection)
        if not jobs:
            raise Permanent("No declarations are in this database.", remedy="Start stonechat run on it once.")
        async with open_jobs(
            JobsSettings(),
            database,
            clock,
            EventStream(clock),
            jobs=jobs,
            accounts=lambda: ("one",),
            is_down=lambda _: None,
            runs_url=runs_url_beside(url),
        ):
            sys.stdout.write(f"{len(jobs)} jobs\n")
            sys.stdout.flush()
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
