"""Names of what is kept: in a namespace of our own and of bounded length."""

from __future__ import annotations

import hashlib

LONGEST = 200
"""Characters; a longer key keeps its beginning and ends in a digest of the whole."""


def full_key(namespace: str, kind: str, key: str) -> str:
    """``namespace:kind:key``, shortened where it is too long; different keys stay different."""
    if len(key) > LONGEST:
        key = f"{key[: LONGEST - 65]}#{hashlib.sha256(key.encode()).hexdigest()}"
    return f"{namespace}:{kind}:{key}"


def next_token(last: int, wall_ms: int) -> int:
    """The fencing token after ``last``: larger than it, and larger than any given before a memory loss.

    A store that forgot everything starts again from real time in milliseconds, which is above every
    token it gave earlier as long as it granted less than one lease a millisecond.
    """
    return max(last + 1, wall_ms)
