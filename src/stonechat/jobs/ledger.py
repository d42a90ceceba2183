"""Writing the rows of runs: what is asked for at the same time is committed together.

Sixteen jobs on a fast clock ask for dozens of small writes a second. One transaction for all that wait
costs one commit instead of dozens, and on SQLite one turn at the writer's lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Transient
from stonechat.database.engine import Database

T = TypeVar("T")

Write = Callable[[AsyncConnection], Awaitable[T]]
"""Some statements on a connection; they may be run again in a transaction of their own."""


@dataclass(frozen=True, slots=True)
class _Asked:
    write: Write[Any]
    done: asyncio.Future[Any]


class Ledger:
    """Takes writes and commits them, in order, as many together as wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: asyncio.Queue[_Asked] = asyncio.Queue()

    async def write(self, write: Write[T]) -> T:
        """Commit the write; returns what it returned, after the commit.

        Raises:
            Transient: the database is away; nothing was written.
        """
        result: T = await self._ask(write)
        return result

    def note(self, write: Write[Any]) -> None:
        """Commit the write some time soon, or never if the database is away."""
        self._ask(write).add_done_callback(_forget)

    async def run(self) -> None:
        """Commit what is asked for, until cancelled."""
        while True:
            batch = [await self._asked.get()]
            while not self._asked.empty():
                batch.append(self._asked.get_nowait())
            await self._commit([asked for asked in batch if not asked.done.done()])

    async def drain(self) -> None:
        """Commit what is left, after :meth:`run` was cancelled."""
        batch = []
        while not self._asked.empty():
            batch.append(self._asked.get_nowait())
        await self._commit([asked for asked in batch if not asked.done.done()])

    def _ask(self, write: Write[Any]) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(_Asked(write, done))
        return done

    async def _commit(self, batch: list[_Asked]) -> None:
        if not batch:
            return
        try:
            async with self._database.begin("jobs.ledger") as connection:
                results = [await asked.write(connection) for asked in batch]
        except asyncio.CancelledError:
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


def _forget(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
