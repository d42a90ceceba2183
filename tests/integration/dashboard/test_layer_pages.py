"""The pages of posting, database, cache and harvesting show what is so, and say so where nothing is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from stonechat.cache import FallbackCache
from stonechat.cache.memory import InProcessCache
from stonechat.config.settings import DatabaseSettings
from stonechat.core.events import EventStream
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, opportunities
from stonechat.monitoring import ProbeResult, degraded
from stonechat.monitoring.figures import Figures
from tests.integration.alerting.test_awareness import found_at
from tests.integration.dashboard.test_dashboard import CLOCK, Site, fill, site
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), CLOCK) as opened:
        await fill(opened)
        yield opened


async def slow() -> ProbeResult:
    return degraded("43 transactions were slow", remedy="Look at the server's load.")


async def page(shown: Site, path: str) -> str:
    answer = await shown.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_pages_of_the_layers_show_what_is_so(database: Database) -> None:
    async with site(database) as shown:
        async with database.begin("test") as connection:
            opportunity = found_at(CLOCK.now(), age=timedelta(hours=3))
            await opportunities.add(connection, [opportunity])
        with pytest.raises(sa.exc.OperationalError):
            async with database.read("test.wrong") as connection:
                await connection.execute(sa.text("SELECT 1 FROM no_such_table"))
        figures = Figures(database, CLOCK, grace=timedelta(hours=2), maturity=timedelta(hours=48))
        await figures.read()
        cache = FallbackCache(None, InProcessCache(CLOCK), CLOCK, EventStream(CLOCK))
        await cache.get("something")
        shown.data.connect(figures=figures, cache=cache)
        shown.board.register("database", slow)
        await shown.board.check("database")
        posting = await page(shown, "/posting")
        for said in (
            ACCOUNT.id,
            "posts on time",
            "posts confirmed",
            "metrics fresh",
            "2 h ago",
            "budget left",
        ):
            assert said in posting, said
        told = await page(shown, "/database")
        for said in ("43 transactions were slow", "Look at the server", "statement", "connections"):
            assert said in told, said
        assert "in-process serves" in await page(shown, "/cache")
        [numbers] = (await shown.get("/api/figures")).json()
        assert numbers["pool"] == {"search, 1 to 6 h": 1}
        assert {level["name"] for level in numbers["levels"]} == {
            "posts on time",
            "posts confirmed",
            "metrics fresh",
        }


@pytest.mark.parametrize("path", ["/posting", "/harvesting", "/analytics", "/database", "/cache"])
async def test_a_page_whose_layer_is_not_open_says_so(path: str) -> None:
    async with site() as shown:
        assert "not open yet" in (await page(shown, path)).casefold()


async def test_the_figures_of_a_page_are_those_of_now(tmp_path: Path) -> None:
    """They were read at the start: the page said that nothing was posted and everything published."""
    clock = ManualClock()
    async with open_database(f"sqlite:///{tmp_path}/y.db", DatabaseSettings(), clock) as database:
        figures = Figures(database, clock, grace=timedelta(hours=2), maturity=timedelta(hours=48))
        assert await figures.recent() == ()
        await fill(database)
        await clock.advance(seconds=1)
        assert await figures.recent() == (), "for two seconds one reading serves everybody"
        clock.jump(timedelta(hours=-3))
        await clock.advance(seconds=2)
        assert [one.account_id for one in await figures.recent()] == [ACCOUNT.id]


async def test_what_nothing_was_due_for_is_no_success(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/z.db", DatabaseSettings(), CLOCK) as database:
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
        async with site(database) as shown:
            shown.data.connect(
                figures=Figures(database, CLOCK, grace=timedelta(hours=2), maturity=timedelta(hours=48))
            )
            told = await page(shown, "/posting")
            assert "none due yet" in told and "0 of 0" not in told
            [numbers] = (await shown.get("/api/figures")).json()
            assert set(numbers["success"].values()) == {None}
