"""A cache that forgets everything at random: what correctness may never notice."""

from __future__ import annotations

import random
from datetime import timedelta

from stonechat.core.ports import Cache, Lease, NoLease


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
        self.asked = 0

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

    async def lease(self, name: str, ttl: timedelta) -> Lease | NoLease:
        if not self._forgets():
            return await self._cache.lease(name, ttl)
        forgotten = await self._cache.lease(f"{name}#{self.forgotten}", ttl)
        return self._rng.choice((forgotten, NoLease.HELD, NoLease.UNSURE))

    async def release(self, lease: Lease) -> None:
        if not self._forgets():
            await self._cache.release(lease)

    def _forgets(self) -> bool:
        self.asked += 1
        forgets = self._rng.random() < self._share
        self.forgotten += forgets
        return forgets
