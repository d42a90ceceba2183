"""Permits of the connection pool: how many, who holds one since when and where, who waits how long."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from stonechat.core.clock import Clock
from stonechat.database.connection.admission import AdmissionQueue

FIRST = ("posting.", "jobs.outcomes")
"""Whose tasks, and whose runs, are served before all others: publishing, and the one writer of the rows that
its runs start and end by."""

_doing: ContextVar[str] = ContextVar("stonechat_doing", default="")


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Whatever takes a connection in here, and in tasks begun in here, does so for ``what`` (a run's id)."""
    before = _doing.set(what)
    try:
        yield
    finally:
        _doing.reset(before)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a connection.

    Attributes:
        task: what the connection is for, for example ``posting.claim``.
        held: for how long (real time).
        since: when it was taken (real time).
        where: the line of code that asked for it, as ``module.py:number``.
        job: the run that asked, for example ``posting.publish/x:ann@…``; empty outside of runs.
    """

    task: str
    held: timedelta
    since: datetime
    where: str
    job: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        run = f" in {self.job}" if self.job else ""
        since = f"since {self.since:%H:%M:%S} UTC"
        return f"{self.task}{run} for {self.held.total_seconds():.0f} s ({since}, at {self.where})"


@dataclass(frozen=True, slots=True)
class PoolState:
    """The pool at one moment. ``waits``, ``waited`` and ``repeated`` count since the start; real time.

    Attributes:
        waiting_longest: how long the first in the queue has waited so far.
        repeated: connections that were asked for again because the first try failed.
    """

    size: int
    in_use: int
    waiting: int
    waiting_longest: timedelta
    waits: int
    waited: timedelta
    repeated: int
    holders: tuple[Holder, ...]

    def held_too_long(self, limit: timedelta) -> tuple[Holder, ...]:
        """Who has held a connection for more than ``limit``, the longest first."""
        late = (holder for holder in self.holders if holder.held > limit)
        return tuple(sorted(late, key=lambda holder: holder.held, reverse=True))


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit that is or was held: see :class:`Holder`. ``started`` is monotonic seconds."""

    task: str
    job: str
    where: str
    since: datetime
    started: float
    writes: bool


class PermitsExhausted(Exception):
    """No permit came free in time; ``writing`` where it was the turn to write (SQLite)."""

    def __init__(self, *, writing: bool) -> None:
        super().__init__("no place came free in time")
        self.writing = writing


class Permits:
    """The permits of one pool, given out in the order that :class:`AdmissionQueue` decides.

    Args:
        wait: how long a task waits for one (real time).
        one_writer: who wants to write waits for a turn *before* taking a place. SQLite has one writer at a
            time; a crowd of writers would otherwise hold every connection while readers starve behind them.
    """

    def __init__(self, size: int, wait: timedelta, clock: Clock, *, one_writer: bool) -> None:
        self._size = size
        self._wait = wait
        self._clock = clock
        self._line = AdmissionQueue(size)
        self._turn = AdmissionQueue(1) if one_writer else None
        self._held: dict[int, Permit] = {}
        self._queue: dict[int, float] = {}
        self._number = 0
        self._waits = 0
        self._waited = 0.0
        self.repeated = 0

    async def take(self, task: str, where: str, *, write: bool) -> int:
        """A place; returns the number to give it back by.

        Raises:
            Full: none came free in time.
        """
        self._number += 1
        number = self._number
        asked = self._queue[number] = self._clock.monotonic()
        turn, job = self._turn if write else None, _doing.get()
        try:
            async with asyncio.timeout(self._wait.total_seconds()):
                await self._enter(turn, first=task.startswith(FIRST) or job.startswith(FIRST))
        except TimeoutError as exc:
            raise PermitsExhausted(writing=len(self._held) < self._size) from exc
        finally:
            self._queue.pop(number, None)
        started = self._clock.monotonic()
        self._waits += 1
        self._waited += started - asked
        self._held[number] = Permit(task, job, where, self._clock.wall(), started, writes=turn is not None)
        return number

    async def _enter(self, turn: AdmissionQueue | None, *, first: bool) -> None:
        if turn is None:
            await self._line.enter(first=first)
            return
        await turn.enter(first=first)
        try:
            await self._line.enter(first=True)  # others wait for its turn, publishing among them
        except BaseException:
            turn.leave()
            raise

    def give_back(self, number: int) -> Permit:
        """Release the permit; returns who had it."""
        place = self._held.pop(number)
        self._line.leave()
        if place.writes and self._turn is not None:
            self._turn.leave()
        return place

    def state(self) -> PoolState:
        """The pool now."""
        now = self._clock.monotonic()
        holders = tuple(
            Holder(place.task, timedelta(seconds=now - place.started), place.since, place.where, place.job)
            for place in self._held.values()
        )
        longest = now - min(self._queue.values(), default=now)
        return PoolState(
            size=self._size,
            in_use=len(holders),
            waiting=len(self._queue),
            waiting_longest=timedelta(seconds=longest),
            waits=self._waits,
            waited=timedelta(seconds=self._waited),
            repeated=self.repeated,
            holders=holders,
        )


def caller(depth: int) -> str:
    """``folder/module.py:line`` of the code ``depth`` calls above whoever asks."""
    frame = sys._getframe(depth + 1)
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name}:{frame.f_lineno}"
