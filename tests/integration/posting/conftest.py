"""Fixtures of the posting queue: a desk of one account, on a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.database import Database, open_database
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT, Desk, desk_on


@pytest.fixture
def clock() -> ManualClock:
    """Stands still until a test moves it."""
    return ManualClock()


@pytest.fixture
async def database(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """A database with our tables and nothing in them."""
    async with open_database(sqlite_url, DatabaseSettings(), clock) as opened:
        yield opened


@pytest.fixture
async def desk(database: Database, clock: ManualClock) -> Desk:
    """Everything that publishes, for one account."""
    desk = desk_on(database, clock)
    await desk.add_account(ACCOUNT)
    return desk
