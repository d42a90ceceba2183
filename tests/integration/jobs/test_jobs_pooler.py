"""The job engine through a PgBouncer in transaction mode: nothing of it is left in a session."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.states import RunState
from stonechat.database import open_database
from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.service import open_jobs, runs_url_beside
from tests.support.job_runs import run_now
from tests.support.job_workers import Workers
from tests.support.processes import Reaper, wait_until
from tests.support.waiting import eventually


async def test_a_run_with_steps_goes_through_a_pooler_and_leaves_no_session_state(pooled_url: str) -> None:
    async def body(ctx: JobContext) -> Work:
        first = await ctx.step("first", _one)
        return Work(done=first + await ctx.step("second", _one))

    clock = SystemClock()
    async with (
        open_database(pooled_url, DatabaseSettings(), clock) as database,
        open_jobs(
            JobsSettings(),
            database,
            clock,
            EventStream(clock),
            jobs=[Job("test.two_steps", body, every=timedelta(hours=1000))],
            accounts=lambda: ("ann",),
            is_down=lambda _: None,
            runs_url=runs_url_beside(pooled_url),
        ) as runner,
    ):
        run_ids = [await run_now(runner, database, "test.two_steps", "ann")]

        async def ended() -> bool:
            found = await runner.operations.show(run_ids[0])
            return found is not None and found[0].state is RunState.SUCCEEDED

        await eventually(ended)
        found = await runner.operations.show(run_ids[0])
        assert found is not None
        assert found[0].done == 2
        assert [step.name for step in found[1]] == ["first", "second"]

        async with database._engine.connect() as connection:
            for _ in range(12):  # the pooler hands out another of its connections each time
                for name in ("idle_in_transaction_session_timeout", "statement_timeout"):
                    said = await connection.exec_driver_sql(f"SHOW {name}")
                    assert said.scalar_one() == "0"

        async def no_lock_is_left() -> bool:
            async with database.read("test.locks") as connection:
                locks = await connection.execute(
                    text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
                )
                return bool(locks.scalar_one() == 0)

        await eventually(no_lock_is_left)  # one of a transaction that is under way goes with it


async def test_processes_that_start_together_through_a_pooler_make_the_tables_once(
    pooled_url: str, direct_postgres_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    workers = Workers(pooled_url, tmp_path, reaper)
    try:
        await asyncio.gather(*(asyncio.to_thread(workers.start, "ticks") for _ in range(3)))
        wait_until(lambda: len(workers.working()) == 3, "all three work", 90)
    finally:
        workers.stop()
    async with (
        open_database(direct_postgres_url, DatabaseSettings(), SystemClock(), migrated=False) as database,
        database.read("test.version") as connection,
    ):
        versions = await connection.execute(text("SELECT version FROM stonechat_runs.dbos_migrations"))
        assert len(versions.scalars().all()) == 1


async def _one() -> int:
    return 1
