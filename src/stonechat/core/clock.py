"""Time is passed in: the account's own time, the real time, and sleeping in either.

Two kinds of time run side by side. *Account time* (:meth:`Clock.now`) is what schedules, due times
and rewards are counted in; the demo runs it faster. *Real time* (:meth:`Clock.wall`,
:meth:`Clock.monotonic`) is what time-outs, leases and heartbeats are counted in, because a browser
does not load faster on a faster clock.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
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


class DrivenClock(SystemClock):
    """Account time that stands in a file and goes on only when a driver moves it.

    Every process that maps the file reads the same time: Stonechat, which drives it (see
    ``stonechat.startup.pacing``), and the local network. The file holds one IEEE 754 double in the
    machine's byte order: account time in Unix seconds. Eight aligned bytes are read and written at once.

    Args:
        speed: account seconds for each real second while nothing holds the clock up; greater than 0.
        path: the file, made by :meth:`create`.

    Raises:
        OSError: there is no such file, or it may not be written.
        ValueError: it does not hold a time.
    """

    def __init__(self, speed: float, path: Path) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be greater than 0, not {speed}")
        self.speed = speed
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _DOUBLE.size)

    @staticmethod
    def create(path: Path, start: datetime) -> None:
        """Make the file of a clock that stands at ``start``."""
        path.write_bytes(_DOUBLE.pack(start.timestamp()))

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds(), UTC)

    def advance(self, duration: timedelta) -> None:
        """Move on by ``duration`` of account time. One process alone does this."""
        _DOUBLE.pack_into(self._shared, 0, self._seconds() + duration.total_seconds())

    async def sleep(self, duration: timedelta) -> None:
        until = self.now() + duration
        while (left := (until - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - another process may drive
            await asyncio.sleep(max(left / self.speed, _GLANCE))

    def _seconds(self) -> float:
        seconds: float = _DOUBLE.unpack_from(self._shared)[0]
        return seconds


_DOUBLE = struct.Struct("=d")
_GLANCE = 0.01
"""Real seconds after which a sleeper looks again at a clock that stands still."""
