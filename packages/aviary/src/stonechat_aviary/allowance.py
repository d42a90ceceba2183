"""How often each call may be made, and the headers in which X says so with every answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW = 900
"""Real seconds of a window."""
PER_WINDOW = {
    "SearchTimeline": 50,
    "UserTweets": 50,
    "UserTweetsAndReplies": 50,
    "UserByScreenName": 150,
    "TweetDetail": 150,
    "HomeTimeline": 500,
    "NotificationsTimeline": 180,
    "CreateTweet": 300,
}
"""Calls in a window, about as X's own answers state them. They are stated here, too, but a call beyond
them is refused only where a lever sets the limit: the demo lives weeks in an hour."""


@dataclass(slots=True)
class _Window:
    ends: float
    used: int = 0


class Allowance:
    """Counts calls by account and operation."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}

    def use(self, handle: str, operation: str, limits: Mapping[str, int]) -> tuple[bool, dict[str, str]]:
        """Count one call: whether it is allowed, and the headers of its answer.

        Args:
            limits: calls in a window that a lever allows, by operation; the others are never refused.
        """
        now = time.time()
        window = self._windows.get((handle, operation))
        if window is None or window.ends <= now:
            window = self._windows[(handle, operation)] = _Window(now + WINDOW)
        window.used += 1
        limit = limits.get(operation, PER_WINDOW.get(operation, 500))
        headers = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(0, limit - window.used)),
            "x-rate-limit-reset": str(int(window.ends)),
        }
        return operation not in limits or window.used <= limit, headers
