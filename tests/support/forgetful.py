"""Caches that forget everything at random, in this process and as a server: correctness may not notice."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import redis

from stonechat.core.ports import Cache, CacheLease


class ForgetfulCache:
    """Drops any value, count or lease at any time, and grants a lease that is held, or refuses a free one.

    Args:
        share: how much of what is asked goes wrong, from 0 (nothing) to 1.
    """

    def __init__(self, cache: Cache, *, seed: int, share: float = 0.5) -> None:
        self._cache = cache
        self._rng = random.Random(seed)
        self._share = share
        self._dropped = 0
        self.forgotten = 0

    async def get(self, key: str) -> bytes | None:
        return None if self._forgets() else await self._cache.get(key)

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        await self._cache.put(key, value, ttl)
        if self._forgets():
            await self._cache.put(key, b"", timedelta(microseconds=1))

    async def count(self, key: str, ttl: timedelta) -> int:
        if self._forgets():
            self._dropped += 1
        return await self._cache.count(f"{key}#{self._dropped}" if self._dropped else key, ttl)

    async def lease(self, name: str, ttl: timedelta) -> CacheLease | None:
        if not self._forgets():
            return await self._cache.lease(name, ttl)
        forgotten = await self._cache.lease(f"{name}#{self.forgotten}", ttl)
        return self._rng.choice((forgotten, None))

    async def release(self, lease: CacheLease) -> None:
        if not self._forgets():
            await self._cache.release(lease)

    def _forgets(self) -> bool:
        forgets = self._rng.random() < self._share
        self.forgotten += forgets
        return forgets


@contextmanager
def emptied_at_random(url: str, *, seed: int, longest: float = 0.1) -> Iterator[list[int]]:
    """The server loses all that it knows, again and again, at most ``longest`` seconds apart.

    Yields:
        How many keys each time took with it, in the order in which it happened.
    """
    rng = random.Random(seed)
    over = threading.Event()
    lost: list[int] = []

    def empty() -> None:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            while not over.wait(rng.uniform(0, longest)):
                lost.append(int(client.dbsize()))
                client.flushall()

    thread = threading.Thread(target=empty, name="empties the cache")
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join()
