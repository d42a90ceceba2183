"""The bounded pool of Redis connections, which knows who holds each one and takes leaked ones back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection

from stonechat.cache.connections import Connections
from stonechat.core.clock import Clock


class WatchedPool(BlockingConnectionPool):
    """Knows who holds a connection since when, and takes back what is held for too long.

    Giving back cannot be cancelled half-way: a call that is cancelled twice would otherwise leave its
    connection marked as in use for ever.
    """

    def watch(self, clock: Clock, longest: timedelta) -> None:
        """Begin: whoever holds a connection for ``longest`` (real time) has lost it."""
        self._clock = clock
        self._longest = longest
        self._holders: dict[AbstractConnection, tuple[str, float]] = {}
        self._lost: WeakSet[AbstractConnection] = WeakSet()
        self._giving: set[asyncio.Task[None]] = set()
        self._taken_back = 0
        self._last_leak = ""
        self._last_leak_at: float | None = None

    def connections(self) -> Connections:
        """Numbers for gauges; asks nobody."""
        return Connections(
            self.max_connections, len(self._holders), self._taken_back, self._last_leak, self._last_leak_at
        )

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """A connection, waited for; noted under the name of the task that asked."""
        await self._take_back()
        connection = await super().get_connection()  # type: ignore[no-untyped-call]
        task = asyncio.current_task()
        self._holders[connection] = (task.get_name() if task else "nobody", self._clock.monotonic())
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Give back, whatever happens to the caller meanwhile."""
        if connection in self._lost:  # its place has been given to somebody else
            self._lost.discard(connection)
            return
        # A task of its own, shielded: a second cancellation of the caller must not stop it half-way.
        giving = asyncio.create_task(self._give(connection), name="cache.release")
        self._giving.add(giving)
        giving.add_done_callback(self._giving.discard)
        await asyncio.shield(giving)

    async def _give(self, connection: AbstractConnection) -> None:
        await super().release(connection)
        self._holders.pop(connection, None)

    async def _take_back(self) -> None:
        """What was handed out longer ago than any call may last was leaked: cut it, and free its place.

        Whoever has it may still return it, so the connection itself is never handed out again.
        """
        now = self._clock.monotonic()
        for connection, (who, since) in list(self._holders.items()):
            if now - since < self._longest.total_seconds():
                break  # the oldest come first
            del self._holders[connection]
            self._lost.add(connection)
            # The holder may still send on this connection, so it leaves the pool instead of being reused.
            self._in_use_connections.discard(connection)
            self._taken_back += 1
            self._last_leak = f"{who} for {now - since:.0f} s"
            self._last_leak_at = now
            await connection.disconnect(nowait=True)
            async with self._condition:
                self._condition.notify()
