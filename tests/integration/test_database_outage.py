"""The database server is gone for a while: told at once, quietly, and found again without help."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text
from tests.support.processes import Reaper
from tests.support.servers import postgres

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.database import Database, open_database

AWAY = float(os.environ.get("STONECHAT_OUTAGE_SECONDS", "10"))
"""How long the server is away; the full exercise is 60."""

CALLERS = 20
LINES = 50


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[object]]:
    """Everything that is logged, by the drivers and by us, unthrottled."""
    caplog.set_level(logging.INFO)
    with structlog.testing.capture_logs() as ours:
        yield _Both(caplog.records, ours)


class _Both(list[object]):
    def __init__(self, records: list[logging.LogRecord], ours: list[object]) -> None:
        super().__init__()
        self._records, self._ours = records, ours

    def __len__(self) -> int:
        return len(self._records) + len(self._ours)


async def test_a_server_that_is_away_is_told_at_once_and_found_again(
    reaper: Reaper, lines: list[object]
) -> None:
    with postgres(reaper) as server:
        settings = DatabaseSettings(pool_size=8)
        async with open_database(server.url(), settings, SystemClock()) as database:
            async with database.begin("test.table") as connection:
                await connection.execute(text("CREATE TABLE kept (id int)"))
            await asyncio.gather(*(database.ping() for _ in range(CALLERS)))
            before = len(lines)
            with server.away():
                slowest = await _ask_for(database, AWAY)
                assert len(lines) - before <= LINES
            back = time.monotonic()
            while time.monotonic() - back < 15:
                try:
                    async with database.begin("test.after") as connection:
                        await connection.execute(text("INSERT INTO kept VALUES (1)"))
                    break
                except Transient:
                    await asyncio.sleep(0.05)
            assert time.monotonic() - back < 5
            await asyncio.gather(*(database.ping() for _ in range(CALLERS)))
            assert database.pool().in_use == 0
        assert slowest < 3
        assert server.execute("SELECT count(*) FROM kept") == [(1,)]


async def _ask_for(database: Database, seconds: float) -> float:
    """Many ask all the time and are refused, each time; the longest that one waited for its refusal."""
    end = time.monotonic() + seconds
    slowest = 0.0

    async def caller() -> None:
        nonlocal slowest
        while time.monotonic() < end:
            began = time.monotonic()
            with pytest.raises(Transient) as refusal:
                await database.ping()
            assert refusal.value.remedy
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.2)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return slowest
