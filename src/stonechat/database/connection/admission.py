"""The line for places: what publishes is served first, and whoever else waits is never passed for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

PASSED = 3
"""So many in a row may go ahead of somebody who is not first; then the one who has waited longest goes."""


class AdmissionQueue:
    """So many places at once, handed from who leaves to who waits.

    Two queues, each in the order of asking. Those who are first are served before the others, but of four
    places that come free at least one goes to the others while any of them waits: nobody starves, however
    much is published. Whoever comes while somebody waits cannot slip in.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._first: deque[asyncio.Future[None]] = deque()
        self._rest: deque[asyncio.Future[None]] = deque()
        self._passed = 0

    async def enter(self, *, first: bool) -> None:
        """Take a place, at once where one is free; it is given back by :meth:`leave`."""
        if self._free:  # never while somebody waits: who leaves hands the place on
            self._free -= 1
            return
        queue = self._first if first else self._rest
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self.leave()  # called and cancelled at the same moment: the next one goes
            else:
                with contextlib.suppress(ValueError):
                    queue.remove(called)
            raise

    def leave(self) -> None:
        """The place is the next one's, or free."""
        called = self._next()
        if called is None:
            self._free += 1
        else:
            called.set_result(None)

    def _next(self) -> asyncio.Future[None] | None:
        while self._first or self._rest:
            ahead = bool(self._first) and (not self._rest or self._passed < PASSED)
            called = (self._first if ahead else self._rest).popleft()
            if not called.done():
                self._passed = self._passed + 1 if ahead and self._rest else 0
                return called
        return None
