"""Saying little during an outage: the first line and the last one, not one for each try."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Outage:
    """Something cannot be done for a while: said when it begins and when it is over."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failures = 0

    def goes_on(self, cause: str) -> None:
        """One more try has failed."""
        if self._failures == 0:
            log.warning(f"job.{self._what}_waits", cause=cause)
        self._failures += 1

    def is_over(self) -> None:
        """It worked."""
        if self._failures:
            log.info(f"job.{self._what}_goes_on", failures=self._failures)
        self._failures = 0


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


class Expected(logging.Filter):
    """Drops records that begin with ``text`` while they are no news."""

    def __init__(self, text: str, while_: Callable[[], bool]) -> None:
        super().__init__()
        self._text = text
        self._while = while_

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes."""
        return not (self._while() and record.getMessage().startswith(self._text))
