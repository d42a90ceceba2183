"""Places in the pool: given out in order, counted, and their holders known."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.support.clock import ManualClock

from stonechat.database.places import Full, Places, caller, doing

WAIT = timedelta(seconds=5)


async def test_who_asks_first_is_served_first_and_those_who_wait_are_counted() -> None:
    clock = ManualClock()
    places = Places(1, WAIT, clock, one_writer=False)
    served: list[str] = []

    async def user(name: str) -> None:
        number = await places.take(name, "here", write=False)
        served.append(name)
        places.give_back(number)

    first = await places.take("first", "here", write=False)
    waiting = [asyncio.create_task(user(name)) for name in ("second", "third")]
    await asyncio.sleep(0)
    await clock.advance(seconds=3)
    state = places.state()
    assert (state.in_use, state.waiting, state.waiting_longest) == (1, 2, timedelta(seconds=3))
    places.give_back(first)
    await asyncio.gather(*waiting)
    assert served == ["second", "third"]
    state = places.state()
    assert (state.in_use, state.waiting, state.waits, state.waited) == (0, 0, 3, timedelta(seconds=6))


async def test_a_holder_is_named_with_run_place_and_time_once_it_holds_for_too_long() -> None:
    clock = ManualClock()
    places = Places(2, WAIT, clock, one_writer=False)
    with doing("content.plan/ann@9"):
        await places.take("content.history", "content/planner.py:12", write=False)
    await clock.advance(seconds=20)
    await places.take("posting.claim", "posting/publisher.py:90", write=True)
    await clock.advance(seconds=15)
    [late] = places.state().held_too_long(timedelta(seconds=30))
    assert (late.task, late.job, late.held) == (
        "content.history",
        "content.plan/ann@9",
        timedelta(seconds=35),
    )
    assert "at content/planner.py:12" in str(late)


async def test_a_writer_waits_for_its_turn_without_taking_a_place_from_readers() -> None:
    places = Places(2, WAIT, ManualClock(), one_writer=True)
    writing = await places.take("writer", "here", write=True)
    second = asyncio.create_task(places.take("writer too", "here", write=True))
    await asyncio.sleep(0)
    reading = await places.take("reader", "here", write=False)
    assert places.state().in_use == 2
    places.give_back(reading)
    places.give_back(writing)
    places.give_back(await second)
    assert places.state().in_use == 0


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_cancelled_while_waiting_nothing_is_held_or_lost(cancelled_first: bool) -> None:
    places = Places(1, WAIT, ManualClock(), one_writer=True)
    number = await places.take("holder", "here", write=True)
    waiting = asyncio.create_task(places.take("waits", "here", write=True))
    await asyncio.sleep(0)
    if cancelled_first:
        waiting.cancel()
        places.give_back(number)
    else:
        places.give_back(number)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert places.state().waiting == 0
    async with asyncio.timeout(1):
        places.give_back(await places.take("next", "here", write=True))


async def test_a_pool_that_stays_full_says_whether_a_place_or_the_turn_was_missing() -> None:
    short = timedelta(milliseconds=20)
    places = Places(1, short, ManualClock(), one_writer=True)
    number = await places.take("reader", "here", write=False)
    with pytest.raises(Full) as full:
        await places.take("reader too", "here", write=False)
    assert not full.value.writing
    places.give_back(number)
    places = Places(2, short, ManualClock(), one_writer=True)
    await places.take("writer", "here", write=True)
    with pytest.raises(Full) as full:
        await places.take("writer too", "here", write=True)
    assert full.value.writing


def test_the_caller_is_named_by_file_and_line() -> None:
    assert caller(0).startswith("database/test_places.py:")
