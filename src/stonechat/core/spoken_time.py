"""Times of day and lengths of time as people write them: ``9:00``, ``18.30``, ``6 pm``; ``90m``, ``1h 30m``.

A strict grammar, and no parser that guesses: dateutil takes ``18.30`` for the 18th of the month, dateparser
``9`` for a day in September, and both ``03/04`` for the 4th of March. A post would go out at such a time.
"""

from __future__ import annotations

import re
from datetime import time, timedelta

LONGEST = timedelta(days=100 * 365)

_OF_DAY = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?::(?P<second>\d{2}))?|h|(?=\s*[ap]))\s*(?P<half>[ap]\.?m\.?)?",
    re.ASCII,
)
_UNITS = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86400.0),
}
_PART = r"(\d+(?:\.\d+)?)\s*([a-z]+)"
_PARTS = re.compile(rf"{_PART}(?:\s*,?\s*(?:and\s+)?{_PART})*", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def read_time_of_day(text: str) -> time:
    """``18:30``, ``18.30``, ``18h30``, ``9:00``, ``6pm``, ``6:30 pm``.

    Raises:
        ValueError: it is none, or may be two: ``9`` and ``12`` alone say no half of the day.
    """
    found = _OF_DAY.fullmatch(text.strip().casefold())
    if found is None:
        raise ValueError("not a time of day")
    hour, half = int(found["hour"]), (found["half"] or "")[:1]
    if half and not 1 <= hour <= 12:
        raise ValueError("not a time of day")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, int(found["minute"] or 0), int(found["second"] or 0))


def read_length(text: str) -> timedelta:
    """``90`` (seconds), ``90s``, ``5m``, ``2 hours``, ``3d``, ``250ms``, ``1h 30m``.

    Raises:
        ValueError: it is no length, is longer than a hundred years, or ``1 month``, which has no length.
    """
    plain = text.strip().casefold()
    if _NUMBER.fullmatch(plain):
        parts = [(plain, "")]
    elif _PARTS.fullmatch(plain):
        parts = re.findall(_PART, plain, re.ASCII)
    else:
        raise ValueError("not a duration")
    units = [_UNITS.get(unit) for _, unit in parts]
    if None in units or len(set(units)) < len(units):
        raise ValueError("not a duration")
    seconds = sum(float(number) * (unit or 0.0) for (number, _), unit in zip(parts, units, strict=True))
    if seconds > LONGEST.total_seconds():
        raise ValueError("longer than a hundred years")
    return timedelta(seconds=seconds)
