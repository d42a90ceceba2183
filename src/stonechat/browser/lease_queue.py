"""The queue for leases of pages: who holds one, who waits, and who is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from stonechat.browser.account_context import LeasePriority, PageLease
from stonechat.browser.errors import BrowserBusy, BrowserDown
from stonechat.browser.waiting import Waiter, next_waiter, to_give_way
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import NotTried

GAVE_WAY = timedelta(seconds=30)
BUSY_AGAIN = timedelta(seconds=15)
"""Real time after which somebody whose turn did not come may ask again."""
REMEMBERED = 1000
"""Waits that the figures are taken from."""


class LeaseQueue:
    """Hands out leases: at most ``contexts`` at once, one for an account, in order of rank.

    Args:
        shut: why no lease may be handed out now (the browser is down, say); "" while they may.
    """

    def __init__(self, settings: BrowserSettings, clock: Clock, shut: Callable[[], str]) -> None:
        self._settings = settings
        self._clock = clock
        self._shut = shut
        self._ageing = max(0.1, settings.queue_wait.total_seconds() / 6)
        self._granted = clock.monotonic()
        self.waiting: list[Waiter] = []
        self.leases: dict[str, PageLease] = {}
        self.waits: deque[float] = deque(maxlen=REMEMBERED)

    async def turn(self, account_id: str, priority: LeasePriority, task: str) -> PageLease:
        """Wait for the turn.

        Raises:
            BrowserBusy: the queue is full, the turn did not come in time, or a more urgent task took it.
            BrowserDown: the turn did not come in time because no browser works.
        """
        granted: asyncio.Future[PageLease] = asyncio.get_running_loop().create_future()
        waiter = Waiter(account_id, priority, task, self._clock.monotonic(), granted)
        self._enter(waiter)
        served = False
        try:
            async with asyncio.timeout(self._settings.queue_wait.total_seconds()):
                lease = await granted
                served = True
                return lease
        except TimeoutError as exc:
            raise self._not_served(waiter) from exc
        finally:
            if not served:
                self._withdraw(waiter)

    def grant(self) -> None:
        """Hand out what is free, in order."""
        self.waiting = [waiter for waiter in self.waiting if not waiter.granted.done()]
        while not self._shut() and len(self.leases) < self._settings.contexts:
            now = self._clock.monotonic()
            waiter = next_waiter(self.waiting, self.leases, now, self._ageing)
            if waiter is None:
                return
            self.waiting.remove(waiter)
            ends = now + self._settings.lease_limit.total_seconds()
            lease = PageLease(waiter.account_id, waiter.priority, waiter.task, now, ends, now - waiter.since)
            self.leases[waiter.account_id] = lease
            self.waits.append(lease.waited)
            self._granted = now
            waiter.granted.set_result(lease)

    def release(self, lease: PageLease) -> None:
        """Take a lease back; one that was taken away before is not taken twice."""
        if self.leases.get(lease.account_id) is lease:
            del self.leases[lease.account_id]
        self.grant()

    def close(self, why: str) -> None:
        """Fail every waiter and end every lease."""
        for waiter in self.waiting:
            if not waiter.granted.done():
                waiter.granted.set_exception(NotTried(why, meaning="Nothing was started."))
        for lease in tuple(self.leases.values()):
            lease.cut(why)

    def stalled(self) -> float:
        """Real seconds for which somebody has waited and nobody was served; 0.0 where nobody waits."""
        now = self._clock.monotonic()
        since = [waiter.since for waiter in self.waiting if not waiter.granted.done()]
        return max(0.0, now - max(self._granted, min(since))) if since else 0.0

    def holders(self) -> str:
        """Who holds the contexts, for what and for how long, in words."""
        now = self._clock.monotonic()
        held = [(one.task or "?", one.account_id, now - one.since) for one in self.leases.values()]
        return "; ".join(f"{task} of {account}, {age:.0f} s" for task, account, age in held) or "nobody"

    def _enter(self, waiter: Waiter) -> None:
        if len(self.waiting) >= self._settings.queue_limit:
            last = to_give_way(self.waiting, waiter.priority, waiter.since, self._ageing)
            if last is None:
                raise BrowserBusy(
                    f"The browser's queue is full ({self._settings.queue_limit} wait).",
                    meaning="This operation was not started.",
                    remedy="It is tried again later.",
                    retry_after=self._settings.queue_wait,
                )
            self.waiting.remove(last)
            why = "Gave way in a full queue to something more urgent."
            last.granted.set_exception(BrowserBusy(why, retry_after=GAVE_WAY))
        self.waiting.append(waiter)
        self.grant()

    def _withdraw(self, waiter: Waiter) -> None:
        if waiter in self.waiting:
            self.waiting.remove(waiter)
        elif not waiter.granted.cancelled() and waiter.granted.exception() is None:
            self.release(waiter.granted.result())

    def _not_served(self, waiter: Waiter) -> NotTried:
        waited = f"{waiter.task or 'An operation'} waited {self._settings.queue_wait.total_seconds():g} s"
        shut = self._shut()
        if shut:
            return BrowserDown(f"{waited}, but {shut}", meaning="It was not started.", retry_after=BUSY_AGAIN)
        return BrowserBusy(
            f"{waited} for a context; in use by: {self.holders()}.",
            meaning="It was not started.",
            remedy="Raise BROWSER_CONTEXTS if this happens often.",
            retry_after=BUSY_AGAIN,
        )
