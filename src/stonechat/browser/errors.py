"""Errors of the browser itself, told apart from what a site answers.

::

    Transient
    ├── BrowserFailed   the operation began, and browser, page or driver failed under it
    └── NotTried
        ├── BrowserDown no browser works: the operation was not begun
        └── BrowserBusy every context is in use, or the queue is full: the operation was not begun
"""

from __future__ import annotations

from datetime import timedelta

from stonechat.core.errors import NotTried, StonechatError, Transient
from stonechat.resilience.host_view import CallResult


class BrowserFailed(Transient):
    """The browser, its page or its driver failed under the operation, or its time was up."""


class BrowserDown(NotTried):
    """No browser works now; the supervisor is starting one."""


class BrowserBusy(NotTried):
    """No context came free in time: back-pressure, not a failure of anything."""


def judge(exc: StonechatError) -> CallResult:
    """For the browser's breaker: what a site says is none of its business, and a busy browser works."""
    if isinstance(exc, BrowserFailed | BrowserDown):
        return CallResult.FAILED
    return CallResult.CANCELLED if isinstance(exc, NotTried) else CallResult.PASSED


def late(task: str, cut_short: str, limit: timedelta) -> BrowserFailed:
    """The operation's time was up, or it was cut short."""
    if cut_short:
        return BrowserFailed(
            f"{task or 'The operation'} was cut short: {cut_short}.", meaning="What it did is not known here."
        )
    return BrowserFailed(
        f"{task or 'The operation'} did not end within {limit.total_seconds():g} s.",
        meaning="Its page was closed; a fresh one is next.",
    )


def broken(task: str, cut_short: str, exc: Exception) -> BrowserFailed:
    """Playwright raised: the first line of what it said, or why the operation was cut short."""
    first = next((line.strip() for line in str(exc).splitlines() if line.strip()), type(exc).__name__)
    return BrowserFailed(
        f"{task or 'The operation'} failed in the browser: {cut_short or first[:300]}",
        meaning="A fresh page is next.",
    )
