"""Settings of the browser pool."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import Duration, HomePath
from stonechat.config.settings.section import DURATION, Section, setting


class BrowserSettings(Section):
    """Layer 5. Durations are real time."""

    executable: HomePath | None = setting("BROWSER_EXECUTABLE", None, "the path of a Chromium")
    """The Chromium to start. Without it the one that set-up found, or Playwright's own. Set it where Chromium
    stands in an unusual place."""
    contexts: int = setting("BROWSER_CONTEXTS", 3, "a whole number from 1 to 20", ge=1, le=20)
    """How many accounts may use the browser at once. Each context takes roughly 60 to 150 MB of memory."""
    queue_limit: int = setting("BROWSER_QUEUE_LIMIT", 50, "a whole number from 1 to 1000", ge=1, le=1000)
    """How many tasks may wait for the browser. When the queue is full the least urgent one gives way and is
    tried again later."""
    queue_wait: Duration = setting("BROWSER_QUEUE_WAIT", timedelta(seconds=60), DURATION)
    """How long a task waits for its turn at the browser before it fails as a temporary fault."""
    call_timeout: Duration = setting("BROWSER_CALL_TIMEOUT", timedelta(seconds=15), DURATION)
    """How long one call to the browser (open a page, click, read) may take before the browser is taken for
    hung."""
    lease_limit: Duration = setting("BROWSER_LEASE_LIMIT", timedelta(seconds=120), DURATION)
    """How long one task may use a page. After that the page is taken away and closed."""
    idle_limit: Duration = setting("BROWSER_IDLE_LIMIT", timedelta(minutes=10), DURATION)
    """After how long without use an account's context is closed to free memory."""
    context_age: Duration = setting("BROWSER_CONTEXT_AGE", timedelta(hours=2), DURATION)
    """The age at which an account's context is replaced by a fresh one, between two tasks. Long-lived pages
    leak memory."""
    context_uses: int = setting("BROWSER_CONTEXT_USES", 200, "a whole number, at least 1", ge=1)
    """After how many tasks an account's context is replaced by a fresh one."""
    memory_limit_mb: int = setting("BROWSER_MEMORY_LIMIT_MB", 700, "megabytes, at least 200", ge=200)
    """The memory of the browser and all its processes, in megabytes, at which it is restarted as soon as
    nobody uses it. From 80 % of it idle contexts are closed at once. Set it below what your container leaves
    beside Stonechat's own 160 MB."""
