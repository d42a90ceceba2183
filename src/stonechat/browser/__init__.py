"""Layer 5: one Chromium, pooled contexts, saved sessions, health.

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
