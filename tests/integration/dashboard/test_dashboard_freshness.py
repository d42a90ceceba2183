"""The queue on many pages: one read a change, and never what was before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import MetricsRead, PostHeld
from stonechat.dashboard.queue_cache import FreshQueue
from stonechat.database import open_database
from stonechat.posting.queue import QueueRow, queue_rows
from tests.support.posting import ACCOUNT, Desk, desk_on, piece

CLOCK = SystemClock()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), CLOCK) as database:
        desk = desk_on(database, CLOCK)
        await desk.add_account(ACCOUNT)
        await desk.queue(*(piece(f"p{n}", f"Post {n}.", due_at=CLOCK.now()) for n in range(5)))
        yield desk


def counted(desk: Desk) -> tuple[list[int], Callable[[], Awaitable[list[QueueRow]]]]:
    """The gate's judgement of the queue, and how often it was asked for."""
    reads: list[int] = []

    async def read() -> list[QueueRow]:
        reads.append(1)
        return await queue_rows(desk.database, desk.rules, {"x_web": desk.network}, CLOCK)

    return reads, read


async def test_ten_pages_cost_one_read_and_see_what_was_read(desk: Desk) -> None:
    reads, read = counted(desk)
    queue = FreshQueue(CLOCK, read)
    pages = await asyncio.gather(*(queue() for _ in range(10)))
    assert len(reads) == 1
    assert all(page == pages[0] for page in pages)
    assert [row.content for row in pages[0]] == [await desk.find(row.content.id) for row in pages[0]]


async def test_a_change_is_on_the_next_page_and_what_changes_nothing_costs_nothing(desk: Desk) -> None:
    reads, read = counted(desk)
    queue = FreshQueue(CLOCK, read)
    desk.events.subscribe(queue.hear)
    assert len(await queue()) == 5
    desk.events.emit(MetricsRead(account_id=ACCOUNT.id, source="wire", posts=3))
    assert len(await queue()) == 5
    assert len(reads) == 1
    await desk.queue(piece("new", "New.", due_at=CLOCK.now()))
    desk.events.emit(PostHeld(account_id=ACCOUNT.id, content_id="new", why="held"))
    assert len(await queue()) == 6
    await desk.queue(piece("newer", "Newer.", due_at=CLOCK.now()))
    queue.outdate()
    assert len(await queue()) == 7


async def test_a_read_that_a_change_overtakes_is_not_shown_again(desk: Desk) -> None:
    reads, read = counted(desk)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> list[QueueRow]:
        rows = await read()
        begun.set()
        await go_on.wait()
        return rows

    queue = FreshQueue(CLOCK, slow)
    first = asyncio.create_task(queue())
    await begun.wait()
    await desk.queue(piece("new", "New.", due_at=CLOCK.now()))
    queue.outdate()
    go_on.set()
    assert len(await first) == 5
    assert len(await queue()) == 6
    assert len(reads) == 2


async def test_a_read_that_fails_is_told_and_not_kept(desk: Desk) -> None:
    _, read = counted(desk)
    failures = [OSError("the database is away")]

    async def failing_once() -> list[QueueRow]:
        if failures:
            raise failures.pop()
        return await read()

    queue = FreshQueue(CLOCK, failing_once)
    with pytest.raises(OSError, match="away"):
        await queue()
    assert len(await queue()) == 5


async def test_a_page_that_is_closed_does_not_end_the_read_of_the_others(desk: Desk) -> None:
    reads, read = counted(desk)
    queue = FreshQueue(CLOCK, read)
    closed, open_ = (asyncio.create_task(queue()) for _ in range(2))
    await asyncio.sleep(0)
    closed.cancel()
    assert len(await open_) == 5
    assert len(reads) == 1


async def test_what_another_process_did_is_seen_after_two_seconds_at_most(desk: Desk) -> None:
    _, read = counted(desk)
    queue = FreshQueue(CLOCK, read)
    assert len(await queue()) == 5
    await desk.queue(piece("elsewhere", "New.", due_at=CLOCK.now()))
    async with asyncio.timeout(timedelta(seconds=4).total_seconds()):
        while len(await queue()) == 5:
            await asyncio.sleep(0.05)
