"""Keys and times to live: namespaced, and bounded in length and duration."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

LONGEST_KEY = 200
"""Characters of a key; a longer one keeps its beginning and ends in a digest of the whole."""

LARGEST_VALUE = 512 * 1024
"""Bytes; a larger value is not kept at all, as if it had been forgotten at once."""

LONGEST_TTL = timedelta(days=7)
"""Real time after which everything is gone, whatever was asked for."""

_ODD = re.compile(r"[^A-Za-z0-9_.:/@+-]")


def full_key(namespace: str, kind: str, key: str) -> str:
    """``namespace:kind:key`` in plain characters, shortened where it is too long.

    A key that had to be changed ends in a digest of what it was, so that different keys stay different.

    Raises:
        ValueError: the key is empty.
    """
    if not key:
        raise ValueError("a key needs a name")
    told = _ODD.sub("_", key)
    if told != key or len(told) > LONGEST_KEY:
        told = f"{told[: LONGEST_KEY - 65]}#{hashlib.sha256(key.encode()).hexdigest()}"
    return f"{namespace}:{kind}:{told}"


def bounded_ms(ttl: timedelta) -> int:
    """A time to live in whole milliseconds, from 1 to :data:`LONGEST_TTL`.

    Raises:
        ValueError: it is not greater than 0.
    """
    if ttl <= timedelta():
        raise ValueError(f"what is kept needs a time to live, not {ttl}")
    return max(1, round(min(ttl, LONGEST_TTL).total_seconds() * 1000))
