"""Drives the demo's clock: account time waits for work that lags, so that a busy machine misses nothing.

A fast clock that simply ran would pass hours of account time while a busy machine opens one page, and slots
would stay empty that a live account fills. Here account time goes on in small steps while Stonechat keeps up.
It stands still while Stonechat boots, while a run that plans, writes or publishes is late or takes long, and
whenever this process gets no processor. Reading metrics and finding posts to answer may lag, as in live mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from stonechat.core.clock import Clock, DrivenClock
from stonechat.core.events import EventStream, RunEnded, RunStarted, Stamped
from stonechat.core.supervision import supervise

STEP = 0.02
"""Real seconds between two steps of the clock."""
LONGEST_STEP = 0.1
"""However late the driver comes, the clock moves on by so many real seconds at most."""
PATIENCE = 2.0
"""Real seconds that a run may take, from its tick on, before the clock waits for it."""
WAITED_FOR = ("content.", "posting.")
"""How the names of the jobs begin whose runs the clock waits for."""
LONGEST_WAIT = 60.0
"""Real seconds after which a run is not waited for any longer: it hangs, or its end was not told."""


class RunsAtWork:
    """The runs at work in this process that the clock waits for, from its events."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def hear(self, stamped: Stamped) -> None:
        """Listens to the stream of events."""
        match stamped.event:
            case RunStarted(job=job, run_id=run_id, late=late) if job.startswith(WAITED_FOR):
                waited = min(PATIENCE, late.total_seconds() / self._clock.speed)
                self._due[run_id] = self._clock.monotonic() - waited
            case RunEnded(run_id=run_id):
                self._due.pop(run_id, None)

    def lag(self) -> bool:
        """Whether one of them takes longer than it should."""
        now = self._clock.monotonic()
        return any(PATIENCE < now - due < LONGEST_WAIT for due in self._due.values())


@asynccontextmanager
async def driven(clock: DrivenClock, events: EventStream) -> AsyncIterator[None]:
    """Let account time go on until the block ends."""
    runs = RunsAtWork(clock)
    unsubscribe = events.subscribe(runs.hear)
    drive = partial(_drive, clock, runs.lag)
    task = asyncio.create_task(supervise("startup.pacing", drive, clock, events), name="startup.pacing")
    try:
        yield
    finally:
        unsubscribe()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _drive(clock: DrivenClock, lags: Callable[[], bool]) -> None:
    last = clock.monotonic()
    while True:
        await clock.sleep_real(timedelta(seconds=STEP))
        now = clock.monotonic()
        if not lags():
            clock.advance(timedelta(seconds=min(now - last, LONGEST_STEP)) * clock.speed)
        last = now
