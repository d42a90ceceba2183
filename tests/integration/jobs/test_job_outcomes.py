"""Outcomes that are written together are committed together, and a bad one harms only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import StatementError

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories import job_progress, wakeups
from stonechat.database.repositories.job_progress import ENDS_KEPT, HeldTick, JobRun
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.execution.outcome_writer import OutcomeWriter

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


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[tuple[OutcomeWriter, Database]]:
    async with open_database(url, DatabaseSettings(), SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        loop = asyncio.create_task(writer.run())
        try:
            yield writer, database
        finally:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop


async def test_many_outcomes_at_once_share_transactions(any_database_url: str) -> None:
    async with _open(any_database_url) as (writer, database):
        before = database.pool().waits
        await asyncio.gather(*(writer.write(_run(account=f"account {n}"), ()) for n in range(200)))
        assert database.pool().waits - before <= 5
        async with database.read("test") as connection:
            assert len(await job_progress.every(connection)) == 200


async def test_an_outcome_that_cannot_be_written_fails_alone(sqlite_url: str) -> None:
    async with _open(sqlite_url) as (writer, database):
        bad = _run(account="bad", done=object())
        answers = await asyncio.gather(
            writer.write(_run(account="one"), ()),
            writer.write(bad, ()),
            writer.write(_run(account="two"), [Wakeup("a.job", "two", NOW)]),
            return_exceptions=True,
        )
        assert answers[0] is answers[2] is None
        assert isinstance(answers[1], StatementError)
        async with database.read("test") as connection:
            assert {account for _, account in await job_progress.every(connection)} == {"one", "two"}
            assert await wakeups.waiting(connection) == [Wakeup("a.job", "two", NOW)]


async def test_a_row_tells_position_last_outcome_and_the_latest_ends(any_database_url: str) -> None:
    async with _open(any_database_url) as (writer, database):
        for number in range(ENDS_KEPT + 5):
            await writer.write(_run(number, done=number % 2), ())
        await writer.write(_run(40, trigger="manual: ann", state=RunState.FAILED, error="no"), ())
        await writer.write(_run(41, state=RunState.SKIPPED, note="cancelled"), ())
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


async def test_what_is_noted_is_kept_once_the_database_is_back(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as database:
        writer = OutcomeWriter(database, SystemClock())
        writer.note(_run())
        writer._failed(writer._rest(), Transient("the database is away"))
        await writer.drain()
        async with database.read("test") as connection:
            assert len(await job_progress.every(connection)) == 1
