"""The job manager on real databases: outcomes, retries, limits, switches, outages, the monitors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.core.errors import Conflict, Permanent, Transient
from stonechat.core.events import Event, EventStream, JobHealthChanged, RunEnded, RunMissed
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs import (
    Job,
    JobContext,
    JobOperations,
    JobPriority,
    JobService,
    Missed,
    Resource,
    Retry,
    RunStep,
    Work,
    open_jobs,
    open_store,
    runs_url_beside,
)
from stonechat.jobs.execution.durable_runs import Execution
from stonechat.owner import Door, Owner
from stonechat.owner import jobs as owned
from tests.support.job_runs import run_now
from tests.support.processes import free_port
from tests.support.waiting import eventually

HOUR = timedelta(hours=1)
ACTIVE = (RunState.SCHEDULED, RunState.RUNNING, RunState.ABANDONED)
QUICK = Retry(attempts=3, first=timedelta(milliseconds=10))


@dataclass
class House:
    """An open job manager, its events, and what is down."""

    runner: JobService
    database: Database
    clock: Clock
    events: list[Event] = field(default_factory=list)
    down: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> Owner:
        return Owner(self.database, self.clock, "a test", Door.COMMAND_LINE)

    async def end_of(self, run_id: str) -> JobRun:
        """The run's row once it has ended."""

        async def ended() -> bool:
            found = await self.runner.operations.show(run_id)
            return found is not None and found[0].state not in ACTIVE

        await eventually(ended)
        found = await self.runner.operations.show(run_id)
        assert found is not None
        return found[0]

    async def steps_of(self, run_id: str) -> list[RunStep]:
        found = await self.runner.operations.show(run_id)
        assert found is not None
        return found[1]

    def of_type(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def open_house(
    url: str,
    jobs: Sequence[Job],
    *,
    accounts: Sequence[str] = ("ann",),
    down: Mapping[str, str] | None = None,
) -> AsyncIterator[House]:
    clock = SystemClock()
    stream = EventStream(clock)
    causes = dict(down or {})
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        open_jobs(
            JobsSettings(),
            database,
            clock,
            stream,
            jobs=jobs,
            accounts=lambda: accounts,
            is_down=causes.get,
            runs_url=runs_url_beside(url),
            close_limit=timedelta(seconds=1),
        ) as runner,
    ):
        house = House(runner, database, clock, down=causes)
        stream.subscribe(lambda stamped: house.events.append(stamped.event))
        yield house


async def _three(_: JobContext) -> Work:
    return Work(done=3, due=4, note="three of four")


def _job(run: Callable[[JobContext], object], **more: object) -> Job:
    return Job("a.job", run, **{"every": HOUR, "retry": QUICK, **more})  # type: ignore[arg-type]


async def test_every_run_has_a_row_with_its_steps_and_outcome(any_database_url: str) -> None:
    async def run(ctx: JobContext) -> Work:
        async def count() -> dict[str, int]:
            return {"posts": 3}

        found = await ctx.step("count", count)
        await ctx.step("count", count)
        return Work(done=found["posts"], due=4, note=f"for {ctx.account_id}, try {ctx.attempt}")

    async with open_house(any_database_url, [_job(run)]) as house:
        run_id = await run_now(house.runner, house.database, "a.job", "ann")
        row = await house.end_of(run_id)
        assert (row.state, row.done, row.due, row.note) == (RunState.SUCCEEDED, 3, 4, "for ann, try 1")
        assert (row.trigger, row.account_id, row.attempt) == ("manual: a test", "ann", 1)
        assert row.started_at is not None and row.ended_at is not None and row.took_s is not None
        assert timedelta() <= row.ended_at - row.started_at < timedelta(minutes=1)
        assert [step.name for step in await house.steps_of(run_id)] == ["count", "count (2)"]
        (ended,) = house.of_type(RunEnded)
        assert isinstance(ended, RunEnded) and (ended.run_id, ended.done) == (run_id, 3)


async def test_a_failed_run_is_tried_again_without_repeating_its_finished_steps(sqlite_url: str) -> None:
    did: list[str] = []

    async def run(ctx: JobContext) -> Work:
        async def pay() -> str:
            did.append("pay")
            return "receipt"

        async def send() -> str:
            did.append("send")
            if ctx.attempt < 3:
                raise Transient("the network is busy")
            return "sent"

        await ctx.step("pay", pay)
        return Work(done=1, due=1, note=await ctx.step("send", send))

    async with open_house(sqlite_url, [_job(run)]) as house:
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
    assert (row.state, row.attempt, row.note) == (RunState.SUCCEEDED, 3, "sent")
    assert did == ["pay", "send", "send", "send"]


@pytest.mark.parametrize(
    ("error", "tries"), [(Permanent("the session is gone"), 1), (RuntimeError("a bug of ours"), 3)]
)
async def test_a_run_that_fails_for_good_says_so_in_its_row_and_in_an_event(
    sqlite_url: str, error: Exception, tries: int
) -> None:
    async def run(_: JobContext) -> Work:
        raise error

    async with open_house(sqlite_url, [_job(run)]) as house:
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        assert (row.state, row.attempt) == (RunState.FAILED, tries)
        assert str(error) in row.error
        (ended,) = house.of_type(RunEnded)
        assert isinstance(ended, RunEnded) and ended.error == row.error


async def test_a_hung_run_is_killed_at_its_time_limit_and_its_step_is_named(any_database_url: str) -> None:
    stopped = asyncio.Event()

    async def run(ctx: JobContext) -> Work:
        async def hang() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        await ctx.step("wait for the page", hang)
        return Work()

    async with open_house(any_database_url, [_job(run, timeout=timedelta(seconds=0.5))]) as house:
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        assert row.state is RunState.TIMED_OUT
        assert "killed after 0.5 s, in: wait for the page" in row.error
        assert stopped.is_set(), "its body was left running"
        again = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        assert again.state is RunState.TIMED_OUT, "its line was blocked"


async def test_runs_of_one_job_and_account_never_overlap(sqlite_url: str) -> None:
    at_work, most = 0, 0

    async def run(_: JobContext) -> Work:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.2)
        at_work -= 1
        return Work(done=1)

    job = _job(run, every=timedelta(seconds=0.1), missed=Missed.ALL)
    async with open_house(sqlite_url, [job], accounts=["ann"]) as house:
        for _ in range(3):
            await run_now(house.runner, house.database, "a.job", "ann")
        await eventually(lambda: len(house.of_type(RunEnded)) >= 6)
    assert most == 1


async def test_a_run_whose_dependency_is_down_waits_with_the_cause_in_its_row(sqlite_url: str) -> None:
    job = _job(_three, every=timedelta(seconds=1), needs=frozenset({"browser"}))
    async with open_house(sqlite_url, [job], down={"browser": "Chromium does not start"}) as house:

        async def held() -> bool:
            rows = await house.runner.operations.history("a.job")
            return [(row.state, row.note) for row in rows] == [(RunState.SKIPPED, "Chromium does not start")]

        await eventually(held)
        house.down.clear()
        await eventually(lambda: len(house.of_type(RunEnded)) >= 1)


async def test_a_paused_job_stands_still_runs_when_told_to_and_resumes_without_a_burst(
    sqlite_url: str,
) -> None:
    job = _job(_three, every=timedelta(seconds=0.5))
    async with open_house(sqlite_url, [job]) as house:
        await eventually(lambda: len(house.of_type(RunEnded)) >= 2)
        await owned.pause(house.owner, house.runner.operations, "a.job", why="looking into it")
        house.runner.look()

        async def paused() -> bool:
            return (await house.runner.status())[0].paused == "looking into it"

        await eventually(paused)
        await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        before = len(house.of_type(RunEnded))
        await asyncio.sleep(2)  # four ticks pass: nothing may happen, which no fact can announce
        assert len(house.of_type(RunEnded)) == before
        await owned.resume(house.owner, house.runner.operations, "a.job")
        house.runner.look()
        await eventually(lambda: len(house.of_type(RunEnded)) > before)
        rows = await house.runner.operations.history("a.job")
        ticks = sorted(row.tick for row in rows if row.trigger == "schedule")
        assert max(b - a for a, b in pairwise(ticks)) > timedelta(seconds=1.5), "a burst"


@pytest.mark.parametrize("looked_for", [True, False], ids=["here", "from another process"])
async def test_a_run_can_be_cancelled(any_database_url: str, looked_for: bool) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def run(_: JobContext) -> Work:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return Work()

    async with open_house(any_database_url, [_job(run)]) as house:
        run_id = await run_now(house.runner, house.database, "a.job", "ann")
        await begun.wait()
        await owned.cancel_run(house.owner, house.runner.operations, run_id)
        if looked_for:
            house.runner.look()
        await stopped.wait()
        row = await house.end_of(run_id)
        assert (row.state, row.note) == (RunState.SKIPPED, "cancelled by a test (command line)")
        with pytest.raises(Conflict, match="has ended already"):
            await owned.cancel_run(house.owner, house.runner.operations, run_id)
        begun.clear()
        await run_now(house.runner, house.database, "a.job", "ann")
        await begun.wait()  # its line is free again


async def test_a_second_engine_in_one_process_is_refused(tmp_path: Path) -> None:
    async with open_house(f"sqlite:///{tmp_path / 'one.db'}", [_job(_three)]) as house:
        with pytest.raises(RuntimeError, match="one job manager"):
            async with open_house(f"sqlite:///{tmp_path / 'two.db'}", [_job(_three)]):
                pass
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        assert row.state is RunState.SUCCEEDED, "the first one was harmed"


async def test_an_engine_without_its_database_says_what_to_do() -> None:
    url = f"postgresql://nobody:x@127.0.0.1:{free_port()}/none"
    with pytest.raises(Transient) as refused:
        async with open_store(url) as store, Execution("one", store, {}, HOUR).running(_never):
            pass
    assert "JOBS_DATABASE_URL" in refused.value.remedy


async def _never(_: object, __: object) -> None:
    raise AssertionError("nothing was asked for")


async def test_a_run_that_another_process_asks_for_is_run(any_database_url: str) -> None:
    async with (
        open_house(any_database_url, [_job(_three)]) as house,
        open_store(runs_url_beside(any_database_url)) as store,
    ):
        elsewhere = JobOperations(house.database, store, house.clock, [_job(_three)])
        async with house.owner.act("jobs.run") as action:
            asked = elsewhere.ask_for_runs(action.connection, "a.job", ["ann"], by="the command line")
            (run_id,) = await asked
            await action.done(run_id, "a.job", said="Asked for.")
        row = await house.end_of(run_id)
        assert (row.state, row.trigger) == (RunState.SUCCEEDED, "manual: the command line")


async def test_a_job_that_does_nothing_though_work_is_due_counts_as_failing_until_it_recovers(
    sqlite_url: str,
) -> None:
    works = False

    async def run(_: JobContext) -> Work:
        return Work(done=1 if works else 0, due=5)

    job = _job(run, every=timedelta(seconds=0.2))
    async with open_house(sqlite_url, [job]) as house:

        async def state(wanted: str) -> bool:
            return (await house.runner.status())[0].state == wanted

        await eventually(lambda: state("failing"))
        (status,) = await house.runner.status()
        assert status.why.endswith("did nothing though 5 were due")
        works = True
        await eventually(lambda: state("healthy"))
        changes = [event.after for event in house.events if isinstance(event, JobHealthChanged)]
        assert changes[-2:] == ["failing", "healthy"], changes  # two failures are not failing yet


async def test_posting_goes_on_while_everything_else_is_busy(sqlite_url: str) -> None:
    release = asyncio.Event()

    async def hog(_: JobContext) -> Work:
        await release.wait()
        return Work()

    hogs = [
        Job(f"harvest.{n}", hog, every=HOUR, resource=Resource.BROWSER, priority=JobPriority.HARVEST)
        for n in range(6)
    ]
    post = Job("posting.sweep", _three, every=HOUR, resource=Resource.BROWSER, priority=JobPriority.POST)
    async with open_house(sqlite_url, [*hogs, post]) as house:
        for job in hogs:
            await run_now(house.runner, house.database, job.name, "ann")
        row = await house.end_of(await run_now(house.runner, house.database, "posting.sweep", "ann"))
        assert row.state is RunState.SUCCEEDED

        async def at_work() -> int:
            rows = await house.runner.operations.history()
            return sum(row.state is RunState.RUNNING for row in rows)

        async def as_many_as_there_are_places() -> bool:
            return await at_work() >= 3

        await eventually(as_many_as_there_are_places)
        assert await at_work() == 3, "the browser's bound does not hold"
        release.set()


async def test_the_watchdog_runs_ticks_that_nothing_else_asks_for(sqlite_url: str) -> None:
    job = _job(_three, every=timedelta(seconds=3), grace=timedelta(seconds=1))
    async with open_house(sqlite_url, [job]) as house:
        (timer,) = [task for task in asyncio.all_tasks() if task.get_name() == "jobs.schedule"]
        timer.cancel()
        await eventually(lambda: len(house.of_type(RunMissed)) >= 1, within=30)
        await eventually(lambda: len(house.of_type(RunEnded)) >= 1)
        (row, *_) = await house.runner.operations.history("a.job")
        assert row.trigger == "watchdog"
        assert "late" in [event.after for event in house.events if isinstance(event, JobHealthChanged)]


async def test_runs_stopped_with_the_process_are_no_news_for_the_log(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def run(ctx: JobContext) -> Work:
        async def hang() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        await ctx.step("hang", hang)
        return Work()

    with caplog.at_level("WARNING", logger="dbos"):
        async with open_house(sqlite_url, [_job(run)]) as house:
            await run_now(house.runner, house.database, "a.job", "ann")
            await begun.wait()
        assert stopped.is_set()
    assert not [line for line in caplog.messages if "cancelled for workflow or step" in line]
