"""Writing how runs ended: those that end at the same time are committed together."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_progress
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.job_progress import JobRun
from stonechat.database.repositories.wakeups import Wakeup

GAP = timedelta(milliseconds=2)
"""Between two commits (real time): where many runs end, more of them share one."""

STILL = timedelta(seconds=3)
"""A process that freezes between two statements loses its locks after this: other hosts need these rows."""

_End = tuple[JobRun, Sequence[Wakeup], asyncio.Future[None]]


class OutcomeWriter:
    """Takes outcomes, each with the wake-ups that its run asked for, and commits as many as wait."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: asyncio.Queue[_End] = asyncio.Queue()

    async def write(self, run: JobRun, wakeups: Sequence[Wakeup]) -> None:
        """Return once it is committed.

        Raises:
            Transient: the database is away; nothing was written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((run, wakeups, done))
        await done

    async def run(self) -> None:
        """Commit what is asked for, until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._commit(batch)
            await asyncio.sleep(GAP.total_seconds())

    async def _commit(self, batch: list[_End]) -> None:
        try:
            async with self._database.begin("jobs.outcomes", idle=STILL) as connection:
                await self._write(connection, batch)
        except asyncio.CancelledError:
            for _, _, done in batch:
                done.cancel()
            raise
        except Exception as exc:
            if len(batch) > 1 and not isinstance(exc, Transient):
                for one in batch:  # one of them is at fault: find it
                    await self._commit([one])
                return
            for _, _, done in batch:
                if not done.done():
                    done.set_exception(exc)
            return
        for _, _, done in batch:
            if not done.done():
                done.set_result(None)

    async def _write(self, connection: AsyncConnection, batch: Sequence[_End]) -> None:
        wakeups = list(itertools.chain.from_iterable(asked for _, asked, _ in batch))
        if wakeups:
            await wakeup_rows.add(connection, wakeups)
        await job_progress.record(connection, [run for run, _, _ in batch], self._clock.wall())
