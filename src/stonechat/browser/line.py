"""The line before the browser: who uses an account's page now, who waits, and who is next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from stonechat.browser.queue import Priority, Waiter, next_waiter, to_give_way
from stonechat.browser.slots import Lease
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient

GAVE_WAY = timedelta(seconds=30)


class Line:
    """Hands out leases: at most ``contexts`` at once, one for an account, in order of rank.

    Args:
        shut: why no lease may be handed out now (the browser is down, say); "" while they may.
    """

    def __init__(self, settings: BrowserSettings, clock: Clock, shut: Callable[[], str]) -> None:
        self._settings = settings
        self._clock = clock
        self._shut = shut
        self._ageing = max(0.1, settings.queue_wait.total_seconds() / 6)
        self.waiting: list[Waiter] = []
        self.leases: dict[str, Lease] = {}

    async def turn(self, account_id: str, priority: Priority, task: str) -> Lease:
        """Wait for the turn.

        Raises:
            Transient: the line is full, the turn did not come in time, or somebody more urgent took it.
        """
        granted: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
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
            lease = Lease(waiter.account_id, waiter.priority, waiter.task, now, ends, now - waiter.since)
            self.leases[waiter.account_id] = lease
            waiter.granted.set_result(lease)

    def release(self, lease: Lease) -> None:
        """Take a lease back; one that was taken away before is not taken twice."""
        if self.leases.get(lease.account_id) is lease:
            del self.leases[lease.account_id]
        self.grant()

    def close(self, why: str) -> None:
        """Send everybody away and end every lease."""
        for waiter in self.waiting:
            if not waiter.granted.done():
                waiter.granted.set_exception(Transient(why, meaning="Nothing was started."))
        for lease in tuple(self.leases.values()):
            lease.cut(why)

    def _enter(self, waiter: Waiter) -> None:
        if len(self.waiting) >= self._settings.queue_limit:
            last = to_give_way(self.waiting, waiter.priority, waiter.since, self._ageing)
            if last is None:
                raise Transient(
                    f"The browser's queue is full ({self._settings.queue_limit} wait).",
                    meaning="This operation was not started.",
                    remedy="It is tried again later.",
                    retry_after=self._settings.queue_wait,
                )
            self.waiting.remove(last)
            why = "Gave way in a full queue to something more urgent."
            last.granted.set_exception(Transient(why, retry_after=GAVE_WAY))
        self.waiting.append(waiter)
        self.grant()

    def _withdraw(self, waiter: Waiter) -> None:
        if waiter in self.waiting:
            self.waiting.remove(waiter)
        elif not waiter.granted.cancelled() and waiter.granted.exception() is None:
            self.release(waiter.granted.result())

    def _not_served(self, waiter: Waiter) -> Transient:
        waited = f"{waiter.task or 'An operation'} waited {self._settings.queue_wait.total_seconds():g} s"
        shut = self._shut()
        if shut:
            return Transient(f"{waited}, but {shut}", meaning="It was not started.")
        holders = ", ".join(f"{one.task or '?'} of {one.account_id}" for one in self.leases.values())
        return Transient(
            f"{waited} for a context; in use by: {holders or 'nobody'}.",
            meaning="It was not started.",
            remedy="Raise BROWSER_CONTEXTS if this happens often.",
        )
