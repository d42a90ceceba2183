"""Coalesces reads: what several accounts, runs or hosts want at the same time is read once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from stonechat.core.clock import Clock
from stonechat.core.ports import Cache, CacheLease

T = TypeVar("T")


class SharedReads(Generic[T]):
    """Reads of one kind, kept for a while.

    The first to ask takes a lease and reads; the others wait for the result. A cache that forgets, or that
    cannot tell who holds the lease, costs a second read and nothing else. A reader whose lease has run out
    while it read keeps its result to itself: somebody else may have put a newer one there.

    Args:
        kind: the type of what is read: anything that Pydantic turns into JSON and back.
        keep: how long (real time) a result is as good as a new one.
        patience: how long (real time) the result of another reader is waited for.
        look_again: real time between two looks for it.
    """

    def __init__(
        self,
        cache: Cache,
        clock: Clock,
        name: str,
        kind: type[T],
        *,
        keep: timedelta,
        patience: timedelta,
        look_again: timedelta = timedelta(milliseconds=250),
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._name = name
        self._form: TypeAdapter[tuple[str, T]] = TypeAdapter(tuple[str, kind])  # type: ignore[valid-type]
        self._keep = keep
        self._patience = patience
        self._look_again = look_again

    async def get(self, key: str, read: Callable[[], Awaitable[T]], *, reader: str = "") -> T:
        """What was read under ``key`` lately, or now by ``read``, whose errors go to whoever called it.

        Args:
            reader: who asks. A result that this reader produced itself is not served to it; it reads again.
        """
        key = f"{self._name}/{key}"
        until = self._clock.monotonic() + self._patience.total_seconds()
        while True:
            known = await self._news(key, reader)
            if known is not None:
                return known[1]
            lease = await self._cache.lease(key, self._patience)
            # Patience is over: read without the lease. A second read costs less than an endless wait.
            if lease is not None or self._clock.monotonic() >= until:
                break
            await self._clock.sleep_real(self._look_again)
        try:
            # whoever had the lease may have read between our look and our turn
            known = await self._news(key, reader) if lease is not None else None
            return known[1] if known is not None else await self._read(key, read, lease, reader)
        finally:
            if lease is not None:
                await self._cache.release(lease)

    async def _read(
        self, key: str, read: Callable[[], Awaitable[T]], lease: CacheLease | None, reader: str
    ) -> T:
        found = await read()
        if lease is None or self._clock.wall() < lease.expires_at:  # else somebody else has read since
            await self._cache.put(key, self._form.dump_json((reader, found)), self._keep)
        return found

    async def _news(self, key: str, reader: str) -> tuple[str, T] | None:
        """The stored result, unless ``reader`` itself produced it."""
        known = await self._known(key)
        return None if known is not None and reader and known[0] == reader else known

    async def _known(self, key: str) -> tuple[str, T] | None:
        kept = await self._cache.get(key)
        if kept is None:
            return None
        try:
            return self._form.validate_json(kept)
        except ValidationError:  # kept by another version of ours
            return None
