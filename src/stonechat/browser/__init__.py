"""Layer 5: one Chromium, pooled contexts, saved sessions, health.

::

    async with open_browser_pool(settings.browser, clock, events, sessions=sessions) as pool:
        async with pool.lease(account.id, priority=Priority.POST, task="publish") as lease:
            await lease.page.goto(address)
"""

from stonechat.browser.pool import BrowserPool, open_browser_pool
from stonechat.browser.queue import Priority
from stonechat.browser.slots import Lease

__all__ = ["BrowserPool", "Lease", "Priority", "open_browser_pool"]
