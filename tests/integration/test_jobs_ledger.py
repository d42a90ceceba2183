"""Writes that are asked for together are committed together, and a bad one harms only itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database.engine import Database, open_database
from stonechat.jobs.ledger import Ledger


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
