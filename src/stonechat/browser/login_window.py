"""Opens a visible Chromium in which the owner logs in; its profile is deleted when it closes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Error, Playwright, async_playwright

from stonechat.browser.executable import MAC, NAMES
from stonechat.browser.sandbox import no_sandbox
from stonechat.core.child_environment import child_environment, narrowed_environment
from stonechat.core.errors import Permanent

Window = BrowserContext
"""What the owner logs in with."""

ELSEWHERE = (
    "Log in on a computer with a screen, export the session there, and hand it over: on the page Accounts, "
    "or stonechat login --from-file session.json"
)


@contextlib.asynccontextmanager
async def open_window(executable: Path | None, *, visible: bool = True) -> AsyncIterator[Window]:
    """A fresh browser without any session; everything of it is gone at the end.

    Args:
        executable: ``BROWSER_EXECUTABLE``; a headless shell there cannot show a window.
        visible: False where no window is needed (checking a session).

    Raises:
        Permanent: there is no browser that can show a window.
    """
    path = whole_browser(executable) if visible else executable
    with narrowed_environment({}):
        playwright = await async_playwright().start()
    try:
        try:
            browser = await _launch(playwright, path, headless=not visible)
        except Error as exc:
            raise Permanent(
                f"The browser does not start: {str(exc).splitlines()[0][:200]}",
                meaning="Nothing was changed.",
                remedy=f"Set BROWSER_EXECUTABLE to a Chromium that does. Or: {ELSEWHERE}",
            ) from exc
        try:
            if visible:  # the page has the size of the window, whatever the owner makes of that
                yield await browser.new_context(locale="en-US", no_viewport=True)
            else:
                yield await browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
        finally:
            with contextlib.suppress(Error):  # the owner may have closed it
                await browser.close()
    finally:
        await playwright.stop()


async def _launch(playwright: Playwright, path: Path | None, *, headless: bool) -> Browser:
    """In Chromium's own sandbox where the system has one to offer."""
    start = partial(
        playwright.chromium.launch, executable_path=path, headless=headless, env={**child_environment()}
    )
    if no_sandbox() is None:
        with contextlib.suppress(Error):  # what else is wrong is said by the second try
            return await start(chromium_sandbox=True)
    return await start(chromium_sandbox=False)


def no_screen() -> Permanent:
    """A window was asked for where none can be shown."""
    return Permanent(
        "There is no screen to show a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).",
        meaning="Nothing was opened and nothing was changed.",
        remedy=ELSEWHERE,
    )


def whole_browser(setting: Path | None, *, search_path: str | None = None) -> Path | None:
    """A Chromium that can show a window; None for Playwright's own.

    Raises:
        Permanent: ``setting`` names a headless shell, and no other is installed.
    """
    if setting is not None and "headless" not in setting.name:
        return setting
    found = (shutil.which(name, path=search_path) for name in NAMES)
    path = next((Path(one) for one in found if one is not None), MAC if MAC.is_file() else None)
    if path is None and setting is not None:
        raise Permanent(
            f"{setting} cannot show a window, and no other Chromium is installed.",
            meaning="Nothing was opened and nothing was changed.",
            remedy=f"Install one (Debian and Ubuntu: `apt-get install chromium`). Or: {ELSEWHERE}",
        )
    return path
