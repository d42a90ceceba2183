"""Reading values out of foreign JSON without trusting its shape: each reader answers None, never a guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_MOST_DIGITS = 18
_TOO_MUCH = 10**_MOST_DIGITS
"""No count is as large, and no database could keep it."""
_FIRST_SNOWFLAKE = 29_700_859_247  # November 2010; ids below carry no time


def at(node: object, *path: str) -> Any:
    """The value under ``path`` (keys only), or None where any part of the way is missing."""
    for key in path:
        if not isinstance(
            node, dict
        ):  # what JSON is read into; asking for any Mapping takes ten times as long
            return None
        node = node.get(key)
    return node


def mapping(node: object, *path: str) -> Mapping[str, Any]:
    """Like :func:`at`, but an empty mapping where there is none."""
    found = at(node, *path)
    return found if isinstance(found, dict) else {}


def listed(node: object, *path: str) -> list[Mapping[str, Any]]:
    """The mappings in the list under ``path``; none where there is no list."""
    found = at(node, *path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(node: object, *path: str) -> str | None:
    """The non-empty string under ``path``, or None; halves of a character that stand alone become ``�``."""
    found = at(node, *path)
    return whole(found) if isinstance(found, str) and found else None


def whole(found: str) -> str:
    """The text as it can be encoded: JSON can carry half of a character, UTF-8 cannot."""
    if found.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in found):
        return found
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def count(node: object, *path: str) -> int | None:
    """The count under ``path``, written as a number or as digits; None where it is neither."""
    found = at(node, *path)
    if isinstance(found, bool):
        return None
    if isinstance(found, int):
        return found if 0 <= found < _TOO_MUCH else None
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= _MOST_DIGITS:
        return int(found)
    return None


def every_mapping(root: object) -> Iterator[Mapping[str, Any]]:
    """Each mapping inside ``root``, outer before inner and in document order, however deep."""
    waiting: list[object] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend([one for one in reversed(node.values()) if isinstance(one, dict | list)])
        elif isinstance(node, list | tuple):
            waiting.extend(reversed(node))


def moment(stamp: str | None) -> datetime | None:
    """``Wed Jul 08 21:59:10 +0000 2026`` (or ISO 8601) as an aware UTC time, in any locale."""
    parts = (stamp or "").split()
    if len(parts) == 1:
        return _iso(parts[0])
    if len(parts) != 6 or parts[1] not in _MONTHS:
        return None
    month = _MONTHS.index(parts[1]) + 1
    numbers = f"{parts[5]} {month} {parts[2]} {parts[3]} {parts[4]}"
    try:
        local = datetime.strptime(numbers, "%Y %m %d %H:%M:%S %z")
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _iso(stamp: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(stamp)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment_of_id(post_id: str) -> datetime | None:
    """The creation time that a snowflake id carries, to the second; None for older ids."""
    if not post_id.isascii() or not post_id.isdigit() or len(post_id) > _MOST_DIGITS + 2:
        return None
    if int(post_id) < _FIRST_SNOWFLAKE:
        return None
    seconds = ((int(post_id) >> 22) + _SNOWFLAKE_EPOCH_MS) // 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
