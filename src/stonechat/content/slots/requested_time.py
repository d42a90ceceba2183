"""A time as a human writes it, in the account's own time zone.

Of a time that comes twice, when clocks are put back, the first that is still to come is meant; with an offset
behind it, that one. A time that is skipped, when they are put forward, is refused and not guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stonechat.core.errors import InvalidInput
from stonechat.core.spoken_time import read_length, read_time_of_day

_LATE = timedelta(minutes=1)
"""A time that has passed by less was meant as now."""

_NOT_STORED = "Nothing was stored."
_FORMS = (
    "Write now, in 2h, 18:30, 6pm, tomorrow 9:30, friday 18:30 or 2026-03-29 18:30; with an offset such as "
    "+02:00 or a time zone behind it where it is not the account's own."
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZONE = re.compile(r"(?<=[\d\w])\s+([A-Za-z]+(?:/[\w+-]+)+|utc|gmt)$", re.IGNORECASE)
_TWO_READINGS = re.compile(r"(\d{1,2})[/.-](\d{1,2})(?:[/.-]\d{2,4})?(?!\S)")
_BARE_HOUR = re.compile(r"(?:(.*)\s)?(\d{1,2})")


def read_time(given: str, timezone: str, now: datetime) -> datetime:
    """The moment in UTC that ``given`` names.

    Args:
        given: ``now``; ``in`` and a length; a time of day such as ``18:30``, ``18.30`` or ``6pm``, the next
            one there is; ``today``, ``tomorrow``, a weekday or a date in ISO 8601 and a time of day; or a
            whole ISO 8601 time. Counted in ``timezone`` where no offset and no time zone stands behind it.

    Raises:
        InvalidInput: it is none of these or could be two, has passed, or does not exist on that day.
    """
    text = " ".join(given.split())
    if text.casefold() == "now":
        return now
    try:
        at = _moment(text, timezone, now)
    except (ValueError, OverflowError) as exc:
        two = _two_readings(text)
        what = f"{given!r} could be {two}." if two else f"{given!r} is no time."
        raise InvalidInput(what, meaning=_NOT_STORED, remedy=_FORMS) from exc
    if at < now - _LATE:
        raise InvalidInput(f"{given} has passed.", meaning=_NOT_STORED, remedy="Name a later one, or now.")
    return at


def shown_time(at: datetime, timezone: str) -> str:
    """A moment by the clocks of ``timezone``; with its offset where they show that time twice."""
    local = at.astimezone(ZoneInfo(timezone))
    twice = len(_moments(local.replace(tzinfo=None), local.tzinfo)) > 1  # type: ignore[arg-type]
    return f"{local:%Y-%m-%d %H:%M}{local.isoformat()[-6:] if twice else ''} {timezone}"


def _moment(text: str, timezone: str, now: datetime) -> datetime:
    if length := re.fullmatch(r"(?:in |\+ ?)(.+)", text, re.IGNORECASE):
        return now + read_length(length[1])
    if named := _ZONE.search(text):
        return _moment(text[: named.start()], _zone_named(named[1]), now)
    day, of_day = _parted(text.casefold())
    if of_day is not None:
        return _on(day, of_day, timezone, now)
    if ":" not in text and "T" not in text.upper():
        raise ValueError("a date alone")
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo is not None else _in_zone(at, timezone, now)


def _zone_named(name: str) -> str:
    plain = "UTC" if name.casefold() in ("utc", "gmt") else name
    try:
        return ZoneInfo(plain).key
    except (ZoneInfoNotFoundError, OSError) as exc:
        raise ValueError("no time zone") from exc


def _today(timezone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(timezone)).date()


def _parted(text: str) -> tuple[str, time | None]:
    """A word for a day, which may be missing, and the time of day behind it."""
    for day, of_day in (("", text), text.partition(" ")[::2]):
        try:
            return day, read_time_of_day(of_day)
        except ValueError:
            continue
    return text, None


def _on(day: str, of_day: time, timezone: str, now: datetime) -> datetime:
    """At that time of that day; of a weekday the next one on which it is still to come."""
    if not day:
        return _next(of_day, timezone, now)
    today = _today(timezone, now)
    weekday = next((n for n, name in enumerate(_DAYS) if len(day) >= 3 and name.startswith(day)), None)
    if weekday is not None:
        on = today + timedelta(days=(weekday - today.weekday()) % 7)
        at = _in_zone(datetime.combine(on, of_day), timezone, now)
        return at if at > now else _in_zone(datetime.combine(on + timedelta(days=7), of_day), timezone, now)
    if day not in ("today", "tomorrow"):
        on = date.fromisoformat(day)
    else:
        on = today + timedelta(days=day == "tomorrow")
    return _in_zone(datetime.combine(on, of_day), timezone, now)


def _next(of_day: time, timezone: str, now: datetime) -> datetime:
    """The next time that clocks there show this: it may come twice in a day, or not at all."""
    zone, today = ZoneInfo(timezone), _today(timezone, now)
    for days in range(3):
        local = datetime.combine(today + timedelta(days=days), of_day)
        coming = [at for at in _moments(local, zone) if at > now]
        if coming:
            return coming[0]
        if not _moments(local, zone) and local.replace(tzinfo=zone).astimezone(UTC) > now:
            raise _skipped(local, timezone)
    raise ValueError("no such time in three days")


def _in_zone(local: datetime, timezone: str, now: datetime) -> datetime:
    """The moment at which clocks there show ``local``; of two the first that has not passed."""
    moments = _moments(local, ZoneInfo(timezone))
    if not moments:
        raise _skipped(local, timezone)
    return next((at for at in moments if at >= now - _LATE), moments[-1])


def _moments(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """When clocks there show ``local``: once, twice when they are put back, never when they skip it."""
    both = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return [at for at in dict.fromkeys(both) if at.astimezone(zone).replace(tzinfo=None, fold=0) == local]


def _skipped(local: datetime, timezone: str) -> InvalidInput:
    return InvalidInput(
        f"There is no {local:%H:%M} on {local:%Y-%m-%d} in {timezone}: clocks are put forward.",
        meaning=_NOT_STORED,
        remedy="Name an hour later or earlier.",
    )


def _two_readings(text: str) -> str:
    """What could be meant, where it could be two things; empty otherwise."""
    if found := _BARE_HOUR.fullmatch(text):
        day, hour = (f"{found[1]} " if found[1] else ""), int(found[2])
        return f"{day}{hour}:00 or {day}{hour + 12}:00" if 1 <= hour <= 11 else ""
    if found := _TWO_READINGS.match(text):
        one, other = int(found[1]), int(found[2])
        if 1 <= one <= 12 and 1 <= other <= 12 and one != other:
            return f"day {one} of month {other}, or day {other} of month {one}"
    return ""
