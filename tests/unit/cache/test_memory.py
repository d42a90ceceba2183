"""The cache in this process: bounded, with time passed in, tokens that only grow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from stonechat.cache.memory import InProcessCache
from stonechat.core.ports import CacheLease, NoLease
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


def epochs(*numbers: int) -> Callable[[], Awaitable[int]]:
    following = iter(numbers)

    async def give() -> int:
        return next(following)

    return give


async def token(cache: InProcessCache, name: str = "l") -> int:
    lease = await cache.lease(name, LONG)
    assert isinstance(lease, CacheLease)
    await cache.release(lease)
    return lease.token


async def test_tokens_grow_over_a_restart_of_the_process_although_the_clock_was_set_back() -> None:
    clock = ManualClock()
    numbers = epochs(3, 4)
    before = [await token(cache) for cache in [InProcessCache(clock, numbers)] for _ in range(5)]
    clock.jump(timedelta(days=-1))
    after = InProcessCache(clock, numbers)
    assert await token(after) > max(before)
    after.clear()
    assert await token(after) > max(before) + 1


async def test_tokens_grow_when_the_numbers_of_an_epoch_are_used_up() -> None:
    cache = InProcessCache(ManualClock(), epochs(1, 2))
    last = await token(cache)
    cache._last = cache._end - 2
    assert last < await token(cache) < await token(cache) < await token(cache)


async def test_without_a_first_token_from_the_database_no_lease_is_granted() -> None:
    cache = InProcessCache(ManualClock())
    assert await cache.lease("l", LONG) is NoLease.UNSURE
    await cache.put("k", b"v", LONG)
    assert await cache.get("k") == b"v"
