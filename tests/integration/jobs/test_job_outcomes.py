"""Outcomes that are written together are committed together, and a bad one harms only itself."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.states import RunState
from stonechat.database.connection.database import open_database
from stonechat.database.repositories import job_progress
from stonechat.database.repositories.job_progress import ENDS_KEPT, HeldTick, JobRun
from stonechat.jobs.execution.outcome_writer import OutcomeWriter
from tests.support.waiting import eventually

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _run(number: int = 0, account: str = "ann", **more: object) -> JobRun:
    at = NOW + number * MINUTE
    values: dict[str, object] = {
        "run_id": f"a.job/{account}@{at.isoformat()}",
        "job": "a.job",
        "account_id": account,
        "tick": at,
        "trigger": "schedule",
        "state": RunState.SUCCEEDED,
        "attempt": 1,
        "ended_at": at,
        "took_s": 1.5,
        "done": 1,
        "due": 1,
        **more,
    }
    return JobRun(**values)  # type: ignore[arg-type]


async def test_outcomes_that_wait_share_a_transaction(any_database_url: str) -> None:
    async with open_database(any_database_url, DatabaseSettings(), SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        for number in range(200):
            writer.note(_run(account=f"account {number}"))
        before = database.pool().waits
        await writer.commit()
        assert database.pool().waits - before == 1
        async with database.read("test") as connection:
            assert len(await job_progress.every(connection)) == 200


async def test_what_is_noted_is_committed_soon(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        loop = asyncio.create_task(writer.run())
        writer.note(_run())

        async def kept() -> bool:
            async with database.read("test") as connection:
                return len(await job_progress.every(connection)) == 1

        await eventually(kept)
        loop.cancel()


async def test_an_outcome_that_cannot_be_written_fails_alone(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        for run in (_run(account="one"), _run(account="bad", done=object()), _run(account="two")):
            writer.note(run)
        await writer.commit()
        async with database.read("test") as connection:
            assert {account for _, account in await job_progress.every(connection)} == {"one", "two"}


async def test_a_row_tells_position_last_outcome_and_the_latest_ends(any_database_url: str) -> None:
    async with open_database(any_database_url, DatabaseSettings(), SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        for number in range(ENDS_KEPT + 5):
            writer.note(_run(number, done=number % 2))
            await writer.commit()
        writer.note(_run(40, trigger="manual: ann", state=RunState.FAILED, error="no"))
        writer.note(_run(41, state=RunState.SKIPPED, note="cancelled"))
        await writer.commit()
        held = HeldTick(NOW + 50 * MINUTE, NOW, "no browser")
        async with database.begin("test") as connection:
            await job_progress.hold(connection, {("a.job", "ann"): held}, NOW)
            assert await job_progress.positions(connection) == {("a.job", "ann"): NOW + 41 * MINUTE}
            row = (await job_progress.of_job(connection, "a.job"))[("a.job", "ann")]
        assert row.last is not None and (row.last.trigger, row.last.error) == ("manual: ann", "no")
        assert len(row.ends) == ENDS_KEPT
        assert [end.good for end in row.ends[:4]] == [False, False, True, False]
        assert row.ends[0].ended_at == NOW + 40 * MINUTE and row.ends[1].took_s == pytest.approx(1.5)
        assert row.held == held


async def test_what_is_noted_is_kept_once_the_database_can_be_written(sqlite_url: str) -> None:
    impatient = DatabaseSettings(lock_timeout=timedelta(seconds=0.2))
    async with open_database(sqlite_url, impatient, SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        writer.note(_run())
        with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Transient):
                await writer.commit()
        await writer.commit()
        async with database.read("test") as connection:
            assert len(await job_progress.every(connection)) == 1
