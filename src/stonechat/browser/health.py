"""The values in which the pool reports its health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from stonechat.resilience.circuit_breaker import BreakerStatus


@dataclass(frozen=True, slots=True)
class LeaseView:
    """One lease in use: whose, for what, for how long."""

    account_id: str
    task: str
    held: timedelta


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the last operations waited for their turn (real time); all zero before the first."""

    counted: int = 0
    p50: timedelta = timedelta()
    p99: timedelta = timedelta()
    longest: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The pool at one moment.

    Attributes:
        up: a browser runs and answers.
        why: the cause where it does not.
        since: real time at which it came up or went down.
        contexts: open contexts, of at most ``limit``.
        queued: who waits, by task.
        longest_wait: of those who wait now.
        exhausted: why nobody is served though somebody waits; "" while they are.
        waits: of the operations that were served.
        operations: ended operations by task and outcome.
        memory_bytes: driver, browser and pages together, as last measured; None before the first time.
        memory_peak_bytes: the most that was measured since the pool was opened.
        own_bytes: this process itself.
        processes: how many make up ``memory_bytes``.
        browser_pid, driver_pid: of the browser and of what drives it; None while there is none.
        restarts: browsers started after the first.
        breaker: the browser's circuit breaker, where there is one.
        evidence: the newest record of a failed operation.
    """

    up: bool
    why: str
    version: str
    since: datetime
    contexts: int
    limit: int
    leases: tuple[LeaseView, ...]
    queued: Mapping[str, int]
    longest_wait: timedelta
    exhausted: str = ""
    waits: Waits = field(default_factory=Waits)
    operations: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    own_bytes: int | None = None
    processes: int | None = None
    browser_pid: int | None = None
    driver_pid: int | None = None
    restarts: int = 0
    breaker: BreakerStatus | None = None
    evidence: Path | None = None

    @property
    def queue_depth(self) -> int:
        """How many wait."""
        return sum(self.queued.values())


def waits_of(seconds: list[float]) -> Waits:
    """The figures of these waits."""
    if not seconds:
        return Waits()
    ordered = sorted(seconds)

    def at(share: float) -> timedelta:
        return timedelta(seconds=ordered[min(len(ordered) - 1, int(share * len(ordered)))])

    return Waits(len(ordered), at(0.5), at(0.99), timedelta(seconds=ordered[-1]))
