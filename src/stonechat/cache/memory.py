"""The cache in this process: the default without Redis, and what serves while Redis is away."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from stonechat.cache.keys import full_key, next_token
from stonechat.core.clock import Clock
from stonechat.core.ports import Lease


class InProcessCache:
    """Values with a time to live, at most ``limit`` of them; the one unused for longest goes first.

    Not shared between processes, so a lease from here excludes only this process.
    """

    name = "in-process"

    def __init__(self, clock: Clock, *, namespace: str = "stonechat", limit: int = 10_000) -> None:
        self._clock = clock
        self._namespace = namespace
        self._limit = limit
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._tokens: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""
        return self._read(full_key(self._namespace, "v", key))

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""
        self._write(full_key(self._namespace, "v", key), value, ttl)

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        """Keep ``value`` only where the key is absent; say whether it was kept."""
        name = full_key(self._namespace, "v", key)
        if self._read(name) is not None:
            return False
        self._write(name, value, ttl)
        return True

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""
        name = full_key(self._namespace, "c", key)
        known = self._read(name)
        if known is None:
            self._write(name, b"1", ttl)
            return 1
        _, expires = self._values[name]
        number = int(known) + 1
        self._values[name] = (str(number).encode(), expires)
        return number

    async def forget(self, key: str) -> None:
        """Remove the key, if it is there."""
        self._values.pop(full_key(self._namespace, "v", key), None)
        self._values.pop(full_key(self._namespace, "c", key), None)

    async def lease(self, name: str, ttl: timedelta) -> Lease | None:
        """Take the lease, or None where somebody else holds it."""
        key = full_key(self._namespace, "l", name)
        if self._read(key) is not None:
            return None
        token = next_token(self._tokens.pop(key, 0), int(self._clock.wall().timestamp() * 1000))
        self._tokens[key] = token
        while len(self._tokens) > self._limit:
            self._tokens.popitem(last=False)
        self._write(key, str(token).encode(), ttl)
        return Lease(name, token, self._clock.wall() + ttl)

    async def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours."""
        key = full_key(self._namespace, "l", lease.name)
        if self._read(key) == str(lease.token).encode():
            del self._values[key]

    async def ping(self) -> None:
        """Always there."""

    def clear(self) -> None:
        """Forget every value, but not which tokens were given."""
        self._values.clear()

    def _read(self, name: str) -> bytes | None:
        found = self._values.get(name)
        if found is None:
            return None
        value, expires = found
        if expires <= self._clock.monotonic():
            del self._values[name]
            return None
        self._values.move_to_end(name)
        return value

    def _write(self, name: str, value: bytes, ttl: timedelta) -> None:
        self._values[name] = (value, self._clock.monotonic() + ttl.total_seconds())
        self._values.move_to_end(name)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)
