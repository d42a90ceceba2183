"""Every way in which Redis fails: callers never notice, and the cache moves over and back by itself."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from stonechat.cache import FallbackCache, open_cache
from stonechat.cache.memory import InProcessCache
from stonechat.cache.redis_cache import RedisCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import CacheSwitched, EventStream, Stamped
from stonechat.core.states import LayerState
from stonechat.monitoring import HealthBoard, Meters
from stonechat.startup.health_checks import check_cache
from tests.support.clock import ManualClock
from tests.support.proxy import tcp_proxy
from tests.support.servers import Redis
from tests.support.tls import tls_proxy
from tests.support.waiting import eventually

LONG = timedelta(minutes=5)
DEADLINE = timedelta(milliseconds=400)
CANCELLED = int(os.environ.get("STONECHAT_CANCELLED_CALLS", "1000"))


@pytest.fixture
def server(one_server: Redis) -> Iterator[Redis]:
    yield one_server
    command(one_server, "CONFIG", "SET", "maxclients", "1000")
    one_server.empty()


def command(server: Redis, *words: str, password: str | None = None) -> None:
    with redis.Redis.from_url(server.url(), password=password, socket_timeout=5) as client:
        client.execute_command(*words)


@asynccontextmanager
async def opened(url: str, **given: Any) -> AsyncIterator[tuple[FallbackCache, list[str]]]:
    """The cache as the process has it, and where it moved."""
    clock = SystemClock()
    events = EventStream(clock)
    moves: list[str] = []

    def hear(stamped: Stamped) -> None:
        if isinstance(stamped.event, CacheSwitched):
            moves.append(stamped.event.to)

    events.subscribe(hear)
    settings = CacheSettings(url=url, **{"call_timeout": DEADLINE, **given})
    async with open_cache(settings, clock, events) as cache:
        yield cache, moves


async def serving(cache: FallbackCache, what: str) -> None:
    """Use it until ``what`` serves; no call may take longer than the deadline and fail."""

    async def moved() -> bool:
        began = time.monotonic()
        await cache.put("poke", b"1", LONG)
        assert time.monotonic() - began < DEADLINE.total_seconds() + 1
        return cache.health().serving == what

    await eventually(moved)


@dataclass(frozen=True)
class Fault:
    """What is done to the server, how it ends, and what the owner is told."""

    strike: Callable[[Redis], None]
    heal: Callable[[Redis], None]
    told: str


def become_a_replica(server: Redis) -> None:
    """Of a primary that is not there."""
    command(server, "REPLICAOF", "127.0.0.1", "1")


def ask_for_a_password(server: Redis) -> None:
    """And drop who came without one."""
    command(server, "CONFIG", "SET", "requirepass", "other")
    command(server, "CLIENT", "KILL", "TYPE", "normal", password="other")


FAULTS = {
    "killed": Fault(lambda s: s.process.kill(), lambda s: s.process.start(), "REDIS_URL is right"),
    "frozen": Fault(lambda s: s.process.freeze(), lambda s: s.process.thaw(), "no answer"),
    "a replica": Fault(become_a_replica, lambda s: command(s, "REPLICAOF", "NO", "ONE"), "primary"),
    "full": Fault(
        lambda s: command(s, "CONFIG", "SET", "maxmemory", "1"),
        lambda s: command(s, "CONFIG", "SET", "maxmemory", "0"),
        "maxmemory",
    ),
    "another password": Fault(
        ask_for_a_password,
        lambda s: command(s, "CONFIG", "SET", "requirepass", "", password="other"),
        "password",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_server_that_will_not_serve_is_named_and_left_until_it_serves(
    server: Redis, name: str
) -> None:
    fault = FAULTS[name]
    async with opened(server.url()) as (cache, moves):
        assert cache.health().serving == "redis"
        await asyncio.to_thread(fault.strike, server)
        await serving(cache, "in-process")
        health = cache.health()
        assert fault.told in f"{health.cause} {health.remedy}"
        await cache.put("k", b"local", LONG)
        assert await cache.get("k") == b"local"
        await asyncio.to_thread(fault.heal, server)
        await serving(cache, "redis")
        assert (cache.health().cause, moves) == ("", ["in-process", "redis"])
        await cache.put("k", b"remote", LONG)
        assert await cache.get("k") == b"remote"


async def test_it_starts_without_redis_and_moves_over_when_there_is_one(server: Redis) -> None:
    await asyncio.to_thread(server.process.stop)
    async with opened(server.url()) as (cache, moves):
        assert cache.health().degraded
        await asyncio.to_thread(server.process.start)
        await serving(cache, "redis")
        assert moves == ["in-process", "redis"]


async def test_a_restart_between_two_calls_is_not_even_a_fault(server: Redis) -> None:
    async with opened(server.url()) as (cache, moves):
        await asyncio.gather(*(cache.count("c", LONG) for _ in range(50)))
        await asyncio.to_thread(server.process.kill)
        await asyncio.to_thread(server.process.start)
        assert await cache.count("c", LONG) == 1
        assert (moves, cache.health().failures) == ([], 0)


async def test_a_server_that_accepts_and_never_answers_costs_three_deadlines_and_no_more(
    server: Redis,
) -> None:
    async with tcp_proxy(server.url()) as proxy, opened(proxy.url(server.url())) as (cache, moves):
        await serving(cache, "redis")
        proxy.hang()
        began = time.monotonic()
        for number in range(100):
            assert await cache.count("c", LONG) == number + 1
        assert time.monotonic() - began < 3 * DEADLINE.total_seconds() + 1
        proxy.heal()
        await serving(cache, "redis")
        assert moves == ["in-process", "redis"]


async def test_a_server_that_answers_slowly_is_left_alone_although_no_call_fails(server: Redis) -> None:
    async with tcp_proxy(server.url()) as proxy, opened(proxy.url(server.url())) as (cache, _):
        await asyncio.gather(*(cache.count("c", LONG) for _ in range(8)))
        proxy.delay = 0.11  # each way: slower than half the deadline
        await serving(cache, "in-process")
        assert cache.health().failures == 0
        assert "overloaded" in cache.health().cause
        proxy.heal()
        await serving(cache, "redis")


async def test_a_server_without_a_free_connection_is_named_and_used_again_when_there_is_one(
    server: Redis,
) -> None:
    others = [redis.asyncio.Redis.from_url(server.url()) for _ in range(10)]
    for other in others:
        await other.ping()
    command(server, "CONFIG", "SET", "maxclients", "10")
    async with opened(server.url()) as (cache, _):
        assert "takes no more connections" in cache.health().cause
        assert "maxclients" in cache.health().remedy
        for other in others:
            await other.aclose()
        await serving(cache, "redis")


async def test_calls_that_are_cancelled_at_any_moment_leak_nothing(server: Redis) -> None:
    """10,000 by STONECHAT_CANCELLED_CALLS=10000; twice cancelled as well, since a time-out may be one."""
    rng = random.Random(7)
    limit = timedelta(seconds=5)
    async with opened(server.url(), pool_size=4, call_timeout=limit) as (cache, moves):
        await cache.put("k", b"mine", LONG)

        async def call(number: int) -> None:
            await cache.put(f"k{number % 50}", str(number % 50).encode(), LONG)
            assert await cache.get(f"k{number % 50}") in (None, str(number % 50).encode())

        async def cancelled(number: int) -> None:
            task = asyncio.create_task(call(number))
            for _ in range(1 + number % 2):
                for _ in range(rng.randrange(12)):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for batch in range(0, CANCELLED, 100):
            await asyncio.gather(*(cancelled(number) for number in range(batch, batch + 100)))
        assert await cache.get("k") == b"mine"
        connections = cache.health().connections
        assert (connections.in_use, connections.taken_back, moves) == (0, 0, [])
        async with redis.asyncio.from_url(server.url()) as client:
            ours = [one for one in await client.client_list() if one["name"] == "stonechat"]
        assert len(ours) <= 4


async def test_a_connection_that_is_never_given_back_is_named_and_taken_back(server: Redis) -> None:
    clock = ManualClock()
    settings = CacheSettings(pool_size=2, call_timeout=DEADLINE)
    cache = RedisCache(server.url(), settings, clock)
    held = [await asyncio.create_task(cache._pool.get_connection(), name="a careless task") for _ in range(2)]
    assert cache.connections().in_use == 2
    await clock.advance(seconds=6)
    assert await cache.count("c", LONG) == 1
    connections = cache.connections()
    assert (connections.in_use, connections.taken_back) == (0, 2)
    assert connections.last_leak == "a careless task for 6 s"
    for connection in held:  # it is given back after all, and must not be handed to two
        await cache._pool.release(connection)
    numbers = await asyncio.gather(*(cache.count("c", LONG) for _ in range(20)))
    assert sorted(numbers) == list(range(2, 22))
    await cache.aclose()


async def test_a_leak_is_on_the_board_and_in_the_meters_until_it_is_long_over(server: Redis) -> None:
    clock = ManualClock()
    remote = RedisCache(server.url(), CacheSettings(pool_size=2, call_timeout=DEADLINE), clock)
    cache = FallbackCache(remote, InProcessCache(clock), clock, EventStream(clock))
    board, meters = HealthBoard(clock, EventStream(clock)), Meters()
    check_cache(board, meters, cache)
    held = await asyncio.create_task(remote._pool.get_connection(), name="a careless task")
    assert b'stonechat_cache_connections{what="in_use"} 1.0' in meters.text()
    await clock.advance(seconds=6)
    await cache.put("k", b"v", LONG)
    await board.check_all()
    layer = board.layer("cache")
    assert layer.state is LayerState.DEGRADED
    assert layer.cause == "a connection to Redis was never given back: a careless task for 6 s"
    assert b'stonechat_cache_connections{what="taken_back"} 1.0' in meters.text()
    assert b'stonechat_cache_connections{what="in_use"} 0.0' in meters.text()
    await clock.advance(minutes=6)
    await board.check_all()
    assert board.layer("cache").state is LayerState.OK
    del held
    await cache.aclose()
    await remote.aclose()


async def test_it_speaks_tls_and_names_what_is_wrong_with_a_certificate(
    server: Redis, tmp_path: Path
) -> None:
    async with tls_proxy(server.port, tmp_path) as (port, authority):
        limit = timedelta(seconds=5)
        address = f"rediss://127.0.0.1:{port}/0"
        async with opened(f"{address}?ssl_ca_certs={authority}", call_timeout=limit) as (cache, _):
            await cache.put("k", b"v", LONG)
            assert (await cache.get("k"), cache.health().serving) == (b"v", "redis")
        async with opened(address, call_timeout=limit) as (cache, _):
            assert cache.health().cause.startswith("Redis shows a certificate that is not trusted")
            assert "ssl_ca_certs" in cache.health().remedy
