"""Where fencing tokens come from, so that they never go backwards although a cache forgets.

A token is an *epoch* and a count. The count is the cache's own; the epoch comes from the database, which
does not forget, and is asked for again whenever the cache cannot prove that it still knows its last count:
it was restarted, emptied, replaced by its replica, or is a new process of ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stonechat.core.errors import Transient

Epochs = Callable[[], Awaitable[int]]
"""A new epoch, larger than every one before, on whatever host; raises ``Transient`` where none can be had."""

GRANTS = 1 << 20
"""Leases in one epoch. Tokens stay below 2^53 (what a script in Redis counts exactly) for 2^33 epochs."""


async def no_epochs() -> int:
    """For a cache that grants no leases."""
    raise Transient(
        "There is no database that fencing tokens could come from.",
        meaning="No lease is granted.",
        remedy="Nothing to do: whoever asked goes on without one.",
    )
