"""The front over a server that comes and goes: no flapping, nothing lost on the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from stonechat.cache.fallback import FallbackCache
from stonechat.cache.memory import InProcessCache
from stonechat.cache.redis_cache import RedisCache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import CacheSwitched, EventStream, Stamped
from tests.support.clock import ManualClock

LONG = timedelta(minutes=5)


class Moody(RedisCache):
    """A server that is always found again, and then fails every call."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("redis://127.0.0.1:1/0", CacheSettings(), clock)
        self.proofs = 0
        self.takes = timedelta()
        self._hands = clock

    async def prove(self) -> None:
        self.proofs += 1

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        raise Transient("not now")

    async def get(self, key: str) -> bytes | None:
        await self._hands.sleep_real(self.takes)
        return None


def opened(clock: ManualClock) -> tuple[Moody, FallbackCache, list[str]]:
    main, events, moves = Moody(clock), EventStream(clock), list[str]()

    def hear(stamped: Stamped) -> None:
        if isinstance(stamped.event, CacheSwitched):
            moves.append(stamped.event.to)

    events.subscribe(hear)
    return main, FallbackCache(main, InProcessCache(clock), clock, events), moves


async def test_a_server_that_fails_whenever_it_is_back_is_tried_ever_more_seldom() -> None:
    clock = ManualClock()
    main, front, moves = opened(clock)
    for _ in range(600):  # a minute, in tenths of a second
        await front.put("k", b"v", LONG)
        assert front.health().failures <= 3 * (1 + main.proofs)
        await clock.advance(seconds=0.1)
    assert 5 <= main.proofs <= 12  # after 0.5, 1, 2, 4, 8, 10, 10 … seconds
    assert moves[:3] == ["in-process", "redis", "in-process"]
    await front.aclose()


async def test_failures_with_successes_between_them_count_too() -> None:
    clock = ManualClock()
    _, front, moves = opened(clock)
    for _ in range(9):
        await front.put("k", b"v", LONG)
        await front.get("k")
    assert moves == []
    await front.put("k", b"v", LONG)
    assert moves == ["in-process"]
    assert front.health().cause.startswith("Redis is overloaded: 10 of the last 19 calls")
    await front.aclose()


async def test_a_server_that_is_slow_is_left_although_it_answers() -> None:
    clock = ManualClock()
    main, front, moves = opened(clock)
    main.takes = timedelta(seconds=0.3)
    for _ in range(10):
        asking = asyncio.create_task(front.get("k"))
        await clock.advance(seconds=0.4)
        await asking
    assert moves == ["in-process"]
    assert front.health().failures == 0
    await front.aclose()
