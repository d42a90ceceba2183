"""Reads JSON that others wrote: network answers, model answers, web hooks, files that were handed in.

``json.loads`` trusts its input. Nesting ends in ``RecursionError``, a figure of 5,000 digits in
``ValueError``, ``NaN`` and lone surrogates pass and fail later, in a database driver or an encoder, far from
their cause. :func:`safe_json` refuses all of that in one place and with one declared error::

    try:
        answer = safe_json(body)
    except UnsafeJson as exc:
        raise ModelFailed(f"The model answered what cannot be read: {exc.what}") from exc
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from stonechat.core.errors import Permanent

MOST_BYTES = 8 * 1024 * 1024
LARGEST = 256 * 1024 * 1024
"""Bytes, for what this program has written itself."""
MOST_DEPTH = 64
MOST_DIGITS = 40
"""Characters of one figure. Ids of networks have 20 digits, a float in full precision about 25."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OTHERS = re.compile(r"[^\[\]{}]+")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class UnsafeJson(Permanent, ValueError):
    """The bytes are not JSON, or JSON that no honest sender writes; ``what`` says which limit they break."""


def safe_json(
    data: bytes | str,
    *,
    most_bytes: int = MOST_BYTES,
    most_depth: int = MOST_DEPTH,
    most_digits: int = MOST_DIGITS,
) -> Any:
    """The value that ``data`` stands for: objects, lists, strings, bounded figures, true, false and null.

    Takes UTF-8 with or without a byte order mark. Costs time in proportion to the length, whatever the
    content.

    Raises:
        UnsafeJson: too long, not UTF-8, not JSON, nested too deep, a figure that is too long, infinite or
        not a
            number, a key given twice, or half of a surrogate pair.
    """
    text = _decoded(data, most_bytes)
    _check_depth(text, most_depth)

    def whole(digits: str) -> int:
        return int(_short(digits, most_digits))

    def real(digits: str) -> float:
        value = float(_short(digits, most_digits))
        if not math.isfinite(value):
            raise UnsafeJson("it has a figure beyond all bounds.")
        return value

    try:
        value = json.loads(
            text,
            parse_int=whole,
            parse_float=real,
            parse_constant=_refuse_constant,
            object_pairs_hook=_no_duplicates,
        )
    except json.JSONDecodeError as exc:
        raise UnsafeJson(f"it is not JSON: {exc.msg} at character {exc.pos}.") from exc
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _decoded(data: bytes | str, most_bytes: int) -> str:
    if len(data) > most_bytes:
        raise UnsafeJson(f"it is longer than {most_bytes} bytes.")
    try:
        if isinstance(data, bytes):
            return data.decode("utf-8-sig")
        data.encode()
    except UnicodeError as exc:
        raise UnsafeJson("it is not valid UTF-8.") from exc
    return data.removeprefix("\ufeff")


def _check_depth(text: str, most_depth: int) -> None:
    depth = 0
    for bracket in _OTHERS.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > most_depth:
            raise UnsafeJson(f"it is nested deeper than {most_depth} levels.")


def _short(digits: str, most_digits: int) -> str:
    if len(digits) > most_digits:
        raise UnsafeJson(f"it has a figure of {len(digits)} digits.")
    return digits


def _refuse_constant(name: str) -> Any:
    raise UnsafeJson(f"it has {name} where a figure is expected.")


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnsafeJson("it gives a key twice.")
    return found


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise UnsafeJson("it holds half of a surrogate pair.") from exc
