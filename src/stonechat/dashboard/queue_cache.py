"""The queue for every page that shows it: read once a change, not once a page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from stonechat.cache import SharedReads
from stonechat.core.clock import Clock
from stonechat.core.events import Stamped
from stonechat.core.ids import fresh_id
from stonechat.core.ports import Cache
from stonechat.dashboard.changes import TOPICS
from stonechat.posting.queue import QueueRow

QUEUE_AGE = timedelta(seconds=2)
"""Real time for which the queue is shown as it was read, where nothing told of a change: what other
processes do to it is seen after this."""

PATIENCE = timedelta(seconds=10)
"""Real time for which a page waits for the read of another."""

_CHANGED_BY = frozenset({"queue", "breakers"})


class FreshQueue:
    """Each row of the queue is judged by the gate, from a dozen queries for all of them.

    A change that is told (an event, an action on a page) is shown at once: it gives the queue another key.
    """

    def __init__(self, cache: Cache, clock: Clock, read: Callable[[], Awaitable[list[QueueRow]]]) -> None:
        self._read = read
        self._version = 0
        self._shared = SharedReads(
            cache,
            clock,
            f"dashboard/{fresh_id()}/queue",
            list[QueueRow],
            keep=QUEUE_AGE,
            patience=PATIENCE,
            look_again=timedelta(milliseconds=25),
        )

    async def __call__(self) -> list[QueueRow]:
        """The rows, of this version."""
        return await self._shared.get(str(self._version), self._read)

    def outdate(self) -> None:
        """Something was changed: what is being read now is old already."""
        self._version += 1

    def hear(self, stamped: Stamped) -> None:
        """Note the events that change what the queue shows."""
        if _CHANGED_BY.intersection(TOPICS.get(type(stamped.event), ())):
            self.outdate()
