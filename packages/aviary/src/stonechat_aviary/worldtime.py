"""World time: real time run at a given speed, and X's ids, which carry their time."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
"""Unix milliseconds at which X's ids start counting (Snowflake: 41 bits of time, 22 of sequence)."""


class WorldClock:
    """``now = epoch + (real time - origin) * speed + what was advanced by hand``.

    Args:
        speed: world seconds for each real second.
        epoch: world time (Unix seconds) at ``origin``.
        origin: real time (Unix seconds) at which world time is ``epoch``.
        real: source of real Unix seconds; tests pass their own.
    """

    def __init__(
        self, speed: float, epoch: float, origin: float, real: Callable[[], float] = time.time
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be greater than 0, not {speed}")
        self.speed = speed
        self.epoch = epoch
        self.origin = origin
        self._real = real
        self._advanced = 0.0

    def now(self) -> float:
        """World time in Unix seconds."""
        return self.epoch + (self._real() - self.origin) * self.speed + self._advanced

    def real(self) -> float:
        """Real time in Unix seconds."""
        return self._real()

    def advance(self, seconds: float) -> None:
        """Move world time on by ``seconds`` at once (a lever for tests)."""
        self._advanced += seconds


class FollowedClock(WorldClock):
    """World time that stands in a file, which another process drives; :meth:`advance` moves ours besides.

    Args:
        speed: world seconds for each real second while the driver lets time run.
        file: holds one double in the machine's byte order, the time in Unix seconds; it must exist.
    """

    def __init__(self, speed: float, file: Path) -> None:
        with file.open("rb") as opened:
            self._shared = mmap.mmap(opened.fileno(), _DOUBLE.size, access=mmap.ACCESS_READ)
        super().__init__(speed, self._driven(), time.time())

    def now(self) -> float:
        """World time in Unix seconds."""
        return self._driven() + self._advanced

    def _driven(self) -> float:
        seconds: float = _DOUBLE.unpack_from(self._shared)[0]
        return seconds


_DOUBLE = struct.Struct("=d")


def snowflake(at: float, sequence: int) -> str:
    """An id for something that happened at world time ``at``; greater ids are later."""
    return str((max(0, int(at * 1000) - SNOWFLAKE_EPOCH_MS) << 22) | (sequence & 0x3FFFFF))


def iso(at: float) -> str:
    """World time as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def x_date(at: float) -> str:
    """World time as X's wire writes it: ``Mon Jan 05 08:00:00 +0000 2026``."""
    return datetime.fromtimestamp(at, UTC).strftime("%a %b %d %H:%M:%S +0000 %Y")
