"""What the pages show of reading: analytics of posts, and what harvesting does."""

from __future__ import annotations

from datetime import timedelta

from stonechat.dashboard.page_data import DashboardData
from stonechat.database.repositories import accounts
from stonechat.harvesting.summary import HarvestSummary, read_summary
from stonechat.scraping.analytics import Analytics, read_analytics

PERIOD = timedelta(days=30)


async def analytics(data: DashboardData, only: str | None = None) -> list[Analytics]:
    """Of every account, or of one by its id, over the last 30 days of account time."""
    database = data.open_database()
    async with database.read("dashboard.accounts") as connection:
        every = await accounts.every(connection)
    wanted = [one for one in every if only in (None, one.id)]
    return [await read_analytics(database, data.clock, one, PERIOD) for one in wanted]


async def harvests(data: DashboardData) -> list[HarvestSummary]:
    """Of every account."""
    database = data.open_database()
    async with database.read("dashboard.accounts") as connection:
        every = await accounts.every(connection)
    return [await read_summary(database, data.clock, one) for one in every]
