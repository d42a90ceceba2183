"""A dead man's switch: an outside service that is called every minute, and raises the alarm when it is not.

The process cannot report its own death. The call is made only while the alerts themselves are being
looked at and delivered, so a stuck alert engine is noticed outside too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import structlog

from stonechat.core.clock import Clock

EVERY = timedelta(seconds=60)
log = structlog.get_logger()


class Heartbeat:
    """Calls ``url`` by GET.

    Args:
        alive: whether the alert engine has done its work lately; without that nothing is called.
    """

    def __init__(
        self, url: str, clock: Clock, alive: Callable[[], bool], *, every: timedelta = EVERY
    ) -> None:
        self._url = url
        self._clock = clock
        self._alive = alive
        self._every = every
        self.last_beat: datetime | None = None

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.beat()
            await self._clock.sleep_real(self._every)

    async def beat(self) -> bool:
        """One call; a failure is logged and tried again at the next beat."""
        if not self._alive():
            log.warning("heartbeat.withheld", why="the alert engine has not done its work lately")
            return False
        try:
            async with httpx.AsyncClient(timeout=10) as client:
                answer = await client.get(self._url)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            log.warning("heartbeat.failed", why=f"{type(exc).__name__} {exc}")
            return False
        if not answer.is_success:
            log.warning("heartbeat.failed", why=f"answered {answer.status_code}")
            return False
        self.last_beat = self._clock.wall()
        return True
