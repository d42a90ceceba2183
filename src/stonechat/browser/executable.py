"""Which Chromium is used: the one in the settings, an installed one, or the one Playwright brings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stonechat.core.errors import ConfigError, ConfigFault

SHELL = "chromium-headless-shell"
"""Takes a third of the memory of a whole browser, and is all that is needed here."""
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

REMEDY = (
    "Install one (Debian and Ubuntu: `apt-get install chromium-headless-shell` or `chromium`), "
    "let Playwright fetch its own (`playwright install --only-shell chromium`), "
    "or set BROWSER_EXECUTABLE to the path of a Chromium."
)


OWN = (Path("~/.cache/ms-playwright"), Path("~/Library/Caches/ms-playwright"))
"""Where Playwright keeps the browsers that it fetched."""


def find_chromium(
    setting: Path | None, *, search_path: str | None = None, own: tuple[Path, ...] = OWN
) -> Path | None:
    """The Chromium to start; None for Playwright's own.

    The order: the setting, an installed headless shell, Playwright's own (which its version is tested
    with), any other installed one.

    Args:
        setting: ``BROWSER_EXECUTABLE``.
        search_path: folders to search, as in ``PATH``; the process's own by default.
        own: folders in which Playwright's own may stand.

    Raises:
        ConfigError: the setting names something that is not an executable file.
    """
    if setting is not None:
        if not setting.is_file() or not os.access(setting, os.X_OK):
            problem = f"{setting} is not a program that can be run"
            raise ConfigError((ConfigFault("BROWSER_EXECUTABLE", problem, "the path of a Chromium"),))
        return setting
    shell = shutil.which(SHELL, path=search_path)
    if shell is not None:
        return Path(shell)
    if any(any(folder.expanduser().glob("chromium*")) for folder in own):
        return None
    found = (shutil.which(name, path=search_path) for name in NAMES)
    return next((Path(one) for one in found if one is not None), MAC if MAC.is_file() else None)
