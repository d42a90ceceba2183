"""One suite for every cache: in this process, in Valkey, and the front that moves between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis.asyncio

from stonechat.cache.fallback import FallbackCache
from stonechat.cache.keys import LARGEST_VALUE, LONGEST_TTL
from stonechat.cache.memory import InProcessCache
from stonechat.cache.redis_cache import RedisCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.core.ports import Cache, CacheLease
from tests.support.forgetful import ForgetfulCache
from tests.support.servers import Redis
from tests.support.waiting import eventually

LONG = timedelta(minutes=5)
SHORT = timedelta(milliseconds=60)


async def leased(cache: Cache, name: str, ttl: timedelta = LONG) -> CacheLease:
    """The lease, which must be granted."""
    lease = await cache.lease(name, ttl)
    assert isinstance(lease, CacheLease), lease
    return lease


@pytest.fixture(params=["in-process", "redis", "front", "nothing forgotten"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    clock = SystemClock()
    namespace = f"test-{fresh_id()}"
    local = InProcessCache(clock, namespace=namespace)
    if request.param == "in-process":
        yield local
        return
    if request.param == "nothing forgotten":
        yield ForgetfulCache(local, seed=1, share=0.0)
        return
    url = request.getfixturevalue("redis_url")
    settings = CacheSettings(namespace=namespace, call_timeout=timedelta(seconds=5))
    remote = RedisCache(url, settings, clock)
    yield remote if request.param == "redis" else FallbackCache(remote, local, clock, EventStream(clock))
    await remote.aclose()


async def gone(cache: Cache, key: str) -> None:
    async def absent() -> bool:
        return await cache.get(key) is None

    await eventually(absent)


async def test_a_value_is_kept_as_it_was_put(cache: Cache) -> None:
    await cache.put("k", b"\x00\xffbytes", LONG)
    assert await cache.get("k") == b"\x00\xffbytes"
    assert await cache.get("other") is None


async def test_a_value_is_gone_after_its_time(cache: Cache) -> None:
    await cache.put("k", b"v", SHORT)
    await gone(cache, "k")


async def test_counts_from_many_callers_lose_nothing(cache: Cache) -> None:
    counts = await asyncio.gather(*(cache.count("c", LONG) for _ in range(50)))
    assert sorted(counts) == list(range(1, 51))


async def test_a_count_starts_again_after_its_time(cache: Cache) -> None:
    assert await cache.count("c", SHORT) == 1

    async def anew() -> bool:
        return await cache.count("c", SHORT) == 1

    await eventually(anew, every=0.1)


async def test_a_lease_has_one_holder(cache: Cache) -> None:
    answers = await asyncio.gather(*(cache.lease("l", LONG) for _ in range(20)))
    assert sum(isinstance(answer, CacheLease) for answer in answers) == 1
    assert sum(answer is None for answer in answers) == 19


async def test_a_late_holder_cannot_give_back_the_lease_of_its_successor(cache: Cache) -> None:
    old = await leased(cache, "l", SHORT)
    new: CacheLease | None = None
    async with asyncio.timeout(10):
        while not isinstance(new, CacheLease):
            new = await cache.lease("l", LONG)
            await asyncio.sleep(0.01)
    await cache.release(old)
    assert await cache.lease("l", LONG) is None


async def test_a_lease_ends_for_its_holder_before_it_ends_for_the_others(cache: Cache) -> None:
    clock = SystemClock()
    lease = await leased(cache, "l", timedelta(milliseconds=300))
    while not isinstance(await cache.lease("l", LONG), CacheLease):
        await asyncio.sleep(0.005)
    assert clock.wall() >= lease.expires_at


async def test_very_long_and_odd_keys_stay_apart(cache: Cache) -> None:
    keys = ["x" * 5000 + "a", "x" * 5000 + "b", "two words", "two_words", "gr\u00fcn", "a\r\nb", "a\x00b"]
    for number, key in enumerate(keys):
        await cache.put(key, str(number).encode(), LONG)
    assert [await cache.get(key) for key in keys] == [str(number).encode() for number in range(len(keys))]


async def test_leases_values_and_counts_do_not_share_names(cache: Cache) -> None:
    await leased(cache, "n")
    assert await cache.count("n", LONG) == 1
    assert await cache.get("n") is None


async def test_what_is_too_large_is_not_kept_and_replaces_what_was_there(cache: Cache) -> None:
    await cache.put("k", b"x" * LARGEST_VALUE, LONG)
    assert await cache.get("k") is not None
    await cache.put("k", b"x" * (LARGEST_VALUE + 1), LONG)
    assert await cache.get("k") is None


async def test_nothing_is_kept_without_a_name_or_a_time_to_live(cache: Cache) -> None:
    with pytest.raises(ValueError, match="name"):
        await cache.put("", b"v", LONG)
    for call in (cache.put("k", b"v", timedelta()), cache.count("k", timedelta()), cache.lease("k", -LONG)):
        with pytest.raises(ValueError, match="time to live"):
            await call


async def test_everything_in_redis_has_our_name_and_ends(redis_url: str) -> None:
    clock = SystemClock()
    cache = RedisCache(redis_url, CacheSettings(namespace="ours"), clock)
    await cache.put("k", b"v", timedelta(days=365))
    await cache.count("k", LONG)
    await leased(cache, "k")
    async with redis.asyncio.from_url(redis_url) as client:
        names = sorted([name async for name in client.scan_iter()])
        assert [name.decode().rpartition(":")[0] for name in names] == [
            "ours:c",
            "ours:l",
            "ours:v",
        ]
        for name in names:
            assert 0 < await client.pttl(name) <= LONGEST_TTL.total_seconds() * 1000
    await cache.aclose()


async def test_namespaces_are_apart(redis_url: str) -> None:
    clock = SystemClock()
    ours = RedisCache(redis_url, CacheSettings(namespace="ours"), clock)
    theirs = RedisCache(redis_url, CacheSettings(namespace="theirs"), clock)
    await ours.put("k", b"ours", LONG)
    assert await theirs.get("k") is None
    await ours.aclose()
    await theirs.aclose()


async def test_many_callers_share_a_bounded_number_of_connections(shared_redis: Redis) -> None:
    clock = SystemClock()
    settings = CacheSettings(namespace=fresh_id(), pool_size=3, call_timeout=timedelta(seconds=10))
    cache = RedisCache(shared_redis.url(), settings, clock)
    async with redis.asyncio.from_url(shared_redis.url()) as client:
        before = len(await client.client_list())
        await asyncio.gather(*(cache.count("c", LONG) for _ in range(300)))
        assert len(await client.client_list()) - before <= 3
    assert await cache.count("c", LONG) == 301
    assert (cache.connections().size, cache.connections().in_use) == (3, 0)
    await cache.aclose()
