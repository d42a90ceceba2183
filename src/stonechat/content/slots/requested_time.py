"""A time as a human writes it, in the account's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from stonechat.core.errors import InvalidInput

_LATE = timedelta(minutes=1)
"""A time that has passed by less was meant as now."""


def read_time(given: str, timezone: str, now: datetime) -> datetime:
    """The moment in UTC that ``given`` names.

    Args:
        given: ``now``; a time of day such as ``18:30``, the next one there is; or an ISO 8601 date and time,
            counted in ``timezone`` where it has no offset of its own. Of a time that comes twice, when clocks
            are put back, the first.

    Raises:
        InvalidInput: it is none of these, has passed, or does not exist on that day (clocks are put forward).
    """
    text = given.strip()
    if text.casefold() == "now":
        return now
    try:
        at = (
            _next(time.fromisoformat(text), timezone, now)
            if len(text) <= len("00:00:00")
            else _at(text, timezone)
        )
    except ValueError as exc:
        raise InvalidInput(
            f"{given!r} is no time.",
            meaning="Nothing was stored.",
            remedy="Write now, 18:30, or 2026-03-29 18:30; with an offset where it is not the account's own.",
        ) from exc
    if at < now - _LATE:
        raise InvalidInput(
            f"{given} has passed.", meaning="Nothing was stored.", remedy="Name a later one, or now."
        )
    return at


def _next(of_day: time, timezone: str, now: datetime) -> datetime:
    if of_day.tzinfo is not None:
        raise ValueError("a time of day is the account's own")
    today = now.astimezone(ZoneInfo(timezone)).date()
    days = (datetime.combine(today + timedelta(days=days), of_day) for days in (0, 1))
    return next(at for day in days if (at := _in_zone(day, timezone)) > now)


def _at(text: str, timezone: str) -> datetime:
    if ":" not in text:
        raise ValueError("a date alone")
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo is not None else _in_zone(at, timezone)


def _in_zone(local: datetime, timezone: str) -> datetime:
    """The moment at which clocks there show ``local``."""
    zone = ZoneInfo(timezone)
    at = local.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) != local:
        raise InvalidInput(
            f"There is no {local:%H:%M} on {local:%Y-%m-%d} in {timezone}: clocks are put forward.",
            meaning="Nothing was stored.",
            remedy="Name an hour later or earlier.",
        )
    return at
