"""The cache in this process: bounded, with time passed in, tokens that only grow."""

from __future__ import annotations

from datetime import timedelta

from tests.support.clock import ManualClock

from stonechat.cache.memory import InProcessCache

LONG = timedelta(hours=1)


async def test_it_holds_no_more_than_its_limit_and_drops_what_was_unused_for_longest() -> None:
    cache = InProcessCache(ManualClock(), limit=3)
    for key in "abc":
        await cache.put(key, key.encode(), LONG)
    await cache.get("a")
    await cache.put("d", b"d", LONG)
    assert len(cache) == 3
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


async def test_tokens_grow_although_everything_was_forgotten() -> None:
    clock = ManualClock()
    first = InProcessCache(clock)
    before = await first.lease("l", LONG)
    await clock.advance(seconds=1)
    after = await InProcessCache(clock).lease("l", LONG)
    assert before is not None
    assert after is not None
    assert after.token > before.token


async def test_tokens_grow_although_the_clock_was_set_back() -> None:
    clock = ManualClock()
    cache = InProcessCache(clock)
    before = await cache.lease("l", LONG)
    assert before is not None
    await cache.release(before)
    clock.jump(timedelta(days=-1))
    after = await cache.lease("l", LONG)
    assert after is not None
    assert after.token > before.token
