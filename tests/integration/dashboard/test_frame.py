"""What stands around every page: navigation, the account that is looked at, its clocks, what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.states import AlertState, SessionState
from stonechat.dashboard import navigation
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, alerts
from stonechat.database.repositories.alerts import AlertRow
from stonechat.monitoring import LAYERS, ProbeResult, degraded, ok
from tests.integration.dashboard.test_dashboard import site
from tests.support.desk import ROBIN, WREN, furnish

CLOCK = SystemClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), CLOCK) as opened:
        await furnish(opened, CLOCK.now(), count=10)
        yield opened


async def well() -> ProbeResult:
    return ok()


async def test_every_link_of_the_navigation_leads_to_a_page(database: Database) -> None:
    async with site(database) as here:
        links = (*navigation.OWNER, *navigation.MORE, *navigation.SYSTEM)
        overview = (await here.get("/")).text
        for link in links:
            assert f'href="{link.path}"' in overview
            shown = await here.get(link.path)
            assert shown.status_code in (200, 503), link  # 503: what it shows is not open in this test
            assert 'aria-current="page"' in shown.text, link


async def test_an_address_that_is_none_has_a_page_of_ours(database: Database) -> None:
    async with site(database) as here:
        missing = await here.get("/no/such/page")
    assert missing.status_code == 404
    assert "There is no such page" in missing.text and "Overview" in missing.text


async def test_the_account_that_is_chosen_is_shown_by_its_own_clocks_until_another_is(
    database: Database,
) -> None:
    async with site(database) as here:
        both = (await here.get("/queue")).text
        assert "@robin" in both and "@wren" in both and "clocks of UTC" in both
        await here.get(f"/queue?account={WREN.id}")
        one = (await here.get("/parts/waiting")).text
        assert "@wren" in one and "@robin" not in one
        assert "clocks of America/New_York" in (await here.get("/posts")).text
        await here.get("/?account=")
        assert "@robin" in (await here.get("/parts/waiting")).text


async def test_what_waits_is_counted_beside_the_link(database: Database) -> None:
    async with site(database) as here:
        assert "4<span class" in (await here.get("/posts")).text, "two replies to approve, two that failed"
        of_one = (await here.get(f"/posts?account={WREN.id}")).text
        assert "1<span class" in of_one


async def test_colours_are_chosen_by_an_address_and_kept(database: Database) -> None:
    async with site(database) as here:
        assert 'data-theme="auto"' in (await here.get("/posts")).text
        await here.get("/posts?theme=dark")
        assert 'data-theme="dark"' in (await here.get("/queue")).text
        assert 'data-theme="auto"' in (await here.get("/queue?theme=%3Cb%3E")).text


async def test_a_stranger_is_told_no_account(database: Database) -> None:
    async with site(database, password="long enough for this") as here:
        asked = await here.client.get("/login")
        assert asked.status_code == 200 and "robin" not in asked.text


async def test_all_runs_normally_only_where_no_alert_stands_below_it(database: Database) -> None:
    async with site(database) as here:
        for layer in LAYERS:
            here.board.register(layer, well)
        await here.board.check_all()
        assert "Running normally." in (await here.get("/parts/verdict")).text
        began = datetime(2026, 3, 1, tzinfo=UTC)
        fires = AlertRow("al-1", "rule", AlertState.FIRING, began, "warning", "Figures are old", "", "")
        async with database.begin("test.alert") as connection:
            await alerts.save(connection, fires, None, why="test")
        said = (await here.get("/parts/verdict")).text
        assert "Running normally" not in said and "Needs a look: Figures are old." in said


async def test_an_account_that_is_logged_out_is_named_and_no_part_of_the_program(database: Database) -> None:
    async def ill() -> ProbeResult:
        return degraded(f"{ROBIN.id} is expired: cookies are old")

    async with database.begin("test.session") as connection:
        await accounts.set_session(
            connection, ROBIN.id, SessionState.EXPIRED, now=CLOCK.now(), why="cookies are old"
        )
    async with site(database) as here:
        here.board.register("session", ill)
        await here.board.check_all()
        said = (await here.get("/parts/verdict")).text
    assert "@robin is not logged in." in said and "Session is" not in said
