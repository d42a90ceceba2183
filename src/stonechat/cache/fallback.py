"""The cache that layers use: Redis while it answers, the cache inside this process while it does not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import Counter

from stonechat.cache.connections import Connections
from stonechat.cache.failures import kind_of
from stonechat.cache.memory import InProcessCache
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import CacheSwitched, EventStream
from stonechat.core.ports import Cache, CacheLease
from stonechat.core.supervision import supervise

if TYPE_CHECKING:
    from stonechat.cache.redis_cache import RedisCache

T = TypeVar("T")

FAILURES = 3
"""Failed calls in a row after which Redis is left alone until it has proved itself."""

WINDOW, MOST_TROUBLED = 20, 10
"""Redis is left alone as well where so many of the last calls failed or were slow."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(milliseconds=500), timedelta(seconds=10)
"""Between two tries to come back (real time); they double."""

STEADY = timedelta(minutes=1)
"""Back for less than this (real time), the pauses go on from where they were: no flapping."""

LEAK_TOLD = timedelta(minutes=5)
"""How long (real time) a leaked connection is told after it was taken back."""


@dataclass(frozen=True, slots=True)
class CacheHealth:
    """How the cache stands.

    Attributes:
        serving: ``redis`` or ``in-process``.
        degraded: Redis is configured and does not serve.
        cause, remedy: why Redis does not serve, and what the owner can do.
        leak: who lost a connection lately; empty where nobody did.
        calls, failures, hits, misses: since the start; hits and misses count reads.
    """

    serving: str
    degraded: bool
    cause: str = ""
    remedy: str = ""
    leak: str = ""
    calls: int = 0
    failures: int = 0
    hits: int = 0
    misses: int = 0
    connections: Connections = field(default_factory=Connections)


class FallbackCache:
    """A :class:`Cache` that never fails: a failed call is answered by the in-process cache (the *spare*).

    After :data:`FAILURES` failures in a row, or too many failed and slow calls in all, only the spare is
    asked, and trial writes in the background find out when Redis serves again. Without Redis the spare
    serves alone.

    Args:
        slow: a call that takes longer (real time) counts as trouble.
    """

    def __init__(
        self,
        main: RedisCache | None,
        spare: InProcessCache,
        clock: Clock,
        events: EventStream,
        *,
        slow: timedelta = timedelta(milliseconds=250),
    ) -> None:
        self._main = main
        self._spare = spare
        self._clock = clock
        self._events = events
        self._slow = slow.total_seconds()
        self._away = False
        self._row = 0
        self._troubled: deque[bool] = deque(maxlen=WINDOW)
        self._cause = self._remedy = ""
        self._switched = clock.monotonic()
        self._pause = FIRST_PAUSE
        self._calls = self._failures = self._hits = self._misses = 0
        self.failed_calls = Counter(
            "stonechat_cache_failures",
            "Calls to Redis that failed: no connection, too slow, or refused by the server.",
            ("kind",),
            registry=None,
        )
        self._returning: asyncio.Task[None] | None = None

    def health(self) -> CacheHealth:
        """Who serves now, since when, and why."""
        connections = self._main.connections() if self._main is not None else Connections()
        at = connections.last_leak_at
        recent = at is not None and self._clock.monotonic() - at < LEAK_TOLD.total_seconds()
        return CacheHealth(
            serving="redis" if self._main is not None and not self._away else "in-process",
            degraded=self._away,
            cause=self._cause,
            remedy=self._remedy,
            leak=connections.last_leak if recent else "",
            calls=self._calls,
            failures=self._failures,
            hits=self._hits,
            misses=self._misses,
            connections=connections,
        )

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""
        found = await self._ask(lambda cache: cache.get(key))
        if found is None:
            self._misses += 1
        else:
            self._hits += 1
        return found

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""
        await self._ask(lambda cache: cache.put(key, value, ttl))

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""
        return await self._ask(lambda cache: cache.count(key, ttl))

    async def lease(self, name: str, ttl: timedelta) -> CacheLease | None:
        """Take the lease; while Redis is away it excludes the tasks of this process only."""
        return await self._ask(lambda cache: cache.lease(name, ttl))

    async def release(self, lease: CacheLease) -> None:
        """Give the lease back, if it is still ours; unanswered, it ends by its time to live."""
        await self._ask(lambda cache: cache.release(lease))

    async def start(self) -> None:
        """Ask Redis once at start, so that the first caller does not pay for finding out."""
        if self._main is None:
            return
        try:
            await self._main.prove()
        except Transient as exc:
            self._leave(exc.what, exc.remedy)

    async def aclose(self) -> None:
        """Stop the background attempts to return to Redis."""
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.gather(self._returning, return_exceptions=True)

    async def _ask(self, call: Callable[[Cache], Awaitable[T]]) -> T:
        answer: list[T] = []

        async def noted(cache: Cache) -> bool:
            answer.append(await call(cache))
            return True

        if not await self._ask_main(noted):
            return await call(self._spare)
        return answer[0]

    async def _ask_main(self, call: Callable[[RedisCache], Awaitable[T]]) -> T | None:
        """Redis's answer, or None where it has none."""
        self._calls += 1
        if self._main is None or self._away:
            return None
        began = self._clock.monotonic()
        try:
            answer = await call(self._main)
        except Transient as exc:
            self._failures += 1
            self.failed_calls.labels(kind_of(exc)).inc()
            self._row += 1
            self._troubled.append(True)
            if self._row >= FAILURES:
                self._leave(exc.what, exc.remedy)
            else:
                self._leave_if_overloaded()
            return None
        self._row = 0
        self._troubled.append(self._clock.monotonic() - began > self._slow)
        self._leave_if_overloaded()
        return answer

    def _leave_if_overloaded(self) -> None:
        if sum(self._troubled) >= MOST_TROUBLED:
            self._leave(
                f"Redis is overloaded: {sum(self._troubled)} of the last {len(self._troubled)} calls failed "
                f"or took longer than {self._slow:g} s.",
                "See what else uses the server (SLOWLOG, CLIENT LIST), or give Stonechat one of its own.",
            )

    def _leave(self, why: str, remedy: str) -> None:
        if self._away:
            return
        if self._clock.monotonic() - self._switched > STEADY.total_seconds():
            self._pause = FIRST_PAUSE
        self._switch(away=True, why=why, remedy=remedy)
        self._returning = asyncio.create_task(
            supervise("cache.await_return", self._await_return, self._clock, self._events, may_end=True),
            name="cache.await_return",
        )

    def _switch(self, *, away: bool, why: str, remedy: str = "") -> None:
        self._away = away
        self._cause, self._remedy = (why, remedy) if away else ("", "")
        self._row = 0
        self._troubled.clear()
        self._switched = self._clock.monotonic()
        self._events.emit(CacheSwitched(to="in-process" if away else "redis", why=why))

    async def _await_return(self) -> None:
        assert self._main is not None  # noqa: S101 - started by _leave only
        while True:
            await self._clock.sleep_real(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            began = self._clock.monotonic()
            try:
                await self._main.prove()
            except Transient as exc:
                self._cause, self._remedy = exc.what, exc.remedy
                continue
            if self._clock.monotonic() - began > self._slow:
                continue
            self._spare.clear()  # what it holds will be out of date at the next outage
            self._switch(away=False, why="Redis serves again")
            return
