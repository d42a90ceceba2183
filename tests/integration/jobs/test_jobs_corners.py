"""Corners in which a run could end without an outcome, or a monitor be deceived."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from stonechat.jobs.engine import open_engine
from stonechat.jobs.engine.run import EngineRun

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import RunEnded
from stonechat.core.ids import fresh_id
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories import job_writes
from stonechat.database.schema.tables import job_runs
from stonechat.jobs.execution.run_request import Request
from stonechat.jobs.job import Job, JobContext, Json, Work
from stonechat.jobs.scheduling.due_runs import run_name
from stonechat.jobs.scheduling.scheduler import AGAIN
from stonechat.jobs.scheduling.schedules import schedule_of
from stonechat.jobs.service import runs_url_beside
from tests.integration.jobs.test_jobs_runner import QUICK, open_house
from tests.support.waiting import eventually

CLOCK = SystemClock()
HOUR = timedelta(hours=1)


async def _one(_: JobContext) -> Work:
    return Work(done=1, due=1)


async def test_an_error_that_no_database_can_store_ends_its_run_all_the_same(any_database_url: str) -> None:
    async def run(ctx: JobContext) -> Work:
        async def fail() -> None:
            raise ValueError("the page said a\x00b and half a bird: \ud83d")

        await ctx.step("read", fail)
        raise AssertionError("unreachable")

    async with open_house(any_database_url, [Job("a.job", run, every=HOUR, retry=QUICK)]) as house:
        row = await house.end_of(await house.runner.trigger("a.job", "ann", by="a test"))
        (step, *_) = await house.steps_of(row.run_id)
    assert (row.state, row.attempt) == (RunState.FAILED, 3)
    assert "half a bird" in row.error and "half a bird" in step.error
    assert [event.state for event in house.events if isinstance(event, RunEnded)] == [RunState.FAILED]


async def _left_at_work(database: Database) -> str:
    """The row of a run at work of which nothing has been heard for ten minutes."""
    tick = CLOCK.now() - timedelta(minutes=10)
    run_id = f"a.job/ann@{tick.isoformat()}"
    start = Start(run_id, "ann", "a.job", tick, "schedule", f"gone-{fresh_id()[:8]}", tick)
    async with database.begin("test") as connection:
        await job_writes.start(connection, [start])
    return run_id


async def test_a_run_that_a_power_cut_took_from_the_engine_and_not_from_its_row_is_run(
    sqlite_url: str,
) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        run_id = await _left_at_work(database)
    async with open_house(sqlite_url, [Job("a.job", _one, every=HOUR, retry=QUICK)]) as house:
        row = await house.end_of(run_id)
    assert (row.state, row.attempt) == (RunState.SUCCEEDED, 2)


async def test_a_run_that_the_engine_closed_without_an_outcome_has_failed(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        run_id = await _left_at_work(database)
    begun = asyncio.Event()

    async def broken(_: EngineRun, __: Json) -> Json:
        begun.set()
        raise ValueError("it was never written down")

    request = Request("a.job", "ann", CLOCK.now(), "schedule").to_json()
    url = runs_url_beside(sqlite_url)
    async with open_engine(
        url, executor_id="one", queues={"database": 1}, poll=timedelta(seconds=1), body=broken
    ) as engine:
        await engine.enqueue(run_id, request, queue="database", lane="a.job/ann", handicap=timedelta())
        await begun.wait()

        async def closed() -> bool:
            return not await engine.is_open(run_id)

        await eventually(closed)
    async with open_house(sqlite_url, [Job("a.job", _one, every=HOUR, retry=QUICK)]) as house:
        row = await house.end_of(run_id)
        assert (row.state, row.error) == (
            RunState.FAILED,
            "it ended without an outcome; nothing was heard of it any more",
        )
        await eventually(lambda: bool(house.of_type(RunEnded)))


async def test_a_body_that_does_not_heed_its_time_limit_begins_no_further_step(sqlite_url: str) -> None:
    done: list[str] = []
    let_go, tried = asyncio.Event(), asyncio.Event()

    async def run(ctx: JobContext) -> Work:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

        async def effect() -> None:
            done.append(ctx.run_id)

        try:
            await ctx.step("effect", effect)
        finally:
            tried.set()
        return Work()

    job = Job("a.job", run, every=HOUR, retry=QUICK, timeout=timedelta(seconds=0.2))
    async with open_house(sqlite_url, [job]) as house:
        row = await house.end_of(await house.runner.trigger("a.job", "ann", by="a test"))
        assert row.state is RunState.TIMED_OUT
        let_go.set()
        await tried.wait()
    assert done == []


async def test_what_a_clock_that_was_ahead_wrote_does_not_blind_the_monitor(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        for number in range(25):
            await _ended_well(database, CLOCK.wall() + timedelta(days=400) + number * timedelta(seconds=1))

    async def fail(_: JobContext) -> Work:
        raise ValueError("the page changed")

    job = Job("a.job", fail, every=timedelta(seconds=0.2), retry=QUICK)
    async with open_house(sqlite_url, [job]) as house:

        async def failing() -> bool:
            return (await house.runner.status())[0].state == "failing"

        await eventually(failing)


async def _ended_well(database: Database, at: datetime) -> None:
    run_id = f"a.job/ann@{at.isoformat()}"
    async with database.begin("test") as connection:
        await job_writes.start(connection, [Start(run_id, "ann", "a.job", at, "schedule", "host", at)])
        end = End(run_id, "ann", 1, RunState.SUCCEEDED, at, timedelta(seconds=1), done=1, due=1)
        await job_writes.end(connection, [end])


async def test_a_run_that_did_nothing_though_work_was_due_is_no_success_in_the_figures(
    sqlite_url: str,
) -> None:
    work = [Work(done=1, due=1), Work(done=0, due=3), Work(), Work(done=0, due=1)]

    async def run(_: JobContext) -> Work:
        return work.pop()

    async with open_house(sqlite_url, [Job("a.job", run, every=HOUR, retry=QUICK)]) as house:
        for _ in range(4):
            await house.end_of(await house.runner.trigger("a.job", "ann", by="a test"))
        (status,) = await house.runner.desk.status(["ann"])
    assert status.success_rate == 0.5


async def test_while_nothing_runs_the_rows_alone_say_that_a_job_is_late(sqlite_url: str) -> None:
    job = Job("a.job", _one, every=HOUR, retry=QUICK, grace=timedelta(minutes=5))
    async with open_house(sqlite_url, [job]) as house:
        await house.end_of(await house.runner.trigger("a.job", "ann", by="a test"))
        seen_from_elsewhere = type(house.runner.desk)(house.database, CLOCK, [job])
        assert (await seen_from_elsewhere.status(["ann"]))[0].state == "healthy"
        day = timedelta(days=1)
        old = {name: job_runs.c[name] for name in ("tick", "ended_at")}
        async with house.database.begin("test") as connection:
            values = {name: CLOCK.now() - day for name in old}
            await connection.execute(update(job_runs).values(**values))
        (status,) = await seen_from_elsewhere.status(["ann"])
        assert status.state == "late" and "did not run" in status.why
        async with house.database.begin("test") as connection:
            await connection.execute(update(job_runs).values(tick=CLOCK.now(), trigger="held"))
        assert (await seen_from_elsewhere.status(["ann"]))[0].state == "healthy", "it waits for a reason"


async def test_a_tick_that_only_the_engine_remembers_after_a_restore_is_run_once_more(
    sqlite_url: str,
) -> None:
    job = Job("a.job", _one, every=HOUR, retry=QUICK)
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        await _ended_well(database, CLOCK.wall() - 3 * HOUR)  # as the backup had it
    for suffix in ("", AGAIN, AGAIN):
        async with open_house(sqlite_url, [job]) as house:
            newest = schedule_of(job).before(CLOCK.now())
            run_id = run_name("a.job", "ann", newest) + suffix
            assert (await house.end_of(run_id)).state is RunState.SUCCEEDED
            async with house.database.begin("test") as connection:
                if not suffix:
                    await connection.execute(delete(job_runs).where(job_runs.c.run_id == run_id))
            assert len(await house.runner.history("a.job", "ann")) == (2 if suffix else 1)
