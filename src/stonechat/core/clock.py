"""Time is passed in: the account's own time, the real time, and sleeping in either.

Two kinds of time run side by side. *Account time* (:meth:`Clock.now`) is what schedules, due times
and rewards are counted in; the demo runs it faster. *Real time* (:meth:`Clock.wall`,
:meth:`Clock.monotonic`) is what time-outs, leases and heartbeats are counted in, because a browser
does not load faster on a faster clock.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of time. All datetimes are timezone-aware UTC."""

    @property
    def speed(self) -> float:
        """Account seconds that pass in one real second; 1.0 in live mode."""

    def now(self) -> datetime:
        """Account time: what schedules, due times and rewards are counted in."""

    def wall(self) -> datetime:
        """Real time, for leases and heartbeats shared between hosts."""

    def monotonic(self) -> float:
        """Real seconds that never go backwards, for time-outs and durations."""

    async def sleep(self, duration: timedelta) -> None:
        """Sleep for ``duration`` of *account* time."""

    async def sleep_real(self, duration: timedelta) -> None:
        """Sleep for ``duration`` of *real* time."""


class SystemClock:
    """The machine's clock: account time is real time."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))

    async def sleep_real(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))


class ScaledClock(SystemClock):
    """Account time that runs ``speed`` times as fast as real time.

    ``now = epoch + (real time - origin) · speed``: two processes that agree on ``epoch``, ``origin``
    and ``speed`` read the same account time, which is how the demo and the local network stay in step.

    Args:
        speed: account seconds for each real second; greater than 0.
        epoch: the account time at ``origin`` (aware, UTC).
        origin: real time (Unix seconds) at which account time is ``epoch``.
    """

    def __init__(self, speed: float, epoch: datetime, origin: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be greater than 0, not {speed}")
        self.speed = speed
        self.epoch = epoch
        self.origin = origin

    def now(self) -> datetime:
        return self.epoch + timedelta(seconds=(time.time() - self.origin) * self.speed)

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds() / self.speed))
