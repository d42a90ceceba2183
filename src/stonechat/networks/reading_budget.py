"""How much of a network is read for an account: a bound on page loads, and quiet hours.

A person opens some dozens of pages in a day and none at night. What reads more than that is a burden to the
site and a sign of a program, so reading is counted, by account, in the database: a restart or another host
does not begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stonechat.config.settings import ReadingSettings
from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.core.quiet_hours import quiet_hours
from stonechat.database import Database
from stonechat.database.repositories import page_loads

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)
SHARE = 0.75
"""The part of the budget within which somebody may still be searched for."""


class Purpose(StrEnum):
    """What a page is opened for."""

    METRICS = "metrics"
    MENTIONS = "mentions"
    SEARCH = "search"
    PROFILES = "profiles"

    @property
    def can_wait(self) -> bool:
        """Whether it leaves the last part of the budget to others."""
        return self in (Purpose.SEARCH, Purpose.PROFILES)


@dataclass(frozen=True, slots=True)
class ReadingBudget:
    """Grants page loads. Account time."""

    database: Database
    clock: Clock
    settings: ReadingSettings

    def quiet_until(self, account: Account, at: datetime | None = None) -> datetime | None:
        """When the quiet hours that ``at`` (now) lies in are over; None where it lies in none."""
        quiet = quiet_hours(self.settings.quiet_hours, account.timezone)
        return None if quiet is None else quiet.ends(at or self.clock.now())

    async def take(self, account: Account, purpose: Purpose) -> str:
        """Count one page more; or why it must not be opened now, and then nothing is counted."""
        now = self.clock.now()
        if ends := self.quiet_until(account):
            return f"quiet hours until {ends:%H:%M} UTC"
        hour = now.replace(minute=0, second=0, microsecond=0)
        async with self.database.begin("networks.page_loads") as connection:
            spent = await page_loads.since(connection, account.id, hour - _DAY + _HOUR)
            why = self._over(spent, purpose, hour)
            if not why:
                await page_loads.add(connection, account.id, hour, purpose.value)
        return why

    def _over(self, spent: list[page_loads.LoadCount], purpose: Purpose, hour: datetime) -> str:
        bounds = (
            (sum(one.loads for one in spent if one.hour == hour), self.settings.loads_per_hour, "hour"),
            (sum(one.loads for one in spent), self.settings.loads_per_day, "day"),
        )
        for loads, most, period in bounds:
            if loads >= (most * SHARE if purpose.can_wait else most):
                return f"the budget of page loads for this {period} is used up ({loads} of {most})"
        searches = sum(one.loads for one in spent if one.purpose == Purpose.SEARCH)
        if purpose is Purpose.SEARCH and searches >= self.settings.searches_per_day:
            return f"the budget of searches for this day is used up ({searches})"
        return ""
