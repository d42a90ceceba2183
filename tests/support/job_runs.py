"""Asking for runs as an owner's command does."""

from __future__ import annotations

from stonechat.database import Database
from stonechat.jobs import JobService


async def run_now(runner: JobService, database: Database, job: str, account_id: str | None = None) -> str:
    """Have a job run, for an account or for the whole system; returns the run's id."""
    async with database.begin("test") as connection:
        (run_id,) = await runner.operations.ask_for_runs(connection, job, [account_id], by="a test")
    await runner.operations.do_what_is_asked()
    return run_id
