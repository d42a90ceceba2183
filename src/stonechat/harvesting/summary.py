"""What harvesting has and does, told to people: searches and their yield, mutes, pages read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.database import Database
from stonechat.database.repositories import harvest_sources, opportunities, page_loads
from stonechat.database.repositories.harvest_sources import HarvestSource

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class HarvestSummary:
    """One account's harvesting.

    Attributes:
        searches: those that found most first.
        muted: how many authors are never answered.
        loads: pages opened to read within 24 h of account time, by purpose.
    """

    account_id: str
    searches: Sequence[HarvestSource]
    muted: int
    loads: Mapping[str, int]


async def read_summary(database: Database, clock: Clock, account: Account) -> HarvestSummary:
    """As it is now."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    loads: Counter[str] = Counter()
    async with database.read("harvesting.summary") as connection:
        searches = await harvest_sources.of_account(connection, account.id)
        muted = await opportunities.opted_out(connection, account.id)
        for one in await page_loads.since(connection, account.id, hour - _DAY + timedelta(hours=1)):
            loads[one.purpose] += one.loads
    return HarvestSummary(account.id, searches, len(muted), dict(loads))
