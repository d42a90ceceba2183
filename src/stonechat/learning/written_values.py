"""Dates and counts as people and tools of many countries write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

_MONTHS = (
    "jan janv gen ene",
    "feb fev fév febr",
    "mar mär mars maer mrt",
    "apr avr abr",
    "may mai mag maj mei",
    "jun juin giu",
    "jul juil lug",
    "aug aou aoû ago",
    "sep sept set",
    "oct okt ott out",
    "nov",
    "dec déc dez dic",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_SLASHED = re.compile(r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})\b(.*)$", re.DOTALL)
_CLOCK = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*([AaPp]\.?[Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_COUNT = re.compile(r"^([+-]?[\d.,' \u00a0\u202f]*\d)\s*([KkMm]?)$")


class DateOrder(StrEnum):
    """What comes first in 3/4/2026."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    YEAR_FIRST = "year-first"
    """No date is written that way."""


def date_order(dates: Iterable[str]) -> DateOrder | None:
    """How these dates are written; None where every one of them could be read both ways."""
    both = False
    for written in dates:
        found = _SLASHED.match(written)
        if found is None:
            continue
        both = True
        if int(found[1]) > 12 or "." in written[: found.end(2) + 1]:
            return DateOrder.DAY_FIRST
        if int(found[2]) > 12:
            return DateOrder.MONTH_FIRST
    return None if both else DateOrder.YEAR_FIRST


def parse_time(written: str, order: DateOrder) -> datetime | None:
    """The moment that is meant, in UTC where no zone is named; None where it is none."""
    text = written.strip().strip('"')
    found = _iso(text) or _spoken(text, order)
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _spoken(text: str, order: DateOrder) -> datetime | None:
    clock = _CLOCK.search(text)
    rest = text[: clock.start()] + text[clock.end() :] if clock else text
    day = _slashed_day(rest, order) or _named_day(rest)
    if day is None:
        return None
    try:
        at = datetime(*day, tzinfo=UTC)
        return at if clock is None else _with_clock(at, clock)
    except ValueError:
        return None


def _slashed_day(text: str, order: DateOrder) -> tuple[int, int, int] | None:
    found = _SLASHED.match(text)
    if found is None:
        return None
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    year += 2000 if year < 100 else 0
    return (year, second, first) if order is DateOrder.DAY_FIRST else (year, first, second)


def _named_day(text: str) -> tuple[int, int, int] | None:
    """``Wed, Oct 2, 2024``, ``2. Oktober 2024``, ``Wed Oct 10 +0000 2018``."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    month = next((found for word in words if (found := _month(word))), None)
    numbers = [int(one) for one in re.findall(r"(?<![+\d])\d{1,4}(?!\d)", text)]
    years = [one for one in numbers if one >= 1000]
    days = [one for one in numbers if 1 <= one <= 31]
    return (years[-1], month, days[0]) if month and years and days else None


def _month(word: str) -> int | None:
    return _MONTH.get(word[:4]) or _MONTH.get(word[:3])


def _with_clock(day: datetime, clock: re.Match[str]) -> datetime:
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[4]:
        hour = hour % 12 + (12 if clock[4][0] in "pP" else 0)
    zone = clock[5] or "+0000"
    shown = "+0000" if zone in ("Z", "UTC") else zone.replace(":", "")
    at = day.replace(hour=hour, minute=minute, second=second)
    return datetime.strptime(f"{at:%Y-%m-%d %H:%M:%S} {shown}", "%Y-%m-%d %H:%M:%S %z")


def parse_count(written: str) -> int | None:
    """A count: ``1,234``, ``1.234``, ``1 234``, ``12.3K``, ``3,0``; None where it is none or below zero."""
    found = _COUNT.match(written.strip())
    if found is None:
        return None
    digits = re.sub(r"[' \u00a0\u202f]", "", found[1])
    scale = {"k": 1_000, "m": 1_000_000}.get(found[2].lower(), 1)
    value = _number(digits, grouped=scale == 1)
    return None if value is None or value < 0 else round(value * scale)


def _number(digits: str, *, grouped: bool) -> float | None:
    """The last comma or dot is the decimal sign, unless three digits follow it in a whole count."""
    last = max(digits.rfind(","), digits.rfind("."))
    if last >= 0:
        whole, rest = re.sub(r"[.,]", "", digits[:last]), digits[last + 1 :]
        mixed = "," in digits and "." in digits
        digits = f"{whole}{rest}" if grouped and len(rest) == 3 and not mixed else f"{whole}.{rest}"
    try:
        return float(digits)
    except ValueError:
        return None
