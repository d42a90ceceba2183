"""Layer 5: one headless Chromium, a pool of contexts (one for each account), saved sessions, health.

It promises that a page is used by one task at a time and for a bounded time, that a hung or dead browser is
replaced without anyone's help, and that errors say whether the operation had begun (``BrowserFailed``) or not
(``BrowserDown``, ``BrowserBusy``). Only ``networks`` borrow pages; only this package and the web adapter know
Playwright.

::

    async with open_browser_pool(settings.browser, clock, events, sessions=sessions) as pool:
        async with pool.lease(account.id, priority=LeasePriority.POST, task="publish") as lease:
            await lease.page.goto(address)
"""

from stonechat.browser.account_context import LeasePriority, PageLease
from stonechat.browser.errors import BrowserBusy, BrowserDown, BrowserFailed
from stonechat.browser.opening import open_browser_pool
from stonechat.browser.pool import POOL_POLICY, BrowserPool

__all__ = [
    "POOL_POLICY",
    "BrowserBusy",
    "BrowserDown",
    "BrowserFailed",
    "BrowserPool",
    "LeasePriority",
    "PageLease",
    "open_browser_pool",
]
