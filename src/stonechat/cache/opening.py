"""Opens the one cache of the process, and closes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from stonechat.cache.fallback import FallbackCache
from stonechat.cache.memory import InProcessCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream

if TYPE_CHECKING:
    from stonechat.cache.redis_cache import RedisCache


@asynccontextmanager
async def open_cache(
    settings: CacheSettings, clock: Clock, events: EventStream
) -> AsyncIterator[FallbackCache]:
    """Never fails for want of Redis: starts on the in-process cache and moves over when Redis answers."""
    spare = InProcessCache(clock, namespace=settings.namespace)
    main = _redis(settings.url, settings, clock) if settings.url else None
    front = FallbackCache(main, spare, clock, events, slow=settings.call_timeout / 2)
    try:
        await front.start()
        yield front
    finally:
        await front.aclose()
        if main is not None:
            await main.aclose()


def _redis(url: str, settings: CacheSettings, clock: Clock) -> RedisCache:
    from stonechat.cache.redis_cache import RedisCache  # noqa: PLC0415 - its client takes 13 MB

    return RedisCache(url, settings, clock)
