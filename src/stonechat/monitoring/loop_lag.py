"""How late the event loop comes to what it planned: what a process feels that is starved or blocked."""

from __future__ import annotations

import statistics
from collections import deque
from datetime import timedelta

from stonechat.core.clock import Clock

EVERY = timedelta(seconds=1)
KEPT = 60
"""Looks that are remembered: about a minute of real time."""


class LoopLag:
    """Sleeps a second again and again, and remembers by how much longer it took."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lags: deque[float] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began = self._clock.monotonic()
            await self._clock.sleep_real(EVERY)
            self.note(self._clock.monotonic() - began - EVERY.total_seconds())

    def note(self, seconds: float) -> None:
        """One look came so late."""
        self._lags.append(max(seconds, 0.0))

    @property
    def median(self) -> float:
        """Seconds of real time, over the last minute; 0 before the first look."""
        return statistics.median(self._lags) if self._lags else 0.0

    @property
    def full(self) -> bool:
        """Whether there was a whole minute to look at."""
        return len(self._lags) == KEPT
