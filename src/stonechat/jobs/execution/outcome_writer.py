"""Writing how runs ended: those that end at the same time are committed together."""

from __future__ import annotations

import asyncio
import contextlib
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

GAP = timedelta(milliseconds=100)
"""For so long an outcome that nobody waits for waits for others, to be committed with them (real time)."""

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
        self._waiting: list[_End] = []
        self._some = asyncio.Event()
        self._urgent = asyncio.Event()

    async def write(self, run: JobRun, wakeups: Sequence[Wakeup]) -> None:
        """Return once it is committed: a run's wake-ups have to be, before its end is.

        Raises:
            Transient: the database is away; nothing was written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._take((run, wakeups, done))
        self._urgent.set()
        await done

    def note(self, run: JobRun) -> None:
        """Commit it soon, also where the database is away now. The run itself is kept by the engine."""
        self._take((run, (), None))

    async def run(self) -> None:
        """Commit what is asked for, until cancelled."""
        while True:
            await self._some.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GAP.total_seconds()):
                    await self._urgent.wait()
            pause = await self._commit(self._rest())
            await asyncio.sleep(pause.total_seconds())

    async def drain(self) -> None:
        """Commit what is left, after :meth:`run` was cancelled."""
        left = self._rest()
        if left:
            await self._commit(left)

    def _take(self, *ends: _End) -> None:
        self._waiting.extend(ends)
        self._some.set()

    def _rest(self) -> list[_End]:
        rest, self._waiting = self._waiting, []
        self._some.clear()
        self._urgent.clear()
        return rest

    async def _commit(self, batch: list[_End]) -> timedelta:
        """Returns how long to wait before the next one."""
        try:
            async with self._database.begin("jobs.outcomes", idle=STILL) as connection:
                await self._write(connection, batch)
        except asyncio.CancelledError:
            self._take(*batch)  # for drain
            raise
        except Exception as exc:
            if len(batch) > 1 and not isinstance(exc, Transient):
                for one in batch:  # one of them is at fault: find it
                    await self._commit([one])
                return timedelta()
            self._failed(batch, exc)
            return AGAIN
        for _, _, done in batch:
            if done is not None and not done.done():
                done.set_result(None)
        return timedelta()

    def _failed(self, batch: Sequence[_End], exc: Exception) -> None:
        for one in batch:
            done = one[2]
            if done is not None and not done.done():
                done.set_exception(exc)
            elif done is None and isinstance(exc, Transient):
                self._take(one)
            elif done is None:
                log.error("job.outcome_not_kept", run_id=one[0].run_id, cause=str(exc))

    async def _write(self, connection: AsyncConnection, batch: Sequence[_End]) -> None:
        wakeups = list(itertools.chain.from_iterable(asked for _, asked, _ in batch))
        if wakeups:
            await wakeup_rows.add(connection, wakeups)
        await job_progress.record(connection, [run for run, _, _ in batch], self._clock.wall())
