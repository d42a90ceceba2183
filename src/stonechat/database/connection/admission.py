"""The admission queue of the connection pool: publishing is served first, and nobody starves."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

PASSED = 3
"""At most so many urgent waiters in a row are served while an ordinary one waits."""


class AdmissionQueue:
    """Admits a fixed number of holders at once; a permit goes from who leaves straight to who waits.

    Two FIFO queues: urgent and ordinary. Urgent waiters are served first, but of every four permits that
    come free at least one goes to an ordinary waiter, so that nobody starves however much is published.
    A newcomer never overtakes a waiter of its own queue.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._first: deque[asyncio.Future[None]] = deque()
        self._rest: deque[asyncio.Future[None]] = deque()
        self._passed = 0

    async def enter(self, *, first: bool) -> None:
        """Wait for a permit, at once where one is free; :meth:`leave` gives it back."""
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
        """Hand the permit to the next waiter, or free it."""
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
