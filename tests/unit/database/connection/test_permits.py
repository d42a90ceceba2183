"""Places in the pool: given out in order and to publishing first, counted, and their holders known."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from stonechat.database.connection.admission import PASSED
from stonechat.database.connection.permits import Permits, PermitsExhausted, caller, doing
from tests.support.clock import ManualClock

WAIT = timedelta(seconds=5)


async def test_who_asks_first_is_served_first_and_those_who_wait_are_counted() -> None:
    clock = ManualClock()
    permits = Permits(1, WAIT, clock, one_writer=False)
    served: list[str] = []

    async def user(name: str) -> None:
        number = await permits.take(name, "here", write=False)
        served.append(name)
        permits.give_back(number)

    first = await permits.take("first", "here", write=False)
    waiting = [asyncio.create_task(user(name)) for name in ("second", "third")]
    await asyncio.sleep(0)
    await clock.advance(seconds=3)
    state = permits.state()
    assert (state.in_use, state.waiting, state.waiting_longest) == (1, 2, timedelta(seconds=3))
    permits.give_back(first)
    await asyncio.gather(*waiting)
    assert served == ["second", "third"]
    state = permits.state()
    assert (state.in_use, state.waiting, state.waits, state.waited) == (0, 0, 3, timedelta(seconds=6))


class Crowd:
    """Users who take a place, note their name, and give the place back at once."""

    def __init__(self, permits: Permits, *, write: bool) -> None:
        self.permits = permits
        self.write = write
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def join(self, *names: str) -> None:
        self.tasks += [asyncio.create_task(self._use(name)) for name in names]
        await asyncio.sleep(0)

    async def _use(self, name: str) -> None:
        number = await self.permits.take(name, "here", write=self.write)
        self.served.append(name)
        await asyncio.sleep(0)
        self.permits.give_back(number)


@pytest.mark.parametrize("write", [True, False])
async def test_with_every_place_taken_who_publishes_gets_the_next_one_and_all_get_theirs(write: bool) -> None:
    permits = Permits(2, WAIT, ManualClock(), one_writer=True)
    held = [await permits.take("content.plan", "here", write=False)]
    held.append(await permits.take("content.plan", "here", write=write))
    crowd = Crowd(permits, write=write)
    await crowd.join(*(f"scraping.store{number}" for number in range(50)))
    await crowd.join("posting.claim")
    with doing("posting.sweep/x:ann@9"):
        await crowd.join("content.rows of a run that publishes")
    assert permits.state().waiting == 52
    permits.give_back(held.pop())
    async with asyncio.timeout(5):
        await asyncio.gather(*crowd.tasks)
    assert crowd.served[:2] == ["posting.claim", "content.rows of a run that publishes"]
    assert crowd.served[2:] == [f"scraping.store{number}" for number in range(50)]
    permits.give_back(held.pop())
    assert permits.state().in_use == permits.state().waiting == 0


async def test_however_much_is_published_the_others_get_every_fourth_place() -> None:
    permits = Permits(1, WAIT, ManualClock(), one_writer=False)
    held = await permits.take("content.plan", "here", write=False)
    crowd = Crowd(permits, write=False)
    await crowd.join("learning.train", "harvesting.pool")
    await crowd.join(*(f"posting.{number}" for number in range(3 * PASSED)))
    permits.give_back(held)
    async with asyncio.timeout(5):
        await asyncio.gather(*crowd.tasks)
    assert crowd.served[PASSED] == "learning.train"
    assert crowd.served[2 * PASSED + 1] == "harvesting.pool"
    assert len(crowd.served) == 2 + 3 * PASSED


async def test_a_writer_who_has_its_turn_is_not_held_up_by_readers_while_publishing_waits_behind_it() -> None:
    permits = Permits(1, WAIT, ManualClock(), one_writer=True)
    held = await permits.take("dashboard.posts", "here", write=False)
    readers, writers = Crowd(permits, write=False), Crowd(permits, write=True)
    readers.served = writers.served
    await readers.join("reader 1", "reader 2")
    await writers.join("content.store", "posting.claim")
    permits.give_back(held)
    async with asyncio.timeout(5):
        await asyncio.gather(*readers.tasks, *writers.tasks)
    assert writers.served.index("posting.claim") < writers.served.index("reader 2")
    assert writers.served[0] == "content.store"


async def test_a_place_offered_to_one_who_gives_up_at_that_moment_goes_to_the_next() -> None:
    permits = Permits(1, WAIT, ManualClock(), one_writer=False)
    held = await permits.take("content.plan", "here", write=False)
    crowd = Crowd(permits, write=False)
    await crowd.join("gives up", "posting.claim", "posting.next", "last")
    crowd.tasks[0].cancel()  # before anything is free
    permits.give_back(held)
    crowd.tasks[1].cancel()  # when its place has just been handed to it
    done = await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in done] == [True, True, False, False]
    assert crowd.served == ["posting.next", "last"]
    assert permits.state().in_use == permits.state().waiting == 0


async def test_a_holder_is_named_with_run_place_and_time_once_it_holds_for_too_long() -> None:
    clock = ManualClock()
    permits = Permits(2, WAIT, clock, one_writer=False)
    with doing("content.plan/ann@9"):
        await permits.take("content.history", "content/planner.py:12", write=False)
    await clock.advance(seconds=20)
    await permits.take("posting.claim", "posting/publisher.py:90", write=True)
    await clock.advance(seconds=15)
    [late] = permits.state().held_too_long(timedelta(seconds=30))
    assert (late.task, late.job, late.held) == (
        "content.history",
        "content.plan/ann@9",
        timedelta(seconds=35),
    )
    assert "at content/planner.py:12" in str(late)


async def test_a_writer_waits_for_its_turn_without_taking_a_place_from_readers() -> None:
    permits = Permits(2, WAIT, ManualClock(), one_writer=True)
    writing = await permits.take("writer", "here", write=True)
    second = asyncio.create_task(permits.take("writer too", "here", write=True))
    await asyncio.sleep(0)
    reading = await permits.take("reader", "here", write=False)
    assert permits.state().in_use == 2
    permits.give_back(reading)
    permits.give_back(writing)
    permits.give_back(await second)
    assert permits.state().in_use == 0


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_cancelled_while_waiting_nothing_is_held_or_lost(cancelled_first: bool) -> None:
    permits = Permits(1, WAIT, ManualClock(), one_writer=True)
    number = await permits.take("holder", "here", write=True)
    waiting = asyncio.create_task(permits.take("waits", "here", write=True))
    await asyncio.sleep(0)
    if cancelled_first:
        waiting.cancel()
        permits.give_back(number)
    else:
        permits.give_back(number)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert permits.state().waiting == 0
    async with asyncio.timeout(1):
        permits.give_back(await permits.take("next", "here", write=True))


async def test_a_pool_that_stays_full_says_whether_a_place_or_the_turn_was_missing() -> None:
    short = timedelta(milliseconds=20)
    permits = Permits(1, short, ManualClock(), one_writer=True)
    number = await permits.take("reader", "here", write=False)
    with pytest.raises(PermitsExhausted) as full:
        await permits.take("reader too", "here", write=False)
    assert not full.value.writing
    permits.give_back(number)
    permits = Permits(2, short, ManualClock(), one_writer=True)
    await permits.take("writer", "here", write=True)
    with pytest.raises(PermitsExhausted) as full:
        await permits.take("writer too", "here", write=True)
    assert full.value.writing


def test_the_caller_is_named_by_file_and_line() -> None:
    assert caller(0).startswith("connection/test_permits.py:")
