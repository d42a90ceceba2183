"""Wake-ups and rows that fall due are no host's own: whoever lives sees to them, in time, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, RunState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content, wakeups
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.execution.durable_runs import open_store
from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.operations import JobOperations
from stonechat.jobs.service import JobService, open_jobs, runs_url_beside
from stonechat.posting.jobs import next_due
from tests.support.job_runs import run_now
from tests.support.posting import ACCOUNT
from tests.support.waiting import eventually

CLOCK = SystemClock()
YEAR = timedelta(days=365)
SECOND = timedelta(seconds=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


async def _wakes(ctx: JobContext) -> Work:
    ctx.wake("a.woken", CLOCK.now() + 2 * SECOND, ctx.account_id)
    return Work()


JOBS = (
    Job("a.wakes", _wakes, every=YEAR),
    Job("a.woken", _nothing, every=YEAR),
    Job("a.sweep", _nothing, every=YEAR, upcoming=next_due),
)
"""Their schedules are silent in this century's tests: every run has been asked for otherwise."""


@asynccontextmanager
async def host(url: str) -> AsyncIterator[tuple[JobService, Database]]:
    async with (
        open_database(url, DatabaseSettings(), CLOCK) as database,
        open_jobs(
            JobsSettings(),
            database,
            CLOCK,
            EventStream(CLOCK),
            jobs=JOBS,
            accounts=lambda: [ACCOUNT.id, "x_web:another"],
            is_down=lambda _: None,
            runs_url=runs_url_beside(url),
            close_limit=SECOND,
        ) as runner,
    ):
        yield runner, database


async def _waiting(database: Database) -> list[Wakeup]:
    async with database.read("test") as connection:
        return await wakeups.waiting(connection)


def _post(name: str, due: datetime) -> Content:
    return Content(
        id=name,
        account_id=ACCOUNT.id,
        kind=ContentKind.SINGLE,
        state=ContentState.QUEUED,
        parts=(name,),
        due_at=due,
        created_at=due,
        state_since=due,
    )


async def test_a_wake_up_outlives_the_host_that_asked_for_it(any_database_url: str) -> None:
    async with host(any_database_url) as (runner, database):
        run_id = await run_now(runner, database, "a.wakes", ACCOUNT.id)

        async def kept() -> bool:
            return [one.job for one in await _waiting(database)] == ["a.woken"]

        await eventually(kept)
        (wakeup,) = await _waiting(database)
        assert await runner.operations.show(run_id) is not None
    async with host(any_database_url) as (runner, database):

        async def followed() -> bool:
            return [run.state for run in await runner.operations.history("a.woken")] == [RunState.SUCCEEDED]

        await eventually(followed)
        (run,) = await runner.operations.history("a.woken")
        assert (run.tick, run.trigger, run.account_id) == (wakeup.at, "wake", ACCOUNT.id)
        assert run.started_at is not None and run.started_at >= wakeup.at

        async def forgotten() -> bool:
            return not await _waiting(database)

        await eventually(forgotten)


async def test_a_row_that_falls_due_is_seen_to_within_seconds_whoever_wrote_it(sqlite_url: str) -> None:
    async with host(sqlite_url) as (runner, database):
        due = [CLOCK.now() + wait * SECOND for wait in (1, 4)]  # one sooner than the next look at the rows
        async with database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, CLOCK.now())
            for number, at in enumerate(due):
                await content.add(connection, _post(f"post {number}", at), who="another process")

        async def both_ran() -> bool:
            return [run.state for run in await runner.operations.history("a.sweep")] == [
                RunState.SUCCEEDED
            ] * 2

        await eventually(both_ran)
        runs = sorted(await runner.operations.history("a.sweep"), key=lambda run: run.tick)
        assert [run.tick for run in runs] == due and {run.trigger for run in runs} == {"due"}
        late = [run.started_at - run.tick for run in runs if run.started_at is not None]
        assert len(late) == len(due)
        assert all(lag < 5 * SECOND for lag in late), late
        assert (await runner.status())[4].next_tick > CLOCK.now() + SECOND, (
            "what ran is shown as still to come"
        )


async def test_the_next_run_is_shown_as_the_rows_have_it(sqlite_url: str) -> None:
    async def upcoming(_: AsyncConnection, after: Mapping[str, datetime]) -> dict[str, datetime]:
        return {account: since + timedelta(minutes=9) for account, since in after.items()}

    job = Job("a.sweep", _nothing, every=YEAR, upcoming=upcoming)
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        async with database.begin("test") as connection:
            soon = CLOCK.now() + timedelta(minutes=5)
            await wakeups.add(connection, [Wakeup("a.sweep", "ann", soon)])
        async with open_store(runs_url_beside(sqlite_url)) as store:
            ann, bob = await JobOperations(database, store, CLOCK, [job]).status(["ann", "bob"])
        assert ann.next_tick == soon
        assert timedelta(minutes=8) < bob.next_tick - CLOCK.now() <= timedelta(minutes=9)
