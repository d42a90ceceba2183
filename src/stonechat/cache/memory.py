"""The in-process cache: the default without Redis, and the fallback while Redis is away."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from stonechat.cache.keys import LARGEST_VALUE, bounded_ms, full_key
from stonechat.core.clock import Clock
from stonechat.core.ids import fresh_id
from stonechat.core.ports import CacheLease


class InProcessCache:
    """Values with a time to live; the least recently used are evicted first.

    Not shared between processes, so a lease from here excludes the tasks of this process only.

    Args:
        limit: most values.
        room: most bytes of values.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        namespace: str = "stonechat",
        limit: int = 10_000,
        room: int = 32 * 1024 * 1024,
    ) -> None:
        self._clock = clock
        self._namespace = namespace
        self._limit = limit
        self._room = room
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """How many values it holds."""
        return len(self._values)

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""
        return self._read(full_key(self._namespace, "v", key))

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""
        self._write(full_key(self._namespace, "v", key), value, ttl)

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""
        name = full_key(self._namespace, "c", key)
        known = self._read(name)
        if known is None:
            self._write(name, b"1", ttl)
            return 1
        _, expires = self._values[name]
        number = int(known) + 1
        self._keep(name, str(number).encode(), expires)
        return number

    async def lease(self, name: str, ttl: timedelta) -> CacheLease | None:
        """Take the lease; None while somebody else has it."""
        key = full_key(self._namespace, "l", name)
        if self._read(key) is not None:
            return None
        lease = CacheLease(name, fresh_id(), self._clock.wall() + ttl)
        self._write(key, lease.holder.encode(), ttl)
        return lease

    async def release(self, lease: CacheLease) -> None:
        """Give the lease back, if it is still ours."""
        key = full_key(self._namespace, "l", lease.name)
        if self._read(key) == lease.holder.encode():
            self._drop(key)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._bytes = 0

    def _read(self, name: str) -> bytes | None:
        found = self._values.get(name)
        if found is None:
            return None
        value, expires = found
        if expires <= self._clock.monotonic():
            self._drop(name)
            return None
        self._values.move_to_end(name)
        return value

    def _write(self, name: str, value: bytes, ttl: timedelta) -> None:
        self._keep(name, value, self._clock.monotonic() + bounded_ms(ttl) / 1000)

    def _keep(self, name: str, value: bytes, expires: float) -> None:
        self._drop(name)
        if len(value) > LARGEST_VALUE:
            return
        self._values[name] = (value, expires)
        self._bytes += len(value)
        while len(self._values) > self._limit or self._bytes > self._room:
            _, (dropped, _) = self._values.popitem(last=False)
            self._bytes -= len(dropped)

    def _drop(self, name: str) -> None:
        found = self._values.pop(name, None)
        if found is not None:
            self._bytes -= len(found[0])
