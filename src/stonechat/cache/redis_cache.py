"""The cache in Redis or Valkey: one bounded pool that waits, and a deadline on each call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar, cast

import redis.exceptions
from redis.asyncio import Redis

from stonechat.cache.connections import Connections
from stonechat.cache.errors import explained
from stonechat.cache.keys import LARGEST_VALUE, bounded_ms, full_key
from stonechat.cache.redis_pool import WatchedPool
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import Clock
from stonechat.core.ids import fresh_id
from stonechat.core.ports import CacheLease

T = TypeVar("T")

LEAKED_AFTER = 10
"""Deadlines after which a connection that was handed out counts as leaked."""

_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisCache:
    """Every call ends within ``settings.call_timeout`` or raises ``Transient``. Made by ``open_cache``."""

    def __init__(self, url: str, settings: CacheSettings, clock: Clock) -> None:
        seconds = settings.call_timeout.total_seconds()
        self._pool = WatchedPool.from_url(
            url,
            max_connections=settings.pool_size,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            client_name="stonechat",
            protocol=2,  # with 3, redis-py hears of maintenance and no longer looks for dead connections
        )
        self._pool.watch(clock, max(settings.call_timeout * LEAKED_AFTER, timedelta(seconds=5)))
        self._client = Redis(connection_pool=self._pool)
        self._seconds = seconds
        self._namespace = settings.namespace
        self._clock = clock

    def connections(self) -> Connections:
        """How the pool stands."""
        return self._pool.connections()

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""
        found = await self._call(self._client.get(self._key("v", key)))
        return None if found is None else bytes(cast(bytes, found))

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""
        name, length = self._key("v", key), bounded_ms(ttl)
        if len(value) > LARGEST_VALUE:
            await self._call(self._client.delete(name))
        else:
            await self._call(self._client.set(name, value, px=length))

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""
        return int(await self._script(_COUNT, (self._key("c", key),), str(bounded_ms(ttl))))

    async def lease(self, name: str, ttl: timedelta) -> CacheLease | None:
        """Take the lease; None while somebody else has it."""
        lease = CacheLease(name, fresh_id(), self._clock.wall() + ttl)
        granted = self._client.set(self._key("l", name), lease.holder, nx=True, px=bounded_ms(ttl))
        return lease if await self._call(granted) else None

    async def release(self, lease: CacheLease) -> None:
        """Give the lease back, if it is still ours."""
        await self._script(_RELEASE, (self._key("l", lease.name),), lease.holder)

    async def prove(self) -> None:
        """Raise ``Transient`` where the server would not serve: a replica and a full one answer pings."""
        await self.count("proof", timedelta(minutes=1))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._pool.disconnect()

    def _key(self, kind: str, key: str) -> str:
        return full_key(self._namespace, kind, key)

    async def _script(self, script: str, keys: tuple[str, ...], *args: str | bytes) -> Any:
        return await self._call(self._client.eval(script, len(keys), *keys, *args))

    async def _call(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await call
        except (redis.exceptions.RedisError, OSError, TimeoutError) as exc:
            raise explained(exc, self._seconds) from exc
