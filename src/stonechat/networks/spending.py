"""What a network's calls cost: reserved in the budget before each call, and settled after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

Settle = Callable[[float], Awaitable[None]]
"""Books what a call cost in the end, in US dollars. A call that nobody settles is booked in full."""


class Spending(Protocol):
    """Where a network's adapter asks for the money of a call."""

    async def reserve_price(self, account_id: str, what: str, usd: float) -> Settle:
        """Reserve the most that a call may cost.

        Args:
            what: what is paid for, as the owner reads it, with the network before it.

        Raises:
            Transient: a limit would be passed, or the database is away; the call must not be made.
        """


class FreeSpending:
    """For who has no budget: scripts and checks. Everything is allowed, nothing is written down."""

    async def reserve_price(self, account_id: str, what: str, usd: float) -> Settle:
        """As :meth:`Spending.reserve_price`."""
        return _forget


async def _forget(_usd: float) -> None:
    return None
