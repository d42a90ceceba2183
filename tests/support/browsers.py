"""Which Chromium the tests drive: the one named, Playwright's own, or the machine's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

NAMES = ("chromium-headless-shell", "google-chrome-stable", "google-chrome", "chromium", "chromium-browser")
CACHES = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")


def find_chromium() -> Path | None:
    """A path for ``executable_path``, None where Playwright's own is there; skips the test without either."""
    if named := os.environ.get("BROWSER_EXECUTABLE"):
        return Path(named)
    caches = [os.environ["PLAYWRIGHT_BROWSERS_PATH"]] if "PLAYWRIGHT_BROWSERS_PATH" in os.environ else CACHES
    if any(any(Path(cache).expanduser().glob("chromium*")) for cache in caches):
        return None
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    pytest.skip("no Chromium here; make setup installs one")
