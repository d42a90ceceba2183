"""A dead man's switch: an outside service that is called every minute, and raises the alarm when it is not.

The process cannot report its own death. The call is made only while the alert engine looks, some channel
takes its messages, the job manager runs its jobs and due posts go out; where one of these stands still, that
is noticed outside too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from stonechat.alerting.outgoing import call
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient

EVERY = timedelta(seconds=60)
log = structlog.get_logger()


class DeadMansSwitch:
    """Calls ``url`` by GET.

    Args:
        silent: why nothing is to be called now; empty where all does its work.
    """

    def __init__(
        self, url: str, clock: Clock, silent: Callable[[], str], *, every: timedelta = EVERY
    ) -> None:
        self._url = url
        self._clock = clock
        self._silent = silent
        self._every = every
        self.last_beat: datetime | None = None

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.beat()
            await self._clock.sleep_real(self._every)

    async def beat(self) -> bool:
        """One call; a failure is logged and tried again at the next beat."""
        why = self._silent()
        if why:
            log.warning("heartbeat.withheld", why=why)
            return False
        try:
            status = await call("GET", self._url, what="The heartbeat's address")
        except Transient as exc:
            log.warning("heartbeat.failed", why=exc.what)
            return False
        if not 200 <= status < 300:
            log.warning("heartbeat.failed", why=f"answered {status}")
            return False
        self.last_beat = self._clock.wall()
        return True
