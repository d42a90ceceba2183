"""Wait for a fact, never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(
    fact: Callable[[], Awaitable[bool] | bool], *, within: float = 60, every: float = 0.02
) -> None:
    """Return once ``fact`` holds; fail with ``TimeoutError`` after ``within`` real seconds."""
    async with asyncio.timeout(within):
        while True:
            holds = fact()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(every)
