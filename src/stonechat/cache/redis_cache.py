"""The cache in Redis or Valkey: one bounded pool that waits, and a deadline on each call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar, cast

import redis.exceptions
from redis.asyncio import BlockingConnectionPool, Redis

from stonechat.cache.keys import full_key
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.ports import Lease

T = TypeVar("T")

_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n
"""

# KEYS: lease, last token. ARGV: time to live (ms), real time (ms). The last token is kept for 30 days;
# forgotten earlier or later, the next one starts from real time and is larger all the same.
_LEASE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local token = math.max(last + 1, tonumber(ARGV[2]))
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text, 'PX', 2592000000)
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return text
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisCache:
    """Every call ends within ``settings.call_timeout`` or raises ``Transient``. Made by ``open_cache``."""

    name = "redis"

    def __init__(self, url: str, settings: CacheSettings, clock: Clock) -> None:
        seconds = settings.call_timeout.total_seconds()
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=settings.pool_size,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            client_name="stonechat",
        )
        self._client = Redis(connection_pool=self._pool)
        self._seconds = seconds
        self._namespace = settings.namespace
        self._clock = clock
        self._in_use = 0

    @property
    def in_use(self) -> int:
        """Calls that hold or wait for a connection now."""
        return self._in_use

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""
        found = await self._call(self._client.get(self._key("v", key)))
        return None if found is None else bytes(cast(bytes, found))

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""
        await self._call(self._client.set(self._key("v", key), value, px=_ms(ttl)))

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        """Keep ``value`` only where the key is absent; say whether it was kept."""
        return bool(await self._call(self._client.set(self._key("v", key), value, px=_ms(ttl), nx=True)))

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""
        return int(await self._script(_COUNT, (self._key("c", key),), str(_ms(ttl))))

    async def forget(self, key: str) -> None:
        """Remove the key, if it is there."""
        await self._call(self._client.delete(self._key("v", key), self._key("c", key)))

    async def lease(self, name: str, ttl: timedelta) -> Lease | None:
        """Take the lease, or None where somebody else holds it."""
        keys = (self._key("l", name), self._key("t", name))
        wall = self._clock.wall()
        token = await self._script(_LEASE, keys, str(_ms(ttl)), str(int(wall.timestamp() * 1000)))
        return None if token is None else Lease(name, int(token), wall + ttl)

    async def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours."""
        await self._script(_RELEASE, (self._key("l", lease.name),), str(lease.token))

    async def ping(self) -> None:
        """Raise ``Transient`` where the server cannot be reached."""
        await self._call(cast(Awaitable[Any], self._client.ping()))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._pool.disconnect()

    def _key(self, kind: str, key: str) -> str:
        return full_key(self._namespace, kind, key)

    async def _script(self, script: str, keys: tuple[str, ...], *args: str) -> Any:
        return await self._call(self._client.eval(script, len(keys), *keys, *args))

    async def _call(self, call: Awaitable[T]) -> T:
        self._in_use += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await call
        except (redis.exceptions.RedisError, OSError, TimeoutError) as exc:
            reason = str(exc).strip() or f"no answer within {self._seconds:g} s"
            raise Transient(
                f"Redis did not do what was asked: {reason}.",
                meaning="The cache in this process serves meanwhile; nothing is lost.",
                remedy="Check that the server runs and that REDIS_URL is right.",
            ) from exc
        finally:
            self._in_use -= 1


def _ms(duration: timedelta) -> int:
    return max(1, round(duration.total_seconds() * 1000))
