"""Writing how runs ended: those that end at the same time are committed together."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_progress
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.job_progress import JobRun
from stonechat.database.repositories.wakeups import Wakeup

log = structlog.get_logger()

GAP = timedelta(milliseconds=10)
"""Between two commits (real time): where many runs end, more of them share one."""

STILL = timedelta(seconds=3)
"""A process that freezes between two statements loses its locks after this: other hosts need these rows."""

AGAIN = timedelta(seconds=1)
"""Between two tries while the database is away (real time)."""

_End = tuple[JobRun, Sequence[Wakeup], asyncio.Future[None] | None]


class OutcomeWriter:
    """Takes outcomes, each with the wake-ups that its run asked for, and commits as many as wait."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: asyncio.Queue[_End] = asyncio.Queue()

    async def write(self, run: JobRun, wakeups: Sequence[Wakeup]) -> None:
        """Return once it is committed: a run's wake-ups have to be, before its end is.

        Raises:
            Transient: the database is away; nothing was written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((run, wakeups, done))
        await done

    def note(self, run: JobRun) -> None:
        """Commit it soon, also where the database is away now. The run itself is kept by the engine."""
        self._waiting.put_nowait((run, (), None))

    async def run(self) -> None:
        """Commit what is asked for, until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            gap = await self._commit(batch + self._rest())
            await asyncio.sleep(gap.total_seconds())

    async def drain(self) -> None:
        """Commit what is left, after :meth:`run` was cancelled."""
        left = self._rest()
        if left:
            await self._commit(left)

    def _rest(self) -> list[_End]:
        rest = []
        while not self._waiting.empty():
            rest.append(self._waiting.get_nowait())
        return rest

    async def _commit(self, batch: list[_End]) -> timedelta:
        """Returns how long to wait before the next one."""
        try:
            async with self._database.begin("jobs.outcomes", idle=STILL) as connection:
                await self._write(connection, batch)
        except asyncio.CancelledError:
            for one in batch:
                self._waiting.put_nowait(one)  # for drain
            raise
        except Exception as exc:
            if len(batch) > 1 and not isinstance(exc, Transient):
                for one in batch:  # one of them is at fault: find it
                    await self._commit([one])
                return GAP
            self._failed(batch, exc)
            return AGAIN
        for _, _, done in batch:
            if done is not None and not done.done():
                done.set_result(None)
        return GAP

    def _failed(self, batch: Sequence[_End], exc: Exception) -> None:
        for one in batch:
            done = one[2]
            if done is not None and not done.done():
                done.set_exception(exc)
            elif done is None and isinstance(exc, Transient):
                self._waiting.put_nowait(one)
            elif done is None:
                log.error("job.outcome_not_kept", run_id=one[0].run_id, cause=str(exc))

    async def _write(self, connection: AsyncConnection, batch: Sequence[_End]) -> None:
        wakeups = list(itertools.chain.from_iterable(asked for _, asked, _ in batch))
        if wakeups:
            await wakeup_rows.add(connection, wakeups)
        await job_progress.record(connection, [run for run, _, _ in batch], self._clock.wall())
