"""The queue for every page that shows it: read once a change, not once a page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stonechat.core.clock import Clock
from stonechat.core.events import Stamped
from stonechat.dashboard.changes import TOPICS
from stonechat.posting.queue import QueueRow

QUEUE_AGE = 2.0
"""Real seconds for which the queue is shown as it was read, where nothing told of a change: what other
processes do to it is seen after this."""

_CHANGED_BY = frozenset({"queue", "breakers"})


class FreshQueue:
    """Pages that ask at the same time share one read, for :data:`QUEUE_AGE` or until a change is told.

    Each row of the queue is judged by the gate, from a dozen queries for all of them.
    """

    def __init__(self, clock: Clock, read: Callable[[], Awaitable[list[QueueRow]]]) -> None:
        self._clock = clock
        self._read = read
        self._reading: asyncio.Future[list[QueueRow]] | None = None
        self._read_at = 0.0

    async def __call__(self) -> list[QueueRow]:
        """The rows, no older than the last change that was told."""
        now = self._clock.monotonic()
        if self._reading is None or now - self._read_at >= QUEUE_AGE or _has_failed(self._reading):
            self._reading, self._read_at = asyncio.ensure_future(self._read()), now
        return await asyncio.shield(self._reading)  # a page that is closed does not end the others' read

    def outdate(self) -> None:
        """Something was changed: what is being read now is old already."""
        self._reading = None

    def hear(self, stamped: Stamped) -> None:
        """Note the events that change what the queue shows."""
        if _CHANGED_BY.intersection(TOPICS[type(stamped.event)]):
            self.outdate()


def _has_failed(reading: asyncio.Future[list[QueueRow]]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)
