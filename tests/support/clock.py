"""A clock that stands still until a test advances it."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta

from stonechat.core.clock import Clock


class ManualClock:
    """Account time and real time are the same here, and move only by :meth:`advance` or :meth:`jump`."""

    speed = 1.0

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    def wall(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, duration: timedelta) -> None:
        if duration <= timedelta():
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed + duration.total_seconds(), self._count, done))
        await done

    async def sleep_real(self, duration: timedelta) -> None:
        await self.sleep(duration)

    async def advance(self, **duration: float) -> None:
        """Move on by ``timedelta(**duration)``, waking every sleeper at its moment, in order."""
        end = self._elapsed + timedelta(**duration).total_seconds()
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, done = heapq.heappop(self._sleepers)
            self._move(at - self._elapsed)
            if not done.done():
                done.set_result(None)
            await self._settle()
        self._move(end - self._elapsed)
        await self._settle()

    def jump(self, by: timedelta) -> None:
        """Set the wall clock forwards or backwards without time passing."""
        self._now += by

    def _move(self, seconds: float) -> None:
        self._elapsed += seconds
        self._now += timedelta(seconds=seconds)

    async def _settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


class OtherClock:
    """Another machine's clock beside ``clock``: its wall clock differs, and its steady one has its own zero.

    Attributes:
        ahead: by how much its wall clock (and so its account time) is ahead.
        slept: real time that has passed here and not there, as while the other machine was asleep.
    """

    speed = 1.0

    def __init__(self, clock: Clock, ahead: timedelta = timedelta()) -> None:
        self._clock = clock
        self.ahead = ahead
        self.slept = timedelta()

    def now(self) -> datetime:
        return self._clock.now() + self.ahead + self.slept

    def wall(self) -> datetime:
        return self._clock.wall() + self.ahead + self.slept

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.slept.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        await self._clock.sleep(duration)

    async def sleep_real(self, duration: timedelta) -> None:
        await self._clock.sleep_real(duration)
