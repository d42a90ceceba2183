"""Watches a process and all that it starts: processor time and memory, from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

MEGABYTE = 1 << 20


@dataclass(slots=True)
class Usage:
    """What a tree of processes has used.

    Attributes:
        cpu_by_pid: seconds of processor time (user and system) of each process when last seen.
        peak_mb: greatest memory of the tree; shared pages are counted once where the system tells
            (proportional set size, Linux), else resident sizes are added up.
    """

    cpu_by_pid: dict[int, float] = field(default_factory=dict)
    peak_mb: float = 0.0

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the whole tree."""
        return sum(self.cpu_by_pid.values())


@asynccontextmanager
async def watched(
    pid: int, *, leave_out: Callable[[psutil.Process], bool] = lambda _: False, every: float = 0.5
) -> AsyncIterator[Usage]:
    """Look at the tree below ``pid`` every so often until the block ends.

    Args:
        leave_out: processes that do not count, with all below them.
        every: real seconds between two looks.
    """
    usage = Usage()

    async def look() -> None:
        while True:
            await asyncio.to_thread(_look, pid, leave_out, usage)
            await asyncio.sleep(every)

    task = asyncio.create_task(look(), name="watching")
    try:
        yield usage
    finally:
        task.cancel()
        await asyncio.wait({task})


def _look(pid: int, leave_out: Callable[[psutil.Process], bool], usage: Usage) -> None:
    memory = 0
    with suppress(psutil.NoSuchProcess):
        ahead = [psutil.Process(pid)]
        while ahead:
            process = ahead.pop()
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                if leave_out(process):
                    continue
                times = process.cpu_times()
                usage.cpu_by_pid[process.pid] = times.user + times.system
                full = process.memory_full_info()
                memory += getattr(full, "pss", 0) or full.rss
                ahead += process.children()
    usage.peak_mb = max(usage.peak_mb, memory / MEGABYTE)
