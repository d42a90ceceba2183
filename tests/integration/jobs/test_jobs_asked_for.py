"""What the owner asks of the job engine is neither lost nor doubled, whatever is cut off in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import ScaledClock, SystemClock
from stonechat.core.errors import Conflict
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories import accounts, audit, wakeups
from stonechat.jobs import Job, JobContext, JobOperations, Work, open_jobs, open_store, runs_url_beside
from stonechat.jobs.execution.run_store import RunStore
from stonechat.owner import Door, Owner
from stonechat.owner import jobs as owned
from tests.support.waiting import eventually

CLOCK = SystemClock()
NEVER = timedelta(days=3650)


@dataclass
class Bench:
    """A database that nobody runs jobs on, the owner's commands on it, and the runs that a process did."""

    url: str
    database: Database
    store: RunStore
    done: list[str] = field(default_factory=list)

    @property
    def jobs(self) -> list[Job]:
        async def work(ctx: JobContext) -> Work:
            self.done.append(ctx.run_id)
            return Work(1, 1)

        return [Job("a.job", work, every=NEVER)]

    @property
    def owner(self) -> Owner:
        return Owner(self.database, CLOCK, "robin", Door.COMMAND_LINE)

    def operations(self) -> JobOperations:
        return JobOperations(self.database, self.store, CLOCK, self.jobs)

    async def lines(self) -> list[str]:
        async with self.database.read("test") as connection:
            return [line.action for line in await audit.newest(connection, limit=10)]

    async def asked(self) -> int:
        async with self.database.read("test") as connection:
            return len(await wakeups.asked(connection))

    @asynccontextmanager
    async def process(self) -> AsyncIterator[None]:
        """A process that runs jobs."""
        async with open_jobs(
            JobsSettings(),
            self.database,
            CLOCK,
            EventStream(CLOCK),
            jobs=self.jobs,
            accounts=lambda: ["ann"],
            is_down=lambda _: None,
            runs_url=runs_url_beside(self.url),
        ):
            yield


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    url = f"sqlite:///{tmp_path}/s.db"
    async with (
        open_database(url, DatabaseSettings(), CLOCK) as database,
        open_store(runs_url_beside(url)) as store,
    ):
        made = Bench(url, database, store)
        async with database.begin("test") as connection:
            await accounts.put(connection, Account("ann", "x", "ann"), CLOCK.now())
        async with made.process():  # makes the engine's tables
            pass
        yield made


async def test_a_run_whose_audit_line_cannot_be_written_was_never_asked_for(bench: Bench) -> None:
    async with bench.database.begin("test") as connection:
        await connection.execute(
            sa.text("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    with pytest.raises(sa.exc.DBAPIError, match="full"):
        await owned.run(bench.owner, bench.operations(), "a.job", "ann")
    assert await bench.asked() == 0
    assert await bench.store.active() == []


async def test_a_command_that_dies_after_its_commit_is_done_once_by_who_runs_jobs(bench: Bench) -> None:
    async with bench.owner.act("jobs.run") as action:
        (run_id,) = await bench.operations().ask_for_runs(action.connection, "a.job", ["ann"], by="robin")
        await action.done([run_id], "a.job", said="Asked for.")
    shown = await bench.operations().show(run_id)
    assert shown is not None and shown[0].state is RunState.SCHEDULED, "it is seen before it is begun"
    async with bench.process():
        await eventually(lambda: bench.done == [run_id])
    assert (await bench.lines(), await bench.asked()) == (["jobs.run"], 0)


async def test_a_command_that_dies_before_the_row_goes_is_not_done_twice(bench: Bench) -> None:
    async with bench.owner.act("jobs.run") as action:
        (run_id,) = await bench.operations().ask_for_runs(action.connection, "a.job", ["ann"], by="robin")
        await action.done([run_id], "a.job", said="Asked for.")
        rows = await wakeups.asked(action.connection)
    async with bench.process():
        await eventually(lambda: bench.done == [run_id])
        async with bench.database.begin("test") as connection:
            await wakeups.ask(connection, rows)  # as it stood when the process died
        await bench.operations().do_what_is_asked()
    async with bench.process():  # which does what is asked before it begins anything
        assert await bench.asked() == 0
    assert bench.done == [run_id]


async def test_a_stop_that_was_committed_holds_before_the_next_process_begins_the_run(bench: Bench) -> None:
    (run_id,) = (await owned.run(bench.owner, bench.operations(), "a.job", "ann")).value
    async with bench.owner.act("jobs.cancel") as action:
        assert await bench.operations().ask_to_cancel(action.connection, run_id, by="robin")
        await action.done(run_id, run_id, said="Cancelled.")
    async with bench.process():
        shown = await bench.operations().show(run_id)
        assert shown is not None and shown[0].state is RunState.SKIPPED
        assert shown[0].note == "cancelled by robin"
        after = (await owned.run(bench.owner, bench.operations(), "a.job", "ann")).value[0]
        await eventually(lambda: bench.done == [after])
    with pytest.raises(Conflict, match="has ended already"):
        await owned.cancel_run(bench.owner, bench.operations(), run_id)


async def test_a_run_can_be_stopped_before_the_engine_has_heard_of_it(bench: Bench) -> None:
    async with bench.owner.act("jobs.run") as action:
        (run_id,) = await bench.operations().ask_for_runs(action.connection, "a.job", ["ann"], by="robin")
        await action.done([run_id], "a.job", said="Asked for.")
    assert (await owned.cancel_run(bench.owner, bench.operations(), run_id)).value.run_id == run_id
    async with bench.process():
        shown = await bench.operations().show(run_id)
        assert shown is not None and shown[0].state is RunState.SKIPPED
    assert bench.done == []


async def test_a_daily_job_of_a_machine_that_is_off_at_its_hour_runs_at_the_next_start(
    tmp_path: Path,
) -> None:
    url, done = f"sqlite:///{tmp_path}/s.db", []

    async def work(ctx: JobContext) -> Work:
        done.append(ctx.tick)
        return Work()

    daily = Job("a.job", work, every=timedelta(days=1), stagger=timedelta(hours=3))
    for day in (5, 6):
        noon = datetime(2026, 1, day, 12, tzinfo=UTC)
        clock = ScaledClock(1.0, noon, CLOCK.wall().timestamp())
        async with (
            open_database(url, DatabaseSettings(), clock) as database,
            open_jobs(
                JobsSettings(),
                database,
                clock,
                EventStream(clock),
                jobs=[daily],
                accounts=lambda: ["ann"],
                is_down=lambda _: None,
                runs_url=runs_url_beside(url),
            ),
        ):
            if day == 6:
                await eventually(lambda: bool(done))
    assert done == [datetime(2026, 1, 6, 3, tzinfo=UTC)], "and nothing of the time before it was known"
