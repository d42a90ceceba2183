"""Writing how runs ended: those that end at the same time are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_progress
from stonechat.database.repositories.job_progress import JobRun

log = structlog.get_logger()

GAP = timedelta(milliseconds=100)
"""For so long an outcome waits for others, to be committed with them (real time)."""

STILL = timedelta(seconds=3)
"""A process that freezes between two statements loses its locks after this: other hosts need these rows."""

AGAIN = timedelta(seconds=1)
"""Between two tries while the database is away (real time)."""


class OutcomeWriter:
    """Takes outcomes and commits as many as wait. The runs themselves are kept by the engine."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[JobRun] = []
        self._some = asyncio.Event()

    def note(self, run: JobRun) -> None:
        """Commit it soon, also where the database is away now."""
        self._waiting.append(run)
        self._some.set()

    async def run(self) -> None:
        """Commit what is noted, until cancelled."""
        while True:
            await self._some.wait()
            await self._clock.sleep_real(GAP)
            try:
                await self.commit()
            except Transient:
                await self._clock.sleep_real(AGAIN)

    async def commit(self) -> None:
        """Commit what waits.

        Raises:
            Transient: the database is away; it waits on.
        """
        batch, self._waiting = self._waiting, []
        self._some.clear()
        try:
            await self._write(batch)
        except (Transient, asyncio.CancelledError):
            self._waiting[:0] = batch
            self._some.set()
            raise
        except Exception:
            for run in batch:  # one of them is at fault
                await self._write_alone(run)

    async def _write_alone(self, run: JobRun) -> None:
        try:
            await self._write([run])
        except Exception as exc:
            log.error("job.outcome_not_kept", run_id=run.run_id, cause=str(exc))

    async def _write(self, batch: Sequence[JobRun]) -> None:
        if batch:
            async with self._database.begin("jobs.outcomes", idle=STILL) as connection:
                await job_progress.record(connection, batch, self._clock.wall())
