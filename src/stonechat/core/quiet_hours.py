"""A part of the day in which an account does nothing, in its time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Nothing happens from ``start`` until ``end``, times of day in ``timezone``; may span midnight."""

    start: time
    end: time
    timezone: str

    def ends(self, at: datetime) -> datetime | None:
        """When the quiet hours that ``at`` lies in are over, or None where it lies in none.

        Daylight saving is the zone's: a time of day that is skipped or repeated is read with its
        first offset (PEP 495, ``fold=0``).
        """
        zone = ZoneInfo(self.timezone)
        local = at.astimezone(zone)
        for days in (-1, 0):
            first = local.date() + timedelta(days=days)
            last = first if self.start < self.end else first + timedelta(days=1)
            begins = datetime.combine(first, self.start, zone).astimezone(UTC)
            ends = datetime.combine(last, self.end, zone).astimezone(UTC)
            if begins <= at < ends:
                return ends
        return None


def quiet_hours(text: str, timezone: str) -> QuietHours | None:
    """Reads ``23:00-07:00``; None where it is empty or names no time at all."""
    if not text:
        return None
    start, end = (time.fromisoformat(part) for part in text.split("-"))
    return QuietHours(start, end, timezone) if start != end else None
