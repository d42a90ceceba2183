"""Opens the one cache of the process, and closes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stonechat.cache.front import FrontCache
from stonechat.cache.memory import InProcessCache
from stonechat.cache.redis_cache import RedisCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream


@asynccontextmanager
async def open_cache(settings: CacheSettings, clock: Clock, events: EventStream) -> AsyncIterator[FrontCache]:
    """Never fails for want of Redis: starts on the in-process cache and moves over when Redis answers."""
    spare = InProcessCache(clock, namespace=settings.namespace)
    main = RedisCache(settings.url, settings, clock) if settings.url else None
    front = FrontCache(main, spare, clock, events)
    try:
        await front.start()
        yield front
    finally:
        await front.aclose()
        if main is not None:
            await main.aclose()
