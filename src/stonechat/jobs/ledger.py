"""Writing the rows of runs: what is asked for at the same time is committed together.

Sixteen jobs on a fast clock ask for dozens of small writes a second. One transaction for all that wait
costs one commit instead of dozens, and on SQLite one turn at the writer's lock. What every run writes is
put into one statement for all runs.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Transient
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_writes
from stonechat.database.repositories.job_writes import End, Start

T = TypeVar("T")

Write = Callable[[AsyncConnection], Awaitable[T]]
"""Some statements on a connection; they may be run again in a transaction of their own."""

GAP = timedelta(milliseconds=2)
"""Between two commits (real time): where much is written, more of it shares one."""

STILL = timedelta(seconds=3)
"""A process that freezes between two statements loses its locks after this: other hosts need these rows."""

LINGER = timedelta(milliseconds=200)
"""How long the row of a run that waits may take to be written (real time); one that starts needs none."""


@dataclass(frozen=True, slots=True)
class _Asked:
    what: Write[Any] | Start | End
    done: asyncio.Future[Any]


class Ledger:
    """Takes writes and commits as many together as wait: those of starts first, those of ends last.

    Args:
        relaxed: starts and ends need not wait for the disk. For where the engine is on the same server: it
            commits a run's steps and outcome durably, after them, and a server keeps what stands before.
    """

    def __init__(self, database: Database, *, relaxed: bool = False) -> None:
        self._database = database
        self._relaxed = relaxed
        self._asked: asyncio.Queue[_Asked] = asyncio.Queue()
        self._scheduled: dict[str, Mapping[str, Any]] = {}
        self._lingered = False

    async def write(self, write: Write[T]) -> T:
        """Commit the write; returns what it returned, after the commit.

        Raises:
            Transient: the database is away; nothing was written.
        """
        result: T = await self._ask(write)
        return result

    async def start(self, start: Start) -> int | None:
        """Take up a run: the number of this try, or None if it has ended; see :mod:`job_writes`.

        Raises:
            Transient: the database is away; nothing was written.
        """
        number: int | None = await self._ask(start)
        return number

    async def end(self, end: End) -> bool:
        """Write an outcome; False (and nothing written) if another process has taken the run.

        Raises:
            Transient: the database is away; nothing was written.
        """
        ours: bool = await self._ask(end)
        return ours

    def note(self, write: Write[Any]) -> None:
        """Commit the write some time soon, or never if the database is away."""
        self._ask(write).add_done_callback(_forget)

    def schedule(self, runs: Iterable[Mapping[str, Any]]) -> None:
        """Store rows of runs that wait, if they still do in a moment; or never if the database is away."""
        idle = not self._scheduled
        self._scheduled.update({run["run_id"]: run for run in runs})
        if idle and self._scheduled:
            asyncio.get_running_loop().call_later(LINGER.total_seconds(), self._write_scheduled)

    async def run(self) -> None:
        """Commit what is asked for, until cancelled: at once, but not more often than once in ``GAP``."""
        while True:
            batch = [await self._asked.get()]
            while not self._asked.empty():
                batch.append(self._asked.get_nowait())
            await self._commit_parts(batch)
            await asyncio.sleep(GAP.total_seconds())

    async def drain(self) -> None:
        """Commit what is left, after :meth:`run` was cancelled."""
        batch = []
        if self._scheduled:
            self._write_scheduled()
        while not self._asked.empty():
            batch.append(self._asked.get_nowait())
        await self._commit_parts(batch)

    def _write_scheduled(self) -> None:
        self._lingered = True
        self.note(_nothing)

    def _ask(self, what: Write[Any] | Start | End) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(_Asked(what, done))
        return done

    async def _commit_parts(self, batch: list[_Asked]) -> None:
        parts = list(_parts(batch))
        while parts:
            try:
                await self._commit([asked for asked in parts.pop(0) if not asked.done.done()])
            except asyncio.CancelledError:
                for asked in itertools.chain(*parts):
                    self._asked.put_nowait(asked)  # for drain
                raise

    async def _commit(self, batch: list[_Asked]) -> None:
        if not batch:
            return
        scheduled = self._due(batch)
        try:
            relaxed = self._relaxed and all(isinstance(asked.what, Start | End) for asked in batch)
            async with self._database.begin("jobs.ledger", idle=STILL, relaxed=relaxed) as connection:
                results = await self._write(connection, batch, scheduled)
        except asyncio.CancelledError:
            self._scheduled, self._lingered = {**scheduled, **self._scheduled}, True
            for asked in batch:
                self._asked.put_nowait(asked)  # for drain
            raise
        except Exception as exc:
            if len(batch) > 1 and not isinstance(exc, Transient):
                for asked in batch:  # one of them is at fault: find it
                    await self._commit([asked])
                return
            for asked in batch:
                if not asked.done.done():
                    asked.done.set_exception(exc)
            return
        for asked, result in zip(batch, results, strict=True):
            if not asked.done.done():
                asked.done.set_result(result)

    def _due(self, batch: Iterable[_Asked]) -> dict[str, Mapping[str, Any]]:
        """The rows of runs that have waited for long enough to be written; those that start need none."""
        for start in _of(batch, Start):
            self._scheduled.pop(start.run_id, None)
        if not self._lingered:
            return {}
        due, self._scheduled, self._lingered = self._scheduled, {}, False
        return due

    async def _write(
        self, connection: AsyncConnection, batch: list[_Asked], scheduled: Mapping[str, Mapping[str, Any]]
    ) -> list[Any]:
        """What each write came to, in the order of the batch."""
        starts = {what.run_id: what for what in _of(batch, Start)}
        await job_writes.schedule(connection, scheduled.values())
        started = await job_writes.start(connection, list(starts.values()))
        others = [
            None if isinstance(asked.what, Start | End) else await asked.what(connection) for asked in batch
        ]
        ended = await job_writes.end(connection, _of(batch, End))
        results = []
        for asked, other in zip(batch, others, strict=True):
            match asked.what:
                case Start(run_id=run_id):
                    results.append(started.get(run_id))
                case End(run_id=run_id):
                    results.append(run_id in ended)
                case _:
                    results.append(other)
        return results


def _parts(batch: Iterable[_Asked]) -> Iterator[list[_Asked]]:
    """The batch in parts that name no run twice: a run taken up twice has had two tries."""
    part: list[_Asked] = []
    named: set[str] = set()
    for asked in batch:
        run_id = asked.what.run_id if isinstance(asked.what, Start | End) else None
        if run_id in named:
            yield part
            part, named = [], set()
        part.append(asked)
        if run_id is not None:
            named.add(run_id)
    yield part


def _of(batch: Iterable[_Asked], kind: type[T]) -> list[T]:
    return [asked.what for asked in batch if isinstance(asked.what, kind)]


async def _nothing(_: AsyncConnection) -> None:
    """Asks for a commit of what lingers."""


def _forget(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
