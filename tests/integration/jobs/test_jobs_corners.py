"""Corners in which a run could end without an outcome, or a monitor be deceived."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import RunEnded
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories import executors, job_progress
from stonechat.database.repositories.job_progress import HeldTick, JobRun
from stonechat.jobs import Job, JobContext, JobOperations, Work, open_store, runs_url_beside
from stonechat.jobs.execution.durable_runs import ClaimedRun, Execution
from stonechat.jobs.execution.failover import MAX_TAKEOVERS
from stonechat.jobs.execution.run_request import RunRequest
from tests.integration.jobs.test_jobs_runner import QUICK, open_house
from tests.support.job_runs import run_now
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
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        (step, *_) = await house.steps_of(row.run_id)
    assert (row.state, row.attempt) == (RunState.FAILED, 3)
    assert "half a bird" in row.error and "half a bird" in step.error
    assert [event.state for event in house.events if isinstance(event, RunEnded)] == [RunState.FAILED]


async def _left_at_work(url: str, takeovers: int) -> str:
    """A run that a process has claimed and left, after so many others."""
    request = RunRequest("a.job", "ann", CLOCK.now(), "manual: a test")
    begun = asyncio.Event()

    async def hang(_: ClaimedRun, __: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with (
        open_store(runs_url_beside(url)) as store,
        Execution("gone", store, {"database": 1}, timedelta(seconds=0.1)).running(hang),
    ):
        assert await store.enqueue([("database", request)]) == [True]
        await begun.wait()
        await store.note(request.run_id, takeovers=takeovers)
    async with (
        open_database(url, DatabaseSettings(), CLOCK) as database,
        database.begin("test") as connection,
    ):
        await executors.beat(connection, "gone", host="elsewhere", pid=1)
        await executors.retire(connection, "gone")
    return request.run_id


async def test_a_run_that_a_process_left_is_gone_on_with_as_a_further_try(any_database_url: str) -> None:
    run_id = await _left_at_work(any_database_url, 0)
    async with open_house(any_database_url, [Job("a.job", _one, every=HOUR, retry=QUICK)]) as house:
        row = await house.end_of(run_id)
    assert (row.state, row.attempt) == (RunState.SUCCEEDED, 2)


async def test_a_run_that_took_its_process_down_too_often_has_failed(sqlite_url: str) -> None:
    run_id = await _left_at_work(sqlite_url, MAX_TAKEOVERS)
    async with open_house(sqlite_url, [Job("a.job", _one, every=HOUR, retry=QUICK)]) as house:
        row = await house.end_of(run_id)
        assert row.state is RunState.FAILED and "given up" in row.error
        await eventually(lambda: bool(house.of_type(RunEnded)))

        async def told() -> bool:
            (status,) = await house.runner.operations.status(["ann"])
            return status.last is not None and status.last.state is RunState.FAILED

        await eventually(told)


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
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
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
    run = JobRun(
        run_id=f"a.job/ann@{at.isoformat()}",
        job="a.job",
        account_id="ann",
        tick=at,
        trigger="schedule",
        state=RunState.SUCCEEDED,
        attempt=1,
        started_at=at,
        ended_at=at,
        took_s=1.0,
        done=1,
        due=1,
    )
    async with database.begin("test") as connection:
        await job_progress.record(connection, [run], at)


async def test_a_run_that_did_nothing_though_work_was_due_is_no_success_in_the_figures(
    sqlite_url: str,
) -> None:
    work = [Work(done=1, due=1), Work(done=0, due=3), Work(), Work(done=0, due=1)]

    async def run(_: JobContext) -> Work:
        return work.pop()

    async with open_house(sqlite_url, [Job("a.job", run, every=HOUR, retry=QUICK)]) as house:
        for _ in range(4):
            await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))

        async def half() -> bool:
            (status,) = await house.runner.operations.status(["ann"])
            return status.success_rate == 0.5

        await eventually(half)


async def test_while_nothing_runs_the_rows_alone_say_that_a_job_is_late(sqlite_url: str) -> None:
    job = Job("a.job", _one, every=HOUR, retry=QUICK, grace=timedelta(minutes=5))
    async with (
        open_database(sqlite_url, DatabaseSettings(), CLOCK) as database,
        open_store(runs_url_beside(sqlite_url)) as store,
    ):
        seen_from_elsewhere = JobOperations(database, store, CLOCK, [job])
        await _ended_well(database, CLOCK.wall())
        assert (await seen_from_elsewhere.status(["ann"]))[0].state == "healthy"
        day_old = CLOCK.wall() - timedelta(days=1)
        await _ended_well(database, day_old)
        assert (await seen_from_elsewhere.status(["bob"]))[0].state == "unknown"
    other = sqlite_url.replace("stonechat.db", "other.db")
    async with (
        open_database(other, DatabaseSettings(), CLOCK) as database,
        open_store(runs_url_beside(other)) as store,
    ):
        seen_from_elsewhere = JobOperations(database, store, CLOCK, [job])
        await _ended_well(database, day_old)
        (status,) = await seen_from_elsewhere.status(["ann"])
        assert status.state == "late" and "did not run" in status.why
        held: dict[tuple[str, str | None], HeldTick] = {
            ("a.job", "ann"): HeldTick(CLOCK.now(), CLOCK.wall(), "no browser")
        }
        async with database.begin("test") as connection:
            await job_progress.hold(connection, held, CLOCK.wall())
        assert (await seen_from_elsewhere.status(["ann"]))[0].state == "healthy", "it waits for a reason"


@pytest.mark.parametrize("accounts", [300])
async def test_the_status_of_many_accounts_is_read_at_once(any_database_url: str, accounts: int) -> None:
    owners = [f"account {number}" for number in range(accounts)]
    jobs = [Job(f"a.job{number}", _one, every=HOUR) for number in range(17)]
    async with (
        open_database(any_database_url, DatabaseSettings(), CLOCK) as database,
        open_store(runs_url_beside(any_database_url)) as store,
    ):
        runs = [
            JobRun(
                f"{job.name}/{owner}@{CLOCK.now().isoformat()}",
                job.name,
                owner,
                CLOCK.now(),
                "schedule",
                RunState.SUCCEEDED,
                attempt=1,
                ended_at=CLOCK.wall(),
            )
            for job in jobs
            for owner in owners
        ]
        async with database.begin("test") as connection:
            await job_progress.record(connection, runs, CLOCK.wall())
        status = await JobOperations(database, store, CLOCK, jobs).status(owners)
    assert len(status) == 17 * accounts and {one.state for one in status} == {"healthy"}


async def test_a_tick_whose_run_was_forgotten_by_a_restore_is_run_once_more(sqlite_url: str) -> None:
    """The runs of jobs are not in a backup: `stonechat restore` forgets them all."""
    job = Job("a.job", _one, every=HOUR, retry=QUICK)
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        await _ended_well(database, CLOCK.wall() - 3 * HOUR)
    async with open_house(sqlite_url, [job]) as house:
        await eventually(lambda: len(house.of_type(RunEnded)) == 1)
        (before,) = await house.runner.operations.history("a.job", "ann")
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        async with database.begin("test") as connection:  # as the backup had it
            await connection.exec_driver_sql("DELETE FROM job_progress")
        await _ended_well(database, CLOCK.wall() - 3 * HOUR)
        async with open_store(runs_url_beside(sqlite_url)) as store:
            assert await store.clear() == (0, 1)
    for _ in range(2):
        async with open_house(sqlite_url, [job]) as house:

            async def ran() -> bool:
                return [run.state for run in await house.runner.operations.history()] == [RunState.SUCCEEDED]

            await eventually(ran)
            (again,) = await house.runner.operations.history("a.job", "ann")
            assert again.run_id == before.run_id or again.tick > before.tick
