"""A scraper over a real SQLite file, and an account with six posts an hour and three quarters old."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings, ReadingSettings, ScrapingSettings
from stonechat.database import Database, open_database
from stonechat.database.spool.spool import Spool
from stonechat.networks.reading_budget import ReadingBudget
from stonechat.networks.registry import installed
from stonechat.scraping.jobs import Scraper, snapshot_store
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT, Desk, RunContext, desk_on, piece


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Database]:
    async with open_database(
        f"sqlite:///{tmp_path}/x.db", DatabaseSettings(lock_timeout=timedelta(seconds=0.2)), clock
    ) as opened:
        yield opened


@pytest.fixture
async def desk(database: Database, clock: ManualClock) -> Desk:
    desk = desk_on(database, clock)
    await desk.add_account(ACCOUNT)
    await desk.queue(*(piece(f"p{n}", f"Post {n}.", due_at=clock.now()) for n in range(6)))
    await desk.sweep().sweep(RunContext(clock))
    await clock.advance(hours=1, minutes=45)
    return desk


@pytest.fixture
def scraper(desk: Desk, tmp_path: Path) -> Scraper:
    return Scraper(
        desk.database,
        desk.clock,
        {"x_web": desk.network},
        desk.events,
        ScrapingSettings(),
        snapshot_store(desk.database, Spool(tmp_path / "spool")),
        ReadingBudget(desk.database, desk.clock, ReadingSettings()),
        plugins=installed().plugins,
    )
