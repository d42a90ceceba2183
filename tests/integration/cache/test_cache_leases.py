"""Fencing tokens from a real server and a real database: whatever is lost, no token is ever smaller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
import redis

from stonechat.cache import Epochs, SharedReads, open_cache
from stonechat.cache.fencing import no_epochs
from stonechat.cache.memory import InProcessCache
from stonechat.cache.redis_cache import RedisCache
from stonechat.config.settings import CacheSettings, DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.ports import Cache, CacheLease, NoLease
from stonechat.database import Database, open_database
from stonechat.database.repositories.epochs import next_epoch
from tests.contract.test_cache import epochs
from tests.support.processes import Reaper
from tests.support.servers import Redis, redis_server
from tests.support.waiting import eventually

CLOCK = SystemClock()
LONG = timedelta(minutes=5)


@pytest.fixture(scope="module")
def one_server(reaper: Reaper) -> Iterator[Redis]:
    with redis_server(reaper) as server:
        yield server


@pytest.fixture
def server(one_server: Redis) -> Redis:
    one_server.empty()
    return one_server


def command(server: Redis, *words: str) -> None:
    with redis.Redis.from_url(server.url(), socket_timeout=5) as client:
        client.execute_command(*words)


def restart(server: Redis) -> None:
    server.process.kill()
    server.process.start()


def epochs_of(database: Database) -> Epochs:
    return partial(next_epoch, database, CLOCK, who="test")


async def granted(cache: Cache, name: str = "l") -> int:
    """The token of a lease that is given back at once."""
    lease = await cache.lease(name, LONG)
    assert isinstance(lease, CacheLease), lease
    await cache.release(lease)
    return lease.token


async def test_an_epoch_is_larger_than_every_one_before_on_any_host(any_database_url: str) -> None:
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as database:
        first = await next_epoch(database, CLOCK, who="one host")
        many = await asyncio.gather(*(next_epoch(database, CLOCK, who="another") for _ in range(10)))
        assert min(many) > first
        assert len(set(many)) == 10
        assert await next_epoch(database, CLOCK, who="one host") > max(many)


LOSSES: dict[str, Callable[[Redis], None]] = {
    "nothing": lambda _: None,
    "everything": lambda server: command(server, "FLUSHALL"),
    "its life": restart,
    "its fence alone": lambda server: command(server, "DEL", "stonechat:f:fence"),
}


@pytest.mark.parametrize("name", LOSSES)
async def test_tokens_grow_over_whatever_the_server_loses(server: Redis, sqlite_url: str, name: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        hosts = [
            RedisCache(server.url(), CacheSettings(call_timeout=LONG), CLOCK, epochs_of(database))
            for _ in range(2)
        ]
        tokens = [await granted(host) for host in hosts * 3]
        for _ in range(3):
            await asyncio.to_thread(LOSSES[name], server)
            tokens += [await granted(host) for host in hosts * 3]
        assert tokens == sorted(set(tokens))
        for host in hosts:
            await host.aclose()


async def test_tokens_grow_when_the_server_comes_back_with_an_old_snapshot(
    server: Redis, sqlite_url: str
) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        cache = RedisCache(server.url(), CacheSettings(call_timeout=LONG), CLOCK, epochs_of(database))
        tokens = [await granted(cache)]
        command(server, "SAVE")
        tokens += [await granted(cache) for _ in range(5)]
        await asyncio.to_thread(restart, server)
        with redis.Redis.from_url(server.url()) as client:
            assert int(client.hget("stonechat:f:fence", "last") or 0) == tokens[0]  # type: ignore[arg-type]
        tokens += [await granted(cache) for _ in range(5)]
        assert tokens == sorted(set(tokens))
        await cache.aclose()


async def test_while_redis_is_away_no_lease_is_granted_and_its_tokens_go_on_afterwards(
    server: Redis, sqlite_url: str
) -> None:
    settings = CacheSettings(url=server.url(), call_timeout=timedelta(seconds=1))
    async with (
        open_database(sqlite_url, DatabaseSettings(), CLOCK) as database,
        open_cache(settings, CLOCK, EventStream(CLOCK), epochs_of(database)) as cache,
    ):
        before = await granted(cache)
        held = await cache.lease("held", LONG)
        assert isinstance(held, CacheLease)
        await asyncio.to_thread(server.process.freeze)
        answers = [await cache.lease("l", LONG) for _ in range(5)]
        assert answers == [NoLease.UNSURE] * 5
        await cache.release(held)  # nobody hears it
        await asyncio.to_thread(server.process.thaw)
        await eventually(lambda: cache.health().serving == "redis")
        assert await granted(cache, "another") > before
        # what was given back unheard, and what was granted unheard, ends by its time to live
        assert await cache.lease("held", LONG) is NoLease.HELD
        assert await cache.lease("l", LONG) is NoLease.HELD


async def test_without_the_database_a_server_that_lost_its_count_grants_nothing(server: Redis) -> None:
    cache = RedisCache(server.url(), CacheSettings(call_timeout=LONG), CLOCK, no_epochs)
    assert await cache.lease("l", LONG) is NoLease.UNSURE
    await cache.put("k", b"v", LONG)
    assert await cache.get("k") == b"v"
    await cache.aclose()


async def readers(cache: Cache, number: int) -> tuple[int, list[str]]:
    """How often ``number`` readers at the same time read, and what they got."""
    reads = 0

    async def read() -> str:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0.1)
        return f"read {reads}"

    shared = SharedReads(cache, CLOCK, "page", str, keep=LONG, patience=timedelta(seconds=10))
    found = await asyncio.gather(*(shared.get("k", read) for _ in range(number)))
    return reads, list(found)


async def test_readers_on_two_hosts_share_one_read(server: Redis, sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        settings = CacheSettings(url=server.url(), call_timeout=timedelta(seconds=5))
        async with (
            open_cache(settings, CLOCK, EventStream(CLOCK), epochs_of(database)) as one,
            open_cache(settings, CLOCK, EventStream(CLOCK), epochs_of(database)) as other,
        ):
            both = await asyncio.gather(readers(one, 5), readers(other, 5))
        assert sum(reads for reads, _ in both) == 1
        assert {text for _, found in both for text in found} == {"read 1"}


async def test_a_reader_that_fails_makes_way_for_the_next() -> None:
    cache = InProcessCache(CLOCK, epochs())
    shared = SharedReads(cache, CLOCK, "page", str, keep=LONG, patience=timedelta(seconds=10))
    tries = 0

    async def read() -> str:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.05)
        if tries == 1:
            raise OSError("the page did not load")
        return "read"

    found = await asyncio.gather(*(shared.get("k", read) for _ in range(4)), return_exceptions=True)
    assert sorted(str(one) for one in found) == ["read", "read", "read", "the page did not load"]
    assert tries == 2


async def test_a_reader_that_slept_through_its_lease_does_not_replace_what_is_newer() -> None:
    cache = InProcessCache(CLOCK, epochs())
    patient = SharedReads(cache, CLOCK, "page", str, keep=LONG, patience=timedelta(milliseconds=50))
    woken, asleep = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        asleep.set()
        await woken.wait()
        return "old"

    async def quick() -> str:
        return "new"

    sleeper = asyncio.create_task(patient.get("k", slow))
    await asleep.wait()
    assert await patient.get("k", quick) == "new"
    woken.set()
    assert await sleeper == "old"
    assert await patient.get("k", slow) == "new"
