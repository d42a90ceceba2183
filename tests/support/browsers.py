"""Which Chromium the tests drive: the one that Stonechat itself would choose."""

from __future__ import annotations

import os
from pathlib import Path

from stonechat.browser.executable import find_chromium as choose


def find_chromium() -> Path | None:
    """What to hand to Playwright as ``executable_path``; None for the one that Playwright downloaded."""
    named = os.environ.get("BROWSER_EXECUTABLE")
    return choose(Path(named) if named else None)
