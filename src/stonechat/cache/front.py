"""What the layers use: Redis while it answers, the cache in this process while it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from stonechat.cache.memory import InProcessCache
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import CacheSwitched, EventStream
from stonechat.core.ports import Cache, Lease

T = TypeVar("T")

FAILURES = 3
"""Failed calls in a row after which Redis is left alone until a ping succeeds."""

FIRST_PING, LONGEST_PING = timedelta(milliseconds=500), timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class CacheHealth:
    """How the cache stands.

    Attributes:
        serving: ``redis`` or ``in-process``.
        degraded: Redis is configured and does not serve.
        since: real time of the last switch, or of the start.
        calls, failures: since the start.
    """

    serving: str
    degraded: bool
    since: datetime
    cause: str
    calls: int
    failures: int


class FrontCache:
    """A :class:`Cache` that never fails: a failed call is answered by the spare.

    After :data:`FAILURES` failures in a row only the spare is asked, and pings in the background,
    500 ms to 10 s apart, find out when the main one is back. Without a main one the spare serves alone.
    """

    def __init__(self, main: Cache | None, spare: InProcessCache, clock: Clock, events: EventStream) -> None:
        self._main = main
        self._spare = spare
        self._clock = clock
        self._events = events
        self._away = False
        self._row = 0
        self._cause = ""
        self._since = clock.wall()
        self._calls = 0
        self._failures = 0
        self._pinger: asyncio.Task[None] | None = None

    def health(self) -> CacheHealth:
        """Who serves now, since when, and why."""
        serving = "redis" if self._main is not None and not self._away else "in-process"
        return CacheHealth(serving, self._away, self._since, self._cause, self._calls, self._failures)

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""
        return await self._ask(lambda cache: cache.get(key))

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""
        await self._ask(lambda cache: cache.put(key, value, ttl))

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        """Keep ``value`` only where the key is absent; say whether it was kept."""
        return await self._ask(lambda cache: cache.add(key, value, ttl))

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""
        return await self._ask(lambda cache: cache.count(key, ttl))

    async def forget(self, key: str) -> None:
        """Remove the key, if it is there."""
        await self._ask(lambda cache: cache.forget(key))

    async def lease(self, name: str, ttl: timedelta) -> Lease | None:
        """Take the lease, or None where somebody else holds it."""
        return await self._ask(lambda cache: cache.lease(name, ttl))

    async def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours; whoever granted it."""
        await self._ask(lambda cache: cache.release(lease))
        if self._main is not None and not self._away:
            await self._spare.release(lease)

    async def ping(self) -> None:
        """Raise ``Transient`` where Redis is configured and cannot be reached."""
        if self._main is not None:
            await self._main.ping()

    async def start(self) -> None:
        """Ask the main one once, so that the first caller need not find out."""
        if self._main is None:
            return
        try:
            await self._main.ping()
        except Transient as exc:
            self._leave(exc.what)

    async def aclose(self) -> None:
        """End the pings."""
        if self._pinger is not None:
            self._pinger.cancel()
            await asyncio.gather(self._pinger, return_exceptions=True)

    async def _ask(self, call: Callable[[Cache], Awaitable[T]]) -> T:
        self._calls += 1
        if self._main is None or self._away:
            return await call(self._spare)
        try:
            answer = await call(self._main)
        except Transient as exc:
            self._failures += 1
            self._row += 1
            if self._row >= FAILURES:
                self._leave(exc.what)
            return await call(self._spare)
        self._row = 0
        return answer

    def _leave(self, why: str) -> None:
        if self._away:
            return
        self._switch(away=True, why=why)
        self._pinger = asyncio.create_task(self._await_return(), name="cache.await_return")

    def _switch(self, *, away: bool, why: str) -> None:
        self._away, self._cause, self._row = away, why if away else "", 0
        self._since = self._clock.wall()
        self._events.emit(CacheSwitched(to="in-process" if away else "redis", why=why))

    async def _await_return(self) -> None:
        assert self._main is not None  # noqa: S101 - started by _leave only
        wait = FIRST_PING
        while True:
            await self._clock.sleep_real(wait)
            try:
                await self._main.ping()
            except Transient as exc:
                self._cause = exc.what
                wait = min(wait * 2, LONGEST_PING)
            else:
                self._spare.clear()  # what it holds will be out of date at the next outage
                self._switch(away=False, why="Redis answers again")
                return
