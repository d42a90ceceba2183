"""Measures how long each transaction waits for the database, by task, and which were slow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter, Histogram

from stonechat.core.clock import Clock

BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0)
"""Seconds; upper bounds of the histogram's buckets."""

TASKS = 150
"""Task names that are told apart; there are about 120. What comes after is counted under ``other``."""

OTHER = "other"

SLOT, SLOTS = 10, 6
"""Seconds of real time in a slot, and slots that are judged: the last minute."""

FEW, SHARE = 3, 0.05
"""The database is called slow where at least so many, and at least this share, of a minute's transactions
were slow: one large piece of work is none of its trouble."""

KEPT, SHOWN = 50, 5


@dataclass(frozen=True, slots=True)
class Slow:
    """A transaction that waited for the database for too long.

    Attributes:
        took: what it waited for the connection's opening, its statements and its commit together (real time).
        at: when it ended (real time).
        where: the line of code that asked for the transaction.
        job: the run that asked; empty outside of runs.
    """

    task: str
    took: timedelta
    at: datetime
    where: str
    job: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        run = f" in {self.job}" if self.job else ""
        return (
            f"{self.task}{run} took {self.took.total_seconds():.1f} s ({self.at:%H:%M:%S} UTC, {self.where})"
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """The last minute. ``slowest`` are the worst few of it, the worst first."""

    limit: timedelta
    transactions: int
    slow: int
    slowest: tuple[Slow, ...]

    @property
    def overloaded(self) -> bool:
        """Whether so much is slow that the database is, not one piece of work."""
        return self.slow >= FEW and self.slow >= SHARE * self.transactions

    def __str__(self) -> str:
        """One line for a person."""
        said = (
            f"slow: {self.slow} of {self.transactions} transactions within a minute waited more than "
            f"{self.limit.total_seconds():g} s for the database"
        )
        return f"{said}; the slowest: {self.slowest[0]}" if self.slowest else said


@dataclass(slots=True)
class _Slot:
    number: int
    transactions: int = 0
    slow: int = 0


class LatencyTracker:
    """Counts in memory, a few microseconds a transaction.

    Args:
        limit: what waits longer for the database is slow (real time).
    """

    def __init__(self, limit: timedelta, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._tasks: set[str] = set()
        self._times = Histogram(
            "stonechat_database_transaction_seconds",
            "Real time that a transaction waited for the database: opening, locks, statements, commit.",
            ("task",),
            buckets=BOUNDS,
            registry=None,
        )
        self._slow = Counter(
            "stonechat_database_slow_transactions",
            "Transactions that waited for the database for longer than DATABASE_SLOW.",
            ("task",),
            registry=None,
        )
        self._slots: deque[_Slot] = deque(maxlen=SLOTS)
        self._latest: deque[tuple[int, Slow]] = deque(maxlen=KEPT)

    def note(self, task: str, seconds: float, where: str, job: str) -> None:
        """A transaction is over that waited so long for the database."""
        if task not in self._tasks:  # a bound on the series that a meter may grow to
            task = task if len(self._tasks) < TASKS else OTHER
            self._tasks.add(task)
        self._times.labels(task).observe(seconds)
        number = self._number()
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        slot = self._slots[-1]
        slot.transactions += 1
        if seconds > self._limit.total_seconds():
            self._slow.labels(task).inc()
            slot.slow += 1
            slow = Slow(task, timedelta(seconds=seconds), self._clock.wall(), where, job)
            self._latest.append((number, slow))

    def meters(self) -> tuple[Histogram, Counter]:
        """How long the transactions of each task took, and how many were slow, since the start."""
        return self._times, self._slow

    def latency(self) -> Latency:
        """The last minute, judged."""
        oldest = self._number() - SLOTS
        slots = [slot for slot in self._slots if slot.number > oldest]
        recent = [slow for number, slow in self._latest if number > oldest]
        recent.sort(key=lambda slow: slow.took, reverse=True)
        return Latency(
            limit=self._limit,
            transactions=sum(slot.transactions for slot in slots),
            slow=sum(slot.slow for slot in slots),
            slowest=tuple(recent[:SHOWN]),
        )

    def _number(self) -> int:
        return int(self._clock.monotonic() // SLOT)
