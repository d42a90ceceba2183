"""Repositories say how much they stored, alike on both engines."""

from dataclasses import replace
from datetime import UTC, datetime

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.model import Metrics, Opportunity, Snapshot
from stonechat.core.states import OpportunityState
from stonechat.database import open_database
from stonechat.database.repositories import metrics, opportunities

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
SHOT = Snapshot("x:a", "1", None, NOW, Metrics(likes=3), "wire")
FOUND = Opportunity(
    "o1", "x:a", "9", "ann", "How do you sleep?", "u", NOW, NOW, OpportunityState.FOUND, "search"
)


async def test_a_snapshot_is_stored_once_and_counted_once(every_database_url: str) -> None:
    async with open_database(every_database_url, DatabaseSettings(), SystemClock()) as database:
        async with database.begin("test.snapshots") as connection:
            assert await metrics.append(connection, [SHOT, replace(SHOT, post_id="2")]) == 2
            assert await metrics.append(connection, [SHOT]) == 0
        async with database.read("test.snapshots") as connection:
            assert await metrics.of_post(connection, "x:a", "1") == [SHOT]


async def test_an_opportunity_is_stored_once_and_counted_once(every_database_url: str) -> None:
    async with (
        open_database(every_database_url, DatabaseSettings(), SystemClock()) as database,
        database.begin("test.opportunities") as connection,
    ):
        assert await opportunities.add(connection, [FOUND, FOUND]) == 1
        assert await opportunities.add(connection, [FOUND]) == 0
        assert await opportunities.pool_size(connection, "x:a") == 1


async def test_an_author_is_watched_once(every_database_url: str) -> None:
    async with (
        open_database(every_database_url, DatabaseSettings(), SystemClock()) as database,
        database.begin("test.authors") as connection,
    ):
        assert await opportunities.watch_author(
            connection, "x:a", "ann", found_at=NOW, followers=None, score=1.0
        )
        assert not await opportunities.watch_author(
            connection, "x:a", "ann", found_at=NOW, followers=5, score=2.0
        )
