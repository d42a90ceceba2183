"""Which Chromium is used: the one in the settings, an installed one, or the one Playwright brings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stonechat.core.errors import ConfigError, ConfigFault

NAMES = (
    "chromium-headless-shell",  # a third of the memory of the others, and all that is needed here
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


def find_chromium(setting: Path | None, search_path: str | None = None) -> Path | None:
    """The Chromium to start; None where only Playwright's own can be tried.

    Args:
        setting: ``BROWSER_EXECUTABLE``; wins where it is given.
        search_path: folders to search, as in ``PATH``; the process's own by default.

    Raises:
        ConfigError: the setting names something that is not an executable file.
    """
    if setting is not None:
        if not setting.is_file() or not os.access(setting, os.X_OK):
            problem = f"{setting} is not a program that can be run"
            raise ConfigError((ConfigFault("BROWSER_EXECUTABLE", problem, "the path of a Chromium"),))
        return setting
    for name in NAMES:
        found = shutil.which(name, path=search_path)
        if found is not None:
            return Path(found)
    return MAC if MAC.is_file() else None
