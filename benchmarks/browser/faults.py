"""Faults done to the real processes of a pool: for drills, benches and tests.

Nothing here is used by the pool itself. Each fault is what the world does: SIGKILL, SIGSTOP, a page that
loops or takes all the memory it can get.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable

import psutil
from playwright.async_api import Error

from stonechat.browser.account_context import PageLease
from stonechat.browser.pool import BrowserPool
from stonechat.core.errors import Permanent

Fault = Callable[[BrowserPool], Awaitable[None]]

FOR_EVER = "for (;;) {}"
HOG = "() => { const all = []; for (;;) all.push(new Array(1e6).fill(Math.random())); }"
"""Fills the page's script memory until its process gives up."""


async def kill_browser(pool: BrowserPool) -> None:
    """SIGKILL to the browser's main process; its children end with it."""
    _signal(pool.health().browser_pid, signal.SIGKILL)


async def freeze_browser(pool: BrowserPool) -> None:
    """SIGSTOP to the browser's process group: it is there and does not answer."""
    pid = pool.health().browser_pid
    if pid is None:
        raise Permanent("There is no browser to stop.")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGSTOP)


async def kill_driver(pool: BrowserPool) -> None:
    """SIGKILL to the driver (Node) between this process and the browser."""
    _signal(pool.health().driver_pid, signal.SIGKILL)


async def kill_pages(pool: BrowserPool) -> None:
    """SIGKILL to every process that draws pages, as the kernel does where memory runs out."""
    for process in pool.supervisor.chromium.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(argument == "--type=renderer" for argument in process.cmdline()):
                process.kill()


async def hang(lease: PageLease) -> None:
    """The page's script loops for ever."""
    await lease.page.evaluate(FOR_EVER)


async def eat_memory(lease: PageLease) -> None:
    """The page's script takes memory until its process dies of it."""
    with contextlib.suppress(Error):
        await lease.page.evaluate(HOG)
    await lease.page.wait_for_selector("#never")


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid is None:
        raise Permanent("There is no such process now.")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
