"""A part of the day in which something is not done, in a time zone of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No effect from ``start`` until ``end``, times of day in ``timezone``; may span midnight."""

    start: time
    end: time
    timezone: str

    @classmethod
    def of(cls, written: str, timezone: str) -> QuietHours | None:
        """As a setting writes them, ``23:00-07:00``; None where it is empty, or both times are the same."""
        start, _, end = written.partition("-")
        if start == end:
            return None
        return cls(time.fromisoformat(start), time.fromisoformat(end), timezone)

    def ends(self, at: datetime) -> datetime | None:
        """When the quiet hours that ``at`` lies in are over, or None where it lies in none.

        Daylight saving is the zone's: a time of day that is skipped or repeated is read with its
        first offset (PEP 495, ``fold=0``).
        """
        zone = ZoneInfo(self.timezone)
        local = at.astimezone(zone)
        for days in (-1, 0):
            first = local.date() + timedelta(days=days)
            last = first if self.start < self.end else first + _DAY
            begins = datetime.combine(first, self.start, zone).astimezone(UTC)
            ends = datetime.combine(last, self.end, zone).astimezone(UTC)
            if begins <= at < ends:
                return ends
        return None
