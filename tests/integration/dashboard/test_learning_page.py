"""The learning page and a post's page over real HTTP: the words of the reports, and why an arm was chosen."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from stonechat.config.settings import DashboardSettings, DatabaseSettings
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.server import open_dashboard
from stonechat.database import open_database
from stonechat.database.repositories import accounts
from stonechat.monitoring import HealthBoard, Meters
from tests.contract.test_learning_reports import learned
from tests.contract.test_learning_store import ME, House
from tests.support.clock import ManualClock


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock()
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), clock) as database:
        async with database.begin("test") as connection:
            await accounts.put(connection, Account(ME, "x", "me"), clock.now())
        yield House(database, clock)


async def pages_of(house: House, *paths: str) -> list[str]:
    events = EventStream(house.clock)
    data = DashboardData(
        clock=house.clock,
        board=HealthBoard(house.clock, events),
        meters=Meters(),
        mode="shadow",
        steps=lambda: (),
        ready=lambda: True,
    )
    data.connect(database=house.database, learning=house.reports)
    given = DashboardSettings.model_validate({"port": 0})
    async with (
        open_dashboard(given, data, house.clock, events) as dashboard,
        httpx.AsyncClient(base_url=dashboard.address, timeout=30) as client,
    ):
        return [(await client.get(path)).text for path in paths]


async def test_before_the_first_reward_the_page_says_so(house: House) -> None:
    (page,) = await pages_of(house, "/learning")
    assert "Nothing yet" in page


async def test_effects_stand_in_words_and_a_post_says_why_it_is_so(house: House) -> None:
    await learned(house)
    await house.learner.aggregate(house.ctx)
    page, post = await pages_of(house, "/learning", "/posts/c1")
    assert "90 % interval" in page and "the best with probability" in page
    assert "more posts before it can be judged" in page
    assert "nothing learned yet" in page and "learned 24 rewards" in page  # why each version is there
    assert "one chance in" in post and "by what was expected" in post


async def test_what_another_goal_changes_is_shown_on_a_page_of_its_own(house: House) -> None:
    await learned(house)
    page, refused = await pages_of(
        house, f"/learning/goal?account={ME}&to=views", f"/learning/goal?account={ME}&to=clicks"
    )
    assert "24 of 24 judged posts teach towards it" in page and "Nothing is changed yet" in page
    assert "no network shows" in refused
