"""Ctrl-C and SIGTERM as something to wait for."""

from __future__ import annotations

import asyncio
import signal


async def until_told_to_stop() -> str:
    """Return the signal's name once the process is asked to stop; a second one ends it at once."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def stop(which: signal.Signals) -> None:
        loop.remove_signal_handler(which)
        if not told.done():
            told.set_result(which.name)

    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, stop, which)
    try:
        return await told
    finally:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(which)
