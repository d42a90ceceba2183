"""Leases and shared reads over a real server: whatever is lost costs a second read and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from stonechat.cache import SharedReads, open_cache
from stonechat.cache.memory import InProcessCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.ports import Cache
from tests.support.servers import Redis
from tests.support.waiting import eventually

CLOCK = SystemClock()
LONG = timedelta(minutes=5)


@pytest.fixture
def server(one_server: Redis) -> Redis:
    one_server.empty()
    return one_server


async def test_while_redis_is_away_leases_exclude_this_process_and_reads_go_on(server: Redis) -> None:
    settings = CacheSettings(url=server.url(), call_timeout=timedelta(seconds=1))
    async with open_cache(settings, CLOCK, EventStream(CLOCK)) as cache:
        held = await cache.lease("held", LONG)
        assert held is not None
        await asyncio.to_thread(server.process.freeze)
        answers = [await cache.lease("l", LONG) for _ in range(5)]
        assert [answer is not None for answer in answers] == [True, False, False, False, False]
        assert await readers(cache, 5) == (1, ["read 1"] * 5)
        await cache.release(held)  # the server does not hear it
        await asyncio.to_thread(server.process.thaw)
        await eventually(lambda: cache.health().serving == "redis")
        # what was given back unheard ends by its time to live
        assert await cache.lease("held", LONG) is None


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


async def test_readers_on_two_hosts_share_one_read(server: Redis) -> None:
    settings = CacheSettings(url=server.url(), call_timeout=timedelta(seconds=5))
    async with (
        open_cache(settings, CLOCK, EventStream(CLOCK)) as one,
        open_cache(settings, CLOCK, EventStream(CLOCK)) as other,
    ):
        both = await asyncio.gather(readers(one, 5), readers(other, 5))
    assert sum(reads for reads, _ in both) == 1
    assert {text for _, found in both for text in found} == {"read 1"}


async def test_a_reader_that_fails_makes_way_for_the_next() -> None:
    cache = InProcessCache(CLOCK)
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
    cache = InProcessCache(CLOCK)
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
