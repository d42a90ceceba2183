"""A log filter that lets through a few lines of each kind a minute and counts the rest."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


class Throttle(logging.Filter):
    """Passes ``per_minute`` records from each place in the source; the next one says how many were held."""

    def __init__(self, per_minute: int, silent: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._silent = silent
        self._windows: dict[tuple[str, int], tuple[float, int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes."""
        if self._silent():
            return False
        place = (record.pathname, record.lineno)
        now = time.monotonic()
        since, passed, held = self._windows.get(place, (now, 0, 0))
        if now - since >= 60:
            since, passed = now, 0
        if passed >= self._per_minute:
            self._windows[place] = (since, passed, held + 1)
            return False
        if held:
            record.msg, record.args = f"{record.getMessage()} (and {held} more like it)", ()
        self._windows[place] = (since, passed + 1, 0)
        return True
