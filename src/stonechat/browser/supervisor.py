"""The browser's supervisor: the only code that starts, probes and replaces the browser."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
import structlog
from playwright.async_api import Error

from stonechat.browser.chromium import Chromium
from stonechat.browser.processes import memory
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError, Transient
from stonechat.core.events import BrowserLost, BrowserRestarted, EventStream

log = structlog.get_logger(__name__)

TICK = 1.0
"""Real seconds between two rounds of housekeeping."""
ASK_EVERY = 3.0
"""Real seconds between two questions to a browser that nobody suspects."""
ANSWER_WITHIN = 2.0
"""Real seconds that an answer may take; a second question follows a missing answer."""
MEASURE_EVERY, FIRST_MEASURE = 15.0, 2.0
"""Real seconds between two measures of memory, and from a start to the first."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class BrowserUsage:
    """Memory in bytes as last measured (None before): of driver, browser and pages together, the most that
    these have taken, of this process itself; and how many processes the first is made of."""

    browser: int | None = None
    peak: int | None = None
    own: int | None = None
    processes: int | None = None


class BrowserSupervisor:
    """Keeps one working browser.

    Args:
        chromium: what is kept alive.
        lost: called when the browser is gone: everything opened in it is worthless.
        ready: called when one works again.
        tend: housekeeping of the pool, once a tick; says why the browser should be replaced, or "".
    """

    def __init__(
        self,
        chromium: Chromium,
        clock: Clock,
        events: EventStream,
        *,
        lost: Callable[[str], None],
        ready: Callable[[], None],
        tend: Callable[[], Awaitable[str]],
    ) -> None:
        self.chromium = chromium
        chromium.on_lost = self.gone
        self._clock = clock
        self._events = events
        self._pool_lost = lost
        self._pool_ready = ready
        self._tend = tend
        self._look = asyncio.Event()
        self.up = False
        self.why = "not started yet"
        self.since: datetime = clock.wall()
        self.restarts = 0
        self.usage = BrowserUsage()
        self._asked = self._measured = clock.monotonic()
        self._down_since = clock.monotonic()
        self._failures = 0

    def suspect(self) -> None:
        """Look at once whether the browser still answers."""
        self._look.set()

    def gone(self, why: str) -> None:
        """The browser is gone: nothing opened in it will work again."""
        if not self.up:
            return
        self.up, self.why, self.since = False, why, self._clock.wall()
        self._down_since = self._clock.monotonic()
        self._events.emit(BrowserLost(why=why))
        self._pool_lost(why)
        self._look.set()

    async def prove(self) -> None:
        """Whether a page of its own works in the browser now.

        Raises:
            Transient: it does not, or there is no browser.
        """
        if not self.up:
            raise Transient(f"The browser is down: {self.why}")
        try:
            await self.chromium.prove()
        except (Error, TimeoutError) as exc:
            self.suspect()
            raise Transient(f"A fresh page does not answer ({type(exc).__name__}).") from exc

    async def start(self) -> None:
        """Try once to start the browser; where it does not start, :meth:`run` goes on trying."""
        try:
            await self.chromium.start()
        except StonechatError as exc:
            self._failed(exc)
            return
        self._works()

    async def run(self) -> None:
        """Keep the browser working until cancelled."""
        while True:
            try:
                await self._round()
            except Exception as exc:  # a watchman that dies would leave the pool dead for good
                log.exception("browser.keeper_failed")
                self.gone(f"the browser's supervisor met {type(exc).__name__}: {exc}")
                await self._clock.sleep_real(timedelta(seconds=TICK))

    async def _round(self) -> None:
        if not self.up:
            await self._bring_up()
            return
        suspected = await self._pause()
        if not self.up:
            return
        now = self._clock.monotonic()
        if suspected or now - self._asked >= ASK_EVERY:
            self._asked = now
            if not await self._answers():
                self.gone("the browser does not answer")
                return
        if now - self._measured >= MEASURE_EVERY:
            self._measured = now
            await self._measure()
        # After the probe above: housekeeping talks to the browser, and a frozen one would hang it.
        why = await self._tend()
        if why:
            self.gone(why)  # killed and replaced in the next round, which is now

    async def _pause(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await self._look.wait()
        suspected = self._look.is_set()
        self._look.clear()
        return suspected

    async def _answers(self) -> bool:
        # Twice, since on a busy machine one answer may be late for no fault of the browser's.
        return await self.chromium.answers(ANSWER_WITHIN) or await self.chromium.answers(ANSWER_WITHIN)

    async def _measure(self) -> None:
        browser, processes = await asyncio.to_thread(self.chromium.measure)
        own = await asyncio.to_thread(memory, [psutil.Process()])
        self.usage = BrowserUsage(browser, max(browser, self.usage.peak or 0), own, processes)

    async def _bring_up(self) -> None:
        self._look.clear()
        if self._failures:
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._failures - 1))
            await self._clock.sleep_real(timedelta(seconds=wait))
        # First what may be left of the one before, frozen or half started.
        await self.chromium.kill_browser()
        await self.start()

    def _failed(self, exc: StonechatError) -> None:
        self._failures += 1
        self.why = str(exc)
        if self._failures == 1 and self.chromium.generation == 0:
            self._events.emit(BrowserLost(why=self.why))

    def _works(self) -> None:
        took = timedelta(seconds=self._clock.monotonic() - self._down_since)
        before, self.why = self.why, ""
        failures, self._failures = self._failures, 0
        self.up, self.since = True, self._clock.wall()
        self._asked = self._clock.monotonic()
        self._measured = self._asked - MEASURE_EVERY + FIRST_MEASURE
        self.usage = BrowserUsage(peak=self.usage.peak)  # what was measured was the last one's
        self.restarts += self.chromium.generation > 1
        if failures or self.chromium.generation > 1:
            self._events.emit(BrowserRestarted(why=before, took=took))
        self._pool_ready()
