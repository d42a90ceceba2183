"""Opening and closing the pool, with everything that it leaves on the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from stonechat.browser.chromium import Chromium
from stonechat.browser.executable import find_chromium
from stonechat.browser.failure_artifacts import FailureArtifactFolder
from stonechat.browser.pool import BrowserPool
from stonechat.browser.processes import RunFolder, default_root, sweep
from stonechat.browser.sessions import SessionStore
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream


@contextlib.asynccontextmanager
async def open_browser_pool(
    settings: BrowserSettings,
    clock: Clock,
    events: EventStream,
    *,
    sessions: SessionStore | None = None,
    evidence_folder: Path | None = None,
    root: Path | None = None,
) -> AsyncIterator[BrowserPool]:
    """Open the pool, sweeping up first what killed runs left behind.

    The pool opens even where the browser does not start: it is degraded then (``health().up`` is
    False) and goes on trying, and operations wait in its queue.

    Args:
        sessions: where accounts' sessions come from and renewed cookies go to.
        evidence_folder: where records of failed operations are kept (at most 50); none are where None.
        root: where run folders stand; a folder of this user's in the system's temporary folder.

    Raises:
        ConfigError: ``BROWSER_EXECUTABLE`` names something that cannot be run.
    """
    executable = find_chromium(settings.executable)
    root = root or default_root()
    await asyncio.to_thread(sweep, root)
    folder = RunFolder.below(root)
    pool = BrowserPool(
        settings,
        clock,
        events,
        chromium=Chromium(executable, folder),
        sessions=sessions,
        evidence=FailureArtifactFolder(evidence_folder) if evidence_folder is not None else None,
    )
    await pool.supervisor.start()
    watch = asyncio.create_task(pool.supervisor.run(), name="browser supervisor")
    try:
        yield pool
    finally:
        await pool.close()
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await pool.supervisor.chromium.close()
        folder.remove()
