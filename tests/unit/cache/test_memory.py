"""The cache in this process: bounded, with time passed in, tokens that only grow."""

from __future__ import annotations

from datetime import timedelta

from stonechat.cache.memory import InProcessCache
from tests.support.clock import ManualClock

LONG = timedelta(hours=1)


async def test_it_holds_no_more_than_its_limit_and_drops_what_was_unused_for_longest() -> None:
    cache = InProcessCache(ManualClock(), limit=3)
    for key in "abc":
        await cache.put(key, key.encode(), LONG)
    await cache.get("a")
    await cache.put("d", b"d", LONG)
    assert cache.size == 3
    assert await cache.get("b") is None
    assert await cache.get("a") == b"a"


async def test_a_value_lives_until_its_time_and_not_longer() -> None:
    clock = ManualClock()
    cache = InProcessCache(clock)
    await cache.put("k", b"v", timedelta(seconds=10))
    await clock.advance(seconds=9.9)
    assert await cache.get("k") == b"v"
    await clock.advance(seconds=0.2)
    assert await cache.get("k") is None


async def test_counting_does_not_prolong_the_time_to_live() -> None:
    clock = ManualClock()
    cache = InProcessCache(clock)
    await cache.count("c", timedelta(seconds=10))
    await clock.advance(seconds=6)
    assert await cache.count("c", timedelta(seconds=10)) == 2
    await clock.advance(seconds=5)
    assert await cache.count("c", timedelta(seconds=10)) == 1


async def test_it_holds_no_more_bytes_than_it_has_room_for() -> None:
    cache = InProcessCache(ManualClock(), room=1000)
    for number in range(20):
        await cache.put(f"k{number}", b"x" * 300, LONG)
    assert cache.size == 3
    await cache.put("k19", b"x", LONG)
    await cache.put("k20", b"x" * 300, LONG)
    assert cache.size == 4
    cache.clear()
    await cache.put("all", b"x" * 1000, LONG)
    assert cache.size == 1
