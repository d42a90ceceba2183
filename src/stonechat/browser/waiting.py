"""Order of the lease queue: by priority and by time waited, so that nobody starves. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from stonechat.browser.account_context import LeasePriority, PageLease


@dataclass(eq=False, slots=True)
class Waiter:
    """Somebody who wants a context.

    Attributes:
        since: monotonic real seconds at which the wait began.
        granted: holds the lease once the turn has come.
    """

    account_id: str
    priority: LeasePriority
    task: str
    since: float
    granted: asyncio.Future[PageLease] = field(repr=False)


def rank(waiter: Waiter, now: float, ageing: float) -> float:
    """Smaller goes first: the priority, less one step for each ``ageing`` seconds of waiting."""
    return waiter.priority - (now - waiter.since) / ageing


def next_waiter(
    waiting: Collection[Waiter], busy: Collection[str], now: float, ageing: float
) -> Waiter | None:
    """The waiter whose turn it is: an account that is ``busy`` has to wait for itself."""
    free = [waiter for waiter in waiting if waiter.account_id not in busy]
    return min(free, key=lambda waiter: (rank(waiter, now, ageing), waiter.since), default=None)


def to_give_way(
    waiting: Collection[Waiter], priority: LeasePriority, now: float, ageing: float
) -> Waiter | None:
    """Who leaves a full queue for a newcomer: the last in order, if less urgent than the newcomer."""
    last = max(waiting, key=lambda waiter: (rank(waiter, now, ageing), waiter.since), default=None)
    return last if last is not None and last.priority > priority else None
