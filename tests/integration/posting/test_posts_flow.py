"""The check of the posting layer on real rows: each way in which nothing is published, with its reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, LayerState, SessionState
from stonechat.database import open_database
from stonechat.database.repositories import accounts, content, receipts
from stonechat.monitoring.outcome import posts_flow
from tests.support.posting import ACCOUNT

CLOCK = SystemClock()
HOUR = timedelta(hours=1)
Way = Callable[[AsyncConnection], Awaitable[None]]


def planned(name: str, ago: timedelta, **values: object) -> Content:
    now = CLOCK.now()
    row = Content(
        name, ACCOUNT.id, ContentKind.SINGLE, ContentState.QUEUED, (f"text {name}",), now - ago, now, now
    )
    return replace(row, **values)  # type: ignore[arg-type]


async def refused_and_put_off(connection: AsyncConnection) -> None:
    """Tried again and again; each refusal pushes the next try ahead, and then the slot itself."""
    piece = planned("a", 3 * HOUR)
    await content.add(connection, piece, who="test")
    now, wall = CLOCK.now() - 3 * HOUR, CLOCK.wall()
    for _ in range(2):
        piece = await content.claim(connection, piece, now=now, lease_until=wall, who="test")
        tried = await receipts.begin(connection, piece, parts_from=0, host="h", now=now, wall=wall)
        await receipts.end(connection, tried, outcome="refused", detail="", now=now, wall=wall)
        later, why = CLOCK.now() + HOUR, "the send button stays disabled"
        piece = await content.change(
            connection, piece, ContentState.QUEUED, now=now, who="test", why=why, not_before=later
        )
    await content.amend(connection, piece, due_at=CLOCK.now() + HOUR)


async def held(connection: AsyncConnection) -> None:
    await content.add(connection, planned("a", HOUR, why="browser: the breaker is open: killed"), who="test")


async def unapproved(connection: AsyncConnection) -> None:
    await content.add(connection, planned("a", HOUR, state=ContentState.AWAITING_APPROVAL), who="test")


async def put_off_by_a_limit(connection: AsyncConnection) -> None:
    await published(connection, ago=5 * HOUR)
    await content.add(connection, planned("a", -9 * HOUR, why="the rate limit is reached"), who="test")


async def published(connection: AsyncConnection, *, ago: timedelta) -> None:
    piece = planned("published", ago)
    await content.add(connection, piece, who="test")
    at = CLOCK.now() - ago
    piece = await content.claim(connection, piece, now=at, lease_until=CLOCK.wall(), who="test")
    await content.change(
        connection, piece, ContentState.POSTED, now=at, who="test", post_id="1", url="", posted_at=at
    )


async def no_content(connection: AsyncConnection) -> None:
    await published(connection, ago=30 * HOUR)


async def clock_set_back(connection: AsyncConnection) -> None:
    await published(connection, ago=-26 * HOUR)


async def no_session(connection: AsyncConnection) -> None:
    await content.add(connection, planned("a", HOUR), who="test")
    await accounts.set_session(
        connection, ACCOUNT.id, SessionState.EXPIRED, now=CLOCK.now(), why="the log-in page came"
    )


async def paused(connection: AsyncConnection) -> None:
    await content.add(connection, planned("a", HOUR), who="test")
    await accounts.switch_off(
        connection, "posting", account_id=None, who="owner", why="holiday", now=CLOCK.now()
    )


WAYS: dict[Way, tuple[LayerState, str]] = {
    refused_and_put_off: (LayerState.DOWN, "none published for 3.0 h: the send button stays disabled"),
    held: (LayerState.DOWN, "browser: the breaker is open: killed"),
    unapproved: (LayerState.DEGRADED, "1 post waits for your approval"),
    put_off_by_a_limit: (LayerState.DEGRADED, "the next by 9.0 h: the rate limit is reached"),
    no_content: (LayerState.DOWN, "nothing is planned"),
    clock_set_back: (LayerState.DOWN, "the clock stands 26.0 h before the newest post"),
    no_session: (LayerState.OK, ""),
    paused: (LayerState.OK, ""),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_each_way_in_which_nothing_is_published_is_said_with_its_reason(
    any_database_url: str, way: Way
) -> None:
    state, reason = WAYS[way]
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as database:
        check = posts_flow(database, CLOCK)
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
            await content.add(connection, planned("later", -HOUR), who="test")
            if way in (no_content, clock_set_back, put_off_by_a_limit):
                later = await content.find(connection, "later")
                assert later is not None
                await content.change(
                    connection, later, ContentState.CANCELLED, now=CLOCK.now(), who="test", why="not needed"
                )
        assert (await check()).state is LayerState.OK
        async with database.begin("test") as connection:
            await way(connection)
        found = await check()
        assert (found.state, reason in found.cause) == (state, True), found.cause
        assert found.paused == (f"{ACCOUNT.id} by owner: holiday" if way is paused else "")
        assert (await posts_flow(database, CLOCK, disabled=True)()).state is LayerState.OK


async def test_a_post_that_goes_out_ends_it(any_database_url: str) -> None:
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as database:
        check = posts_flow(database, CLOCK)
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
            await held(connection)
        assert (await check()).state is LayerState.DOWN
        async with database.begin("test") as connection:
            await published(connection, ago=timedelta())
        assert (await check()).state is LayerState.OK


async def test_posts_that_a_publisher_is_just_claiming_are_still_seen_as_due(postgres_url: str) -> None:
    async with open_database(postgres_url, DatabaseSettings(), CLOCK) as database:
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
            await content.add(connection, planned("due", 2 * HOUR), who="test")
        async with database.begin("test.publisher") as connection:
            assert len(await content.due(connection, ACCOUNT.id, CLOCK.now())) == 1
            assert (await posts_flow(database, CLOCK)()).state is LayerState.DOWN
