"""Cascade C4: Redis has no connection left, the cache is off, queries are slow. One incident names Redis."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import redis.asyncio

from stonechat.cache import FallbackCache, open_cache
from stonechat.config.settings import CacheSettings, DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream, PostPublished
from stonechat.core.states import ContentState
from stonechat.dashboard.queue_cache import FreshQueue
from stonechat.database import Database, open_database
from stonechat.posting.queue import queue_rows
from tests.support.alerting import Inbox, Watch
from tests.support.posting import ACCOUNT, RunContext, desk_on, piece
from tests.support.processes import Reaper
from tests.support.servers import Redis, redis_server
from tests.support.waiting import eventually

CLOCK = SystemClock()
DEADLINE = timedelta(seconds=1)
ROOM = 12


@pytest.fixture
def server(reaper: Reaper) -> Iterator[Redis]:
    with redis_server(reaper) as one:
        yield one


@asynccontextmanager
async def crowd(server: Redis) -> AsyncIterator[None]:
    """Others take every connection that the server has, ours among them."""
    others = [redis.asyncio.Redis.from_url(server.url()) for _ in range(ROOM)]
    for other in others:
        await other.ping()
    await others[0].config_set("maxclients", ROOM)
    for client in await others[0].client_list():
        if client["name"] == "stonechat":
            await others[0].client_kill_filter(_id=client["id"])
    yield
    for other in others:
        await other.aclose()


@asynccontextmanager
async def sat_upon(database: Database) -> AsyncIterator[None]:
    """A query takes longer than any should: what a database does whose cache is off."""
    slow = asyncio.create_task(_sleep(database), name="a slow query")
    await eventually(lambda: bool(database.pool().held_too_long(database.hold_limit)))
    yield
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def _sleep(database: Database) -> None:
    async with database.read("test.slow"):
        await asyncio.Event().wait()


async def slowest(cache: FallbackCache, calls: int) -> float:
    """Seconds that the slowest of a hundred calls took."""
    times = []
    for number in range(calls):
        began = time.perf_counter()
        await cache.put(f"k{number}", b"v", timedelta(minutes=1))
        assert await cache.get(f"k{number}") == b"v"
        times.append(time.perf_counter() - began)
    return sorted(times)[int(0.99 * calls)]


async def test_redis_without_a_free_connection_is_one_incident_and_work_keeps_its_pace(
    inbox: Inbox, postgres_url: str, server: Redis
) -> None:
    settings = CacheSettings(url=server.url(), call_timeout=DEADLINE)
    limits = DatabaseSettings(hold_limit=timedelta(seconds=2))
    async with (
        open_database(postgres_url, limits, CLOCK) as database,
        open_cache(settings, CLOCK, EventStream(CLOCK)) as cache,
    ):
        desk = desk_on(database, CLOCK)
        await desk.add_account(ACCOUNT)
        watch = Watch(inbox, database, cache)
        await watch.for_seconds(20)
        assert watch.well()
        async with crowd(server), sat_upon(database):
            began = time.perf_counter()
            for _ in range(5):
                await cache.put("k", b"v", timedelta(minutes=1))
            assert cache.health().degraded
            assert time.perf_counter() - began < 3 * DEADLINE.total_seconds() + 0.5
            await watch.for_seconds(180)
            assert len(inbox.got) == 1
            told = json.dumps(inbox.got[0])
            assert "Redis takes no more connections" in told
            assert "maxclients" in told
            assert "a slow query" in told or "Database" in told  # as what it explains
            assert await slowest(cache, 300) < 0.05
            # ten pages still cost one read, and a due post goes out within its 5 s
            queue = FreshQueue(
                CLOCK, lambda: queue_rows(database, desk.rules, {"x_web": desk.network}, CLOCK)
            )
            later = CLOCK.now() + timedelta(hours=5)
            await desk.queue(
                piece("a", "Good morning.", due_at=CLOCK.now()), piece("b", "Later.", due_at=later)
            )
            await queue()
            before = database.pool().waits
            assert [len(await queue()) for _ in range(10)] == [2] * 10
            assert database.pool().waits == before
            await desk.sweep().sweep(RunContext(CLOCK))
            assert (await desk.find("a")).state is ContentState.POSTED
            published = desk.told_of(PostPublished)[0]
            assert isinstance(published, PostPublished)
            assert published.late < timedelta(seconds=5)
        await eventually(lambda: cache.health().serving == "redis")
        await watch.for_seconds(120)
        assert watch.well()
        assert [title.split(":")[0] for title in inbox.titles()[1:]] == ["Over"]
