"""A sliding window over the recent calls of one breaker in one process, and whether they trip it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from stonechat.resilience.state_machine import BreakerPolicy

LONGEST = 1000
"""Calls remembered at most; beyond that the oldest are dropped before the window's time is up."""


@dataclass(frozen=True, slots=True)
class CallCounts:
    """What the window holds now."""

    calls: int
    failures: int
    slow: int
    consecutive: int


class Window:
    """Calls by the monotonic clock, in seconds. Forgets everything when told that a new epoch began."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._calls: deque[tuple[float, bool, bool]] = deque(maxlen=LONGEST)  # when, failed, slow
        self._consecutive = 0

    def add(self, at: float, *, failed: bool, took: float) -> None:
        """One call ended."""
        self._calls.append((at, failed, took >= self._policy.slow_call.total_seconds()))
        self._consecutive = self._consecutive + 1 if failed else 0

    def clear(self) -> None:
        """Begin anew."""
        self._calls.clear()
        self._consecutive = 0

    def counts(self, now: float) -> CallCounts:
        """The calls of the last ``policy.window``."""
        oldest = now - self._policy.window.total_seconds()
        while self._calls and self._calls[0][0] < oldest:
            self._calls.popleft()
        failures = sum(1 for _, failed, _ in self._calls if failed)
        slow = sum(1 for _, _, late in self._calls if late)
        return CallCounts(len(self._calls), failures, slow, self._consecutive)

    def trouble(self, now: float) -> str:
        """Why the breaker must open, or an empty text. A call that went well never opens it."""
        policy, counts = self._policy, self.counts(now)
        if not self._calls or not any(self._calls[-1][1:]):
            return ""
        if counts.consecutive >= policy.consecutive:
            return f"{counts.consecutive} failures in a row"
        if counts.calls < policy.minimum_calls:
            return ""
        if counts.failures / counts.calls >= policy.failure_rate:
            return f"{counts.failures} of {counts.calls} calls failed"
        if counts.slow / counts.calls >= policy.slow_rate:
            return f"{counts.slow} of {counts.calls} calls were slow"
        return ""
