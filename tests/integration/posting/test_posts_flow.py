"""The check of the posting layer on real rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, LayerState
from stonechat.database import open_database
from stonechat.database.repositories import accounts, content
from stonechat.monitoring.outcome import posts_flow
from tests.support.posting import ACCOUNT

CLOCK = SystemClock()


def queued(name: str, due: timedelta) -> Content:
    now = CLOCK.now()
    return Content(
        name, ACCOUNT.id, ContentKind.SINGLE, ContentState.QUEUED, (f"text {name}",), now + due, now, now
    )


async def test_a_due_post_that_does_not_go_out_is_seen_and_a_held_or_backed_off_one_told_apart(
    any_database_url: str,
) -> None:
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as database:
        check = posts_flow(database, CLOCK)
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
            await content.add(connection, queued("later", timedelta(hours=1)), who="test")
            waits = replace(queued("waits", timedelta(hours=-5)), not_before=CLOCK.now() + timedelta(hours=1))
            await content.add(connection, waits, who="test")
        assert (await check()).state is LayerState.OK
        async with database.begin("test") as connection:
            await content.add(connection, queued("overdue", timedelta(hours=-2)), who="test")
        stalled = await check()
        assert stalled.state is LayerState.DOWN
        assert "1 due on x:robin and none published for 120 min" in stalled.cause
        async with database.begin("test") as connection:
            await accounts.switch_off(
                connection, "posting", account_id=None, who="owner", why="holiday", now=CLOCK.now()
            )
        assert (await check()).state is LayerState.DEGRADED


async def test_posts_that_a_publisher_is_just_claiming_are_still_seen_as_due(postgres_url: str) -> None:
    async with open_database(postgres_url, DatabaseSettings(), CLOCK) as database:
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
            await content.add(connection, queued("due", timedelta(hours=-2)), who="test")
        async with database.begin("test.publisher") as connection:
            assert len(await content.due(connection, ACCOUNT.id, CLOCK.now())) == 1
            check = posts_flow(database, CLOCK)
            assert (await check()).state is LayerState.DOWN
