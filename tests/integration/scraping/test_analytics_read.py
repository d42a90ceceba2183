"""Analytics and harvesting are read from the rows as they are, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.model import ContentKind, Metrics, Snapshot
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content, harvest_sources, metrics, page_loads
from stonechat.harvesting.summary import read_summary
from stonechat.scraping.analytics import ALL, read_analytics
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT, piece

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


@pytest.fixture
async def database(any_database_url: str) -> AsyncIterator[Database]:
    async with open_database(any_database_url, DatabaseSettings(), SystemClock()) as opened:
        async with opened.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, NOW)
            await accounts.put(connection, replace(ACCOUNT, id="x:other", handle="other"), NOW)
        yield opened


async def published(database: Database, name: str, posted_at: datetime, account: str = ACCOUNT.id) -> None:
    row = replace(
        piece(name, f"Text {name}.", due_at=posted_at),
        account_id=account,
        kind=ContentKind.SINGLE,
        state=ContentState.POSTED,
        post_id=f"p-{name}",
        posted_at=posted_at,
    )
    async with database.begin("test") as connection:
        await content.add(connection, row, who="test")


async def read(database: Database, name: str, at: datetime, likes: int, account: str = ACCOUNT.id) -> None:
    async with database.begin("test") as connection:
        shot = Snapshot(account, f"p-{name}", name, at, Metrics(likes=likes, views=100), "wire")
        await metrics.append(connection, [shot])


async def test_the_last_reading_of_each_post_of_this_account_and_period_counts(database: Database) -> None:
    await published(database, "a", NOW - timedelta(days=2))
    await published(database, "b", NOW - timedelta(days=1))
    await published(database, "old", NOW - timedelta(days=40))
    await published(database, "theirs", NOW - timedelta(days=1), "x:other")
    for hours, likes in ((2, 1), (24, 5)):
        await read(database, "a", NOW - timedelta(days=2) + timedelta(hours=hours), likes)
    await read(database, "old", NOW, 90)
    await read(database, "theirs", NOW, 50, "x:other")
    async with database.begin("test") as connection:
        await metrics.append_account(connection, ACCOUNT.id, NOW, followers=7, following=3)

    found = await read_analytics(database, ManualClock(NOW), ACCOUNT, timedelta(days=30))

    whole = [row for row in found.rows if row.dimension == ALL]
    assert [(row.posts, row.read, row.engagement, row.views) for row in whole] == [
        (1, 1, 5, 100),
        (1, 0, 0, None),
    ]
    assert [(row.followers, row.more) for row in found.growth] == [(7, None)]
    assert (found.replies, found.answered) == (0, 0)


async def test_searches_and_the_pages_of_the_last_day_are_told(database: Database) -> None:
    async with database.begin("test") as connection:
        await harvest_sources.note(connection, ACCOUNT.id, "search", "sleep", found=3, now=NOW)
        for hour in (NOW, NOW - timedelta(hours=23), NOW - timedelta(hours=24)):
            await page_loads.add(connection, ACCOUNT.id, hour, "search")

    found = await read_summary(database, ManualClock(NOW), ACCOUNT)

    assert [(one.query, one.asked, one.found) for one in found.searches] == [("sleep", 1, 3)]
    assert found.loads == {"search": 2}
