"""Loops that must not end: one that does, by whatever error, is started again, and that is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from stonechat.core.clock import Clock
from stonechat.core.events import EventStream, LoopFailed

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)
HEALTHY_AFTER = timedelta(minutes=1)
"""A loop that ran for so long begins with the first pause again (real time)."""


async def supervise(
    name: str,
    loop: Callable[[], Awaitable[None]],
    clock: Clock,
    events: EventStream,
    *,
    may_end: bool = False,
) -> None:
    """Run ``loop`` until cancelled; after any error again, with growing pauses.

    Args:
        may_end: it is over once it ends without an error.
    """
    pause = FIRST_PAUSE
    while True:
        began = clock.monotonic()
        try:
            await loop()
            if may_end:
                return
            why = "it ended by itself"
        except Exception as exc:  # whatever it is, the part must go on; it is told
            why = f"{type(exc).__name__}: {exc}"
        if clock.monotonic() - began >= HEALTHY_AFTER.total_seconds():
            pause = FIRST_PAUSE
        events.emit(LoopFailed(loop=name, why=why[:500]))
        await clock.sleep_real(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


@asynccontextmanager
async def running_loops(
    loops: Mapping[str, Callable[[], Awaitable[None]]], clock: Clock, events: EventStream
) -> AsyncIterator[None]:
    """Each loop supervised, in a task of its name, until the block ends."""
    tasks = [
        asyncio.create_task(supervise(name, loop, clock, events), name=name) for name, loop in loops.items()
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
