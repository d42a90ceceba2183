"""How long it takes from a fault to the next operation that succeeds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from benchmarks.browser import faults
from stonechat.browser.pool import BrowserPool
from stonechat.core.errors import Transient

Operation = Callable[[], Awaitable[bool]]
"""One operation; True where it succeeded. May raise ``Transient``, which is a failure."""

KILLS: Mapping[str, faults.Fault] = {
    "browser": faults.kill_browser,
    "page": faults.kill_pages,
    "driver": faults.kill_driver,
}
"""What is killed, by name."""
GIVE_UP = 60.0


async def recovery_times(
    pool: BrowserPool, fault: faults.Fault, operation: Operation, *, times: int
) -> list[float]:
    """Real seconds from each fault to the end of the next operation that succeeded.

    The next fault comes only once an operation has succeeded again.

    Raises:
        Transient: none succeeded within a minute.
    """
    taken = []
    for _ in range(times):
        await _until(operation)
        started = time.monotonic()
        await fault(pool)
        await _until(operation)
        taken.append(time.monotonic() - started)
    return taken


async def _until(operation: Operation) -> None:
    end = time.monotonic() + GIVE_UP
    while True:
        try:
            if await operation():
                return
        except Transient:
            if time.monotonic() > end:
                raise
