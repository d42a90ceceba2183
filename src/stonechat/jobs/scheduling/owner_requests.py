"""What the owner asks of the job engine: committed with its audit line first, and done then.

A request is a row. Whoever finds it does it and takes the row away: the process of the command itself, or one
that runs jobs. Runs are named, so that doing it twice is doing it once; and where a process dies in between,
the next one does it. So a request is neither lost nor doubled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stonechat.core.clock import Clock
from stonechat.database.connection.database import Database
from stonechat.database.repositories import job_progress, wakeups
from stonechat.database.repositories.job_progress import JobRun
from stonechat.database.repositories.wakeups import OwnerRequest, Verb
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.execution.run_store import RunStore
from stonechat.jobs.job import Job

LONGEST_TRIGGER = 40


def request_of(asked: OwnerRequest) -> RunRequest:
    """The run that the owner asks for, or wants stopped."""
    trigger = f"manual: {asked.who}"[:LONGEST_TRIGGER]
    return RunRequest(asked.job, asked.account_id, asked.at, trigger)


async def do_all(database: Database, store: RunStore, jobs: Mapping[str, Job], clock: Clock) -> None:
    """Do whatever the owner has asked for.

    Raises:
        Transient: a database is away; what was not done stays asked for.
    """
    async with database.read("jobs.asked") as connection:
        asked = await wakeups.asked(connection)
    if asked:
        await do(database, store, jobs, clock, asked)


async def do(
    database: Database, store: RunStore, jobs: Mapping[str, Job], clock: Clock, asked: Sequence[OwnerRequest]
) -> None:
    """Do this, which the owner has asked for.

    Raises:
        Transient: see :func:`do_all`.
    """
    own = [one for one in asked if one.job in jobs]  # the rest is for a host of another version
    await store.enqueue([(jobs[one.job].queue, request_of(one)) for one in own if one.verb is Verb.RUN])
    stopped = [await _cancelled(store, one) for one in own if one.verb is Verb.CANCEL]
    async with database.begin("jobs.asked") as connection:
        await job_progress.record(connection, [run for run in stopped if run is not None], clock.wall())
        await wakeups.done(connection, own)


async def _cancelled(store: RunStore, asked: OwnerRequest) -> JobRun | None:
    """The run as it is then, if it was there and had not ended."""
    run_id = request_of(asked).run_id
    return await store.find(run_id) if await store.cancel(run_id, note=f"cancelled by {asked.who}") else None
