"""What the pool tells about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LeaseView:
    """One lease in use: whose, for what, for how long."""

    account_id: str
    task: str
    held: timedelta


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The pool at one moment.

    Attributes:
        up: a browser runs and answers.
        why: the cause where it does not.
        contexts: open contexts, of at most ``limit``.
        queued: who waits, by task.
        longest_wait: of those who wait now.
        operations: ended operations by task and outcome.
        memory_bytes: driver, browser and pages together, as last measured; None before the first time.
        restarts: browsers started after the first.
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
    operations: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    memory_bytes: int | None = None
    processes: int | None = None
    restarts: int = 0
    evidence: Path | None = None

    @property
    def queue_depth(self) -> int:
        """How many wait."""
        return sum(self.queued.values())
