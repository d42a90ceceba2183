"""Writes that are asked for together are committed together, and a bad one harms only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories import job_rows
from stonechat.database.repositories.job_rows import RunRow, StepRow
from stonechat.database.repositories.job_writes import End, Start
from stonechat.jobs.ledger import Ledger
from tests.support.waiting import eventually

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[tuple[Ledger, Database]]:
    async with open_database(url, DatabaseSettings(), SystemClock()) as database:
        ledger = Ledger(database)
        loop = asyncio.create_task(ledger.run())
        try:
            yield ledger, database
        finally:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop


async def _one(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("SELECT 1"))).scalar_one())


async def _bad(connection: AsyncConnection) -> int:
    raise ValueError(f"not for {connection.dialect.name}")


async def test_many_writes_at_once_share_transactions(any_database_url: str) -> None:
    async with _open(any_database_url) as (ledger, database):
        before = database.pool().waits
        answers = await asyncio.gather(*(ledger.write(_one) for _ in range(200)))
        assert answers == [1] * 200
        assert database.pool().waits - before <= 5


async def test_a_write_that_fails_fails_alone(sqlite_url: str) -> None:
    async with _open(sqlite_url) as (ledger, _):
        answers = await asyncio.gather(
            ledger.write(_one), ledger.write(_bad), ledger.write(_one), return_exceptions=True
        )
        assert answers[0] == answers[2] == 1
        assert isinstance(answers[1], ValueError)
        assert await ledger.write(_one) == 1


async def test_what_is_left_at_the_end_is_written(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as database:
        ledger = Ledger(database)
        left = asyncio.ensure_future(ledger.write(_one))
        await asyncio.sleep(0)
        await ledger.drain()
        assert await left == 1


async def test_a_waiting_write_that_is_given_up_is_not_run(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as database:
        ledger = Ledger(database)
        ran: list[int] = []

        async def write(connection: AsyncConnection) -> None:
            ran.append(await _one(connection))

        given_up = asyncio.ensure_future(ledger.write(write))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await ledger.drain()
        assert ran == []


def _start(run_id: str) -> Start:
    return Start(run_id, "ann", "a.job", NOW, "schedule", "host", NOW)


def _end(run_id: str, attempt: int, note: str = "") -> End:
    steps = (StepRow(1, "one", NOW, NOW, 2, ""), StepRow(2, "two", NOW, None, 0, "broke"))
    return End(
        run_id, "ann", attempt, RunState.SUCCEEDED, NOW, timedelta(seconds=1), 3, 4, note, "", steps=steps
    )


async def _row(database: Database, run_id: str) -> RunRow | None:
    async with database.read("test") as connection:
        return await job_rows.get(connection, run_id)


async def _steps(database: Database, run_id: str) -> list[str]:
    async with database.read("test") as connection:
        return [step.name for step in await job_rows.steps_of(connection, run_id)]


async def test_runs_that_start_and_end_at_the_same_time_share_transactions(any_database_url: str) -> None:
    async with _open(any_database_url) as (ledger, database):
        before = database.pool().waits
        names = [f"run-{number}" for number in range(600)]
        assert await asyncio.gather(*(ledger.start(_start(name)) for name in names)) == [1] * 600
        assert await asyncio.gather(*(ledger.end(_end(name, 1)) for name in names)) == [True] * 600
        assert database.pool().waits - before <= 8
        row = await _row(database, "run-599")
        assert row is not None
        assert (row.state, row.done, row.due, row.attempt) == (RunState.SUCCEEDED, 3, 4, 1)
        assert await _steps(database, "run-599") == ["one", "two"]
        assert await ledger.start(_start("run-0")) is None, "it has ended"


async def test_a_run_taken_up_twice_has_two_tries_and_only_the_second_may_end_it(
    any_database_url: str,
) -> None:
    async with _open(any_database_url) as (ledger, database):
        tries = await asyncio.gather(*(ledger.start(_start("run")) for _ in range(2)))
        assert tries == [1, 2]
        ended = await asyncio.gather(ledger.end(_end("run", 1, "old")), ledger.end(_end("run", 2, "new")))
        assert list(ended) == [False, True]
        row = await _row(database, "run")
        assert row is not None and row.note == "new"
        assert await ledger.start(_start("other")) == 1
        assert not await ledger.end(_end("other", 7))
        assert await _steps(database, "other") == [], "steps of somebody else's run were written"


async def test_a_run_that_waits_has_a_row_in_a_moment_and_one_that_starts_at_once_has_one_write(
    any_database_url: str,
) -> None:
    waits = {"run_id": "waits", "account_id": None, "job": "a.job", "tick": NOW, "trigger": "x", "now": NOW}
    async with _open(any_database_url) as (ledger, database):
        ledger.schedule([waits, {**waits, "run_id": "starts"}])
        assert await ledger.start(_start("starts")) == 1
        row = await _row(database, "starts")
        assert row is not None and row.state is RunState.RUNNING

        async def there() -> bool:
            return await _row(database, "waits") is not None

        await eventually(there)
        row = await _row(database, "waits")
        assert row is not None and row.state is RunState.SCHEDULED
        ledger.schedule([{**waits, "run_id": "at the end"}])
        await ledger.drain()
        assert await _row(database, "at the end") is not None


async def test_what_is_asked_for_while_the_ledger_is_stopped_is_written_at_the_end(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as database:
        ledger = Ledger(database)
        reached, never = asyncio.Event(), asyncio.Event()

        async def stuck(_: AsyncConnection) -> None:
            reached.set()
            if not never.is_set():
                await never.wait()

        loop = asyncio.create_task(ledger.run())
        waits = {"run_id": "waits", "account_id": None, "job": "a", "tick": NOW, "trigger": "x", "now": NOW}
        ledger.schedule([waits])
        asked: list[asyncio.Future[Any]] = [asyncio.ensure_future(ledger.write(stuck))]
        asked += [asyncio.ensure_future(ledger.start(_start("run"))) for _ in range(2)]  # two transactions
        await reached.wait()
        loop.cancel()
        await asyncio.wait({loop})
        never.set()
        await ledger.drain()
        assert await asyncio.gather(*asked) == [None, 1, 2]
        assert await _row(database, "waits") is not None


async def test_a_process_that_freezes_within_a_commit_does_not_keep_other_hosts_waiting(
    postgres_url: str,
) -> None:
    async with _open(postgres_url) as (frozen, first), _open(postgres_url) as (other, _):
        assert await frozen.start(_start("run")) == 1
        hangs = asyncio.Event()

        async def hang(connection: AsyncConnection) -> None:
            await job_rows.beat_runs(connection, {"run": 1}, now=NOW)
            hangs.set()
            await asyncio.sleep(60)

        lost = asyncio.ensure_future(frozen.write(hang))
        await hangs.wait()
        async with asyncio.timeout(8):
            assert await other.start(_start("run")) == 2
        lost.cancel()
        assert first.pool().waits
