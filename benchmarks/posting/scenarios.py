"""What the system under test is put through."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import psutil

from benchmarks.posting.order import Answer, BenchOrder
from stonechat.core.events import PostPublished, Stamped
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database.repositories import content
from stonechat.startup.wiring import Stonechat

SETTLED_WITHIN = 600.0
"""Real seconds after which what is not posted counts as lost."""
FIRST_DUE = 5.0
"""Real seconds from the start of ``on_time`` to its first due time: the system is idle by then."""
NEXT_WITHIN = 300.0
"""Real seconds after which a post that is due counts as never coming."""
STREAM = 3
"""Posts that are due at any moment while kills go on."""


async def drain(app: Stonechat, order: BenchOrder) -> Answer:
    """Everything due at once: how fast, in which order, how often."""
    return await _all_of(app, order, app.clock.now(), timedelta())


async def on_time(app: Stonechat, order: BenchOrder) -> Answer:
    """One post after the other, with nothing to do in between."""
    start = app.clock.now() + timedelta(seconds=FIRST_DUE)
    return await _all_of(app, order, start, timedelta(seconds=order.apart))


async def _all_of(app: Stonechat, order: BenchOrder, start: datetime, apart: timedelta) -> Answer:
    pieces = [_piece(app, number, start + apart * number) for number in range(order.posts)]
    with _posts_of(app) as posts:
        await _queue(app, pieces)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_WITHIN + order.posts * apart.total_seconds()):
                while len(posts.at) < order.posts:
                    await posts.next()
    return Answer([_told(piece) for piece in pieces], unsettled=await _unsettled(app))


async def recover(app: Stonechat, order: BenchOrder) -> Answer:
    """A post is always due; now and then something is killed, at any moment of its work."""
    chance = random.Random(7)
    recoveries: dict[str, list[float]] = {target: [] for target in order.targets}
    with _posts_of(app) as posts:
        fed = asyncio.create_task(_feed(app, posts), name="feed")
        try:
            await posts.next()
            for target in (target for _ in range(order.kills) for target in order.targets):
                await asyncio.sleep(chance.uniform(0.5, 2.0))
                await posts.next()
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                _kill(target)
                killed = time.monotonic()
                await posts.next()
                recoveries[target].append(time.monotonic() - killed)
        finally:
            fed.cancel()
            await asyncio.gather(fed, return_exceptions=True)
    return Answer(recoveries=recoveries)


class _Posts:
    """When posts went out, as the system itself says."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self._one = asyncio.Event()

    def hear(self, stamped: Stamped) -> None:
        """Take an event."""
        if isinstance(stamped.event, PostPublished):
            self.at.append(time.monotonic())
            self._one.set()

    async def next(self) -> None:
        """Wait for the next one, but not for ever."""
        self._one.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(NEXT_WITHIN):
                await self._one.wait()


@contextmanager
def _posts_of(app: Stonechat) -> Iterator[_Posts]:
    posts = _Posts()
    unsubscribe = app.events.subscribe(posts.hear)
    try:
        yield posts
    finally:
        unsubscribe()


async def _feed(app: Stonechat, posts: _Posts) -> None:
    """Keep a few posts due ahead of what went out."""
    number = 0
    while True:
        if number < len(posts.at) + STREAM * len(app.accounts):
            await _queue(app, [_piece(app, number, app.clock.now())])
            number += 1
        else:
            await asyncio.sleep(0.05)


def _kill(target: str) -> None:
    """SIGKILL, as the kernel does it when memory runs out."""
    here = psutil.Process().children(recursive=True)
    for process in here:
        with suppress(psutil.Error):
            arguments = process.cmdline()
            renderer = any(word.startswith("--type=") for word in arguments)
            if target == "page":
                wanted = "--type=renderer" in arguments
            elif target == "browser":
                wanted = any("--user-data-dir=" in word for word in arguments) and not renderer
            else:
                wanted = "run-driver" in arguments
            if wanted:
                process.send_signal(signal.SIGKILL)


def _piece(app: Stonechat, number: int, due_at: datetime) -> Content:
    account: Account = app.accounts[number % len(app.accounts)]
    now = app.clock.now()
    return Content(
        id=f"bench-{number:05d}",
        account_id=account.id,
        kind=ContentKind.SINGLE,
        state=ContentState.QUEUED,
        parts=(f"Note {number}: write the first line before you read the news.",),
        due_at=due_at + timedelta(microseconds=number),
        created_at=now,
        state_since=now,
    )


async def _queue(app: Stonechat, pieces: Sequence[Content]) -> None:
    async with app.database.begin("bench.queue") as connection:
        for piece in pieces:
            await content.add(connection, piece, who="bench")
    first: dict[str, datetime] = {}
    for piece in pieces:
        first.setdefault(piece.account_id, piece.due_at)
    for account, due_at in first.items():
        app.jobs.wake("posting.sweep", due_at, account)


async def _unsettled(app: Stonechat) -> list[str]:
    """What is not posted in the end, with its state and why."""
    async with app.database.read("bench.unsettled") as connection:
        open_states = [state for state in ContentState if state is not ContentState.POSTED]
        left = await content.in_states(connection, open_states, limit=100_000)
    return [f"{one.id}: {one.state.value}, {one.why}" for one in left if one.id.startswith("bench-")]


def _told(piece: Content) -> tuple[str, float]:
    return piece.parts[0], piece.due_at.astimezone(UTC).timestamp()


SCENARIOS: Mapping[str, Callable[[Stonechat, BenchOrder], Awaitable[Answer]]] = {
    "drain": drain,
    "on_time": on_time,
    "recover": recover,
}
"""By name."""
