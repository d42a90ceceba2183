"""Transactions that failed: counted by kind, and those remembered that no waiting mends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Counter

from stonechat.core.clock import Clock

REMEMBERED = timedelta(minutes=5)
"""Real time for which a refused statement is told."""

MANY = 3
"""So many refused statements within :data:`REMEMBERED` are trouble of the database layer."""

STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class RefusedStatements:
    """Statements of the last minutes that the database refused: a missing table, a right that was taken.

    Attributes:
        task, why: of the newest one.
    """

    count: int = 0
    task: str = ""
    why: str = ""

    @property
    def too_many(self) -> bool:
        """Whether it is no single accident."""
        return self.count >= MANY

    def __str__(self) -> str:
        minutes = REMEMBERED.total_seconds() / 60
        newest = f"the newest, {self.task}: {self.why}"
        return f"{self.count} statements were refused within {minutes:.0f} min; {newest}"


class FailureCounter:
    """Counts every failed transaction, and keeps the refused ones of the last minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused: deque[tuple[float, str, str]] = deque(maxlen=100)
        self.counter = Counter(
            "stonechat_database_failures",
            "Transactions that failed: no connection, no place in the pool, a time-out or lock, a statement.",
            ("kind",),
            registry=None,
        )

    def note(self, kind: str, task: str, why: str) -> None:
        """A transaction has failed."""
        self.counter.labels(kind).inc()
        if kind == STATEMENT:
            self._refused.append((self._clock.monotonic(), task, why))

    def refused(self) -> RefusedStatements:
        """The refused statements of the last minutes."""
        now, limit = self._clock.monotonic(), REMEMBERED.total_seconds()
        lately = [(task, why) for at, task, why in self._refused if now - at < limit]
        return RefusedStatements(len(lately), *lately[-1]) if lately else RefusedStatements()
