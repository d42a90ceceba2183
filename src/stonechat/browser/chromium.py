"""Starts, probes and kills one Chromium and the Playwright driver that speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import structlog
from playwright.async_api import Browser, Error, Playwright, async_playwright

from stonechat.browser.executable import REMEDY
from stonechat.browser.processes import RunFolder, kill, memory
from stonechat.core.child_environment import child_environment, narrowed_environment
from stonechat.core.errors import Transient

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

log = structlog.get_logger()

ARGUMENTS = (
    # A server's browser has nothing to ask the network for but the pages that it is told to open.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    # Pictures are never looked at; left out, a page loads in a fraction of the time.
    "--blink-settings=imagesEnabled=false",
    # One process instead of three, and no program that draws in three dimensions: 50 MB less.
    "--in-process-gpu",
    "--disable-gpu",
    "--disable-software-rasterizer",
    # What is drawn is seen in pictures of failures alone: 4 MB hold what is in view (8 MB less for a page).
    "--force-gpu-mem-available-mb=4",
    # A process that starts others, of which there are none: 7 MB.
    "--no-unsandboxed-zygote",
    # A page whose script grows beyond this many megabytes dies, and not what runs beside it.
    "--js-flags=--max-old-space-size=256",
    # The last such switch holds, so Playwright's own features (its chromiumSwitches) stand here again.
    "--enable-features=CDPScreenshotNewSurface,SkipListAccountsWithoutGaiaCookies,NetworkServiceInProcess2",
)
DRIVER_OPTIONS = "--max-semi-space-size=1 --max-old-space-size=192"
"""For the driver's JavaScript engine, in megabytes: young objects are collected early (25 MB less), and a
driver that grows without end dies, and is replaced, before the machine does."""
START_LIMIT = 20.0
LAUNCH_LIMIT = 12.0
CLOSE_LIMIT = 3.0
PROVE_LIMIT = 10.0


class Chromium:
    """A driver and its browser. After :meth:`kill` or a crash, :meth:`start` gives a fresh one.

    Args:
        executable: the program; None for the one that Playwright brings.
        folder: where temporary files go, and the mark by which its processes are found.

    Attributes:
        on_lost: called when a browser goes away without being asked to.
        proving: :meth:`prove` has a context of its own open.
        browser_pid, driver_pid: of the processes that serve now; None while there is none.
    """

    def __init__(self, executable: Path | None, folder: RunFolder) -> None:
        self._executable = executable
        self._folder = folder
        self._sandbox = os.geteuid() != 0
        self.on_lost: Callable[[str], None] = lambda _: None
        self._playwright: Playwright | None = None
        self._control: CDPSession | None = None
        self.browser: Browser | None = None
        self.browser_pid: int | None = None
        self.driver_pid: int | None = None
        self.generation = 0
        self.proving = False

    @property
    def alive(self) -> bool:
        """Whether the connection to a browser stands; a frozen one still counts."""
        return self.browser is not None and self.browser.is_connected()

    async def start(self) -> None:
        """Start a browser, and a driver where there is none that works.

        Raises:
            Transient: it does not start; the message says what the program said and what to do.
        """
        if self._playwright is not None:
            try:
                await asyncio.to_thread(self._folder.prepare)
                await self._launch(self._playwright)
                return
            except (Error, TimeoutError, OSError):
                await self.kill()
        try:
            await asyncio.to_thread(self._folder.prepare)
            self._playwright = await self._start_driver()
            await self._launch(self._playwright)
        except (Error, TimeoutError, OSError) as exc:
            await self.kill()
            raise Transient(
                f"The browser does not start: {_first_lines(exc)}",
                meaning="Nothing that needs the browser runs; posts wait.",
                remedy=f"It is tried again by itself. {REMEDY}",
            ) from exc

    async def _start_driver(self) -> Playwright:
        try:
            async with asyncio.timeout(START_LIMIT):
                with narrowed_environment(self._folder.environment() | driver_options()):
                    playwright = await async_playwright().start()
                self.driver_pid = await asyncio.to_thread(self._find_driver)
                return playwright
        except Exception as exc:
            if driver_died(exc):
                raise Error(str(exc)) from exc
            raise

    async def _launch(self, playwright: Playwright) -> None:
        """Start the browser in its own sandbox where the system has one to offer.

        As root Chromium refuses to start with it, and in many containers the kernel does not allow it.
        """
        try:
            await self._launch_once(playwright)
        except Error as exc:
            if not self._sandbox or "sandbox" not in str(exc).lower():
                raise
            self._sandbox = False
            log.warning("browser.without_sandbox", why="the system offers none", remedy="stonechat doctor")
            await self._launch_once(playwright)

    async def _launch_once(self, playwright: Playwright) -> None:
        async with asyncio.timeout(LAUNCH_LIMIT):
            browser = await playwright.chromium.launch(
                executable_path=self._executable,
                args=list(ARGUMENTS),
                chromium_sandbox=self._sandbox,
                handle_sigint=False,  # the supervisor decides what Ctrl-C means
                handle_sigterm=False,
                handle_sighup=False,
                env={**child_environment(), **self._folder.environment()},
            )
            self._control = await browser.new_browser_cdp_session()
            told = await self._control.send("SystemInfo.getProcessInfo")
        self.browser_pid = next((one["id"] for one in told["processInfo"] if one["type"] == "browser"), None)
        self.browser = browser
        self.generation += 1
        browser.on("disconnected", self._lost)

    def _lost(self, browser: Browser) -> None:
        if browser is self.browser:
            self.browser = self.browser_pid = None
            self.on_lost("the browser went away")

    async def answers(self, within: float) -> bool:
        """Whether the browser process answers a question within that many real seconds."""
        if self._control is None or not self.alive:
            return False
        try:
            async with asyncio.timeout(within):
                await self._control.send("Browser.getVersion")
        except (Error, TimeoutError):
            return False
        return True

    async def prove(self) -> None:
        """Open a page of its own and have it answer.

        Raises:
            Error, TimeoutError: it does not within :data:`PROVE_LIMIT`.
        """
        browser = self.browser
        if browser is None:
            raise Error("there is no browser")
        self.proving = True
        try:
            async with asyncio.timeout(PROVE_LIMIT):
                context = await browser.new_context()
                page = await context.new_page()
                await page.evaluate("1 + 1")
                await context.close()
        finally:
            self.proving = False  # whatever it left open is a stray from now on

    def processes(self) -> list[psutil.Process]:
        """Driver, browser and everything below them."""
        return self._folder.processes()

    def measure(self) -> tuple[int, int]:
        """Bytes taken by the driver, the browser and all its pages, and how many processes they are."""
        processes = self._folder.processes()
        return memory(processes), len(processes)

    def _find_driver(self) -> int | None:
        found = (one.pid for one in self._folder.processes() if "run-driver" in one.cmdline())
        return next(found, None)

    async def kill_browser(self) -> None:
        """Kill the browser's process group; the driver stays for the next one. Works on a frozen browser."""
        self.browser = self._control = self.browser_pid = None

        def all_but_the_driver() -> None:
            driver = {process.pid for process in psutil.Process().children()}
            kill(process for process in self._folder.processes() if process.pid not in driver)

        await asyncio.to_thread(all_but_the_driver)

    async def kill(self) -> None:
        """Kill driver and browser, whatever state they are in, and delete what they leave behind."""
        self.browser = self._control = self.browser_pid = None
        playwright, self._playwright = self._playwright, None
        for _ in range(20):
            left = await asyncio.to_thread(self._folder.processes)
            if not left:
                break
            kill(left)
            await asyncio.sleep(0.05)
        if playwright is not None:
            with contextlib.suppress(Error, TimeoutError, OSError):
                await asyncio.wait_for(playwright.stop(), CLOSE_LIMIT)
        self._folder.empty()

    async def close(self) -> None:
        """End both in good order; what does not end in time is killed."""
        browser, self.browser = self.browser, None
        if browser is not None:
            with contextlib.suppress(Error, TimeoutError):
                await asyncio.wait_for(browser.close(), CLOSE_LIMIT)
        playwright, self._playwright = self._playwright, None
        if playwright is not None:
            with contextlib.suppress(Error, TimeoutError, OSError):
                await asyncio.wait_for(playwright.stop(), CLOSE_LIMIT)
        await self.kill()


def driver_died(exc: Exception) -> bool:
    """Whether this is the bare ``Exception`` that Playwright raises where its driver ends unasked."""
    return type(exc) is Exception and "driver" in str(exc)


def _first_lines(exc: BaseException) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return " ".join(lines[:3])[:300] or type(exc).__name__


def driver_options() -> dict[str, str]:
    """What the driver gets in its environment."""
    given = os.environ.get("NODE_OPTIONS", "")
    one_heap = {"MALLOC_ARENA_MAX": "1"}  # for all its threads, which are idle: 6 MB less
    return {"NODE_OPTIONS": f"{given} {DRIVER_OPTIONS}".strip(), **one_heap}
