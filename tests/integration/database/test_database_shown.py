"""The pool as others see it: meters for Prometheus, the health board, the page ``/status``."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.states import LayerState
from stonechat.dashboard.health import connections
from stonechat.database import Database, open_database
from stonechat.database.connection.permits import doing
from stonechat.monitoring import HealthBoard, Meters
from stonechat.resilience import open_breakers
from stonechat.startup.health_checks import add_gauges, check_database


async def test_who_holds_for_too_long_and_who_waits_is_metered_and_named(sqlite_url: str) -> None:
    clock = SystemClock()
    events = EventStream(clock)
    board, meters = HealthBoard(clock, events), Meters()
    limit = timedelta(milliseconds=20)
    settings = DatabaseSettings(pool_size=2, hold_limit=limit)
    async with (
        open_database(sqlite_url, settings, clock) as database,
        open_breakers(database, clock, events, random.Random(1)) as breakers,
    ):
        check_database(board, database)
        add_gauges(meters, database, breakers, board)
        with doing("content.plan/ann@9"):
            async with database.begin("content.store"):
                waiting = asyncio.create_task(_write(database))
                await asyncio.sleep(2 * limit.total_seconds())
                await board.check_all()
                metered = meters.text().decode()
                shown = connections(database)
        await waiting

        layer = board.layer("database")
        assert layer.state is LayerState.DOWN, "nobody else can write"
        assert "content.store in content.plan/ann@9 for " in layer.cause
        assert "database/test_database_shown.py:" in layer.cause
        assert shown is not None
        assert (shown["size"], shown["in_use"], shown["waiting"]) == (2, 1, 1)
        assert shown["waiting_longest_s"] > 0
        [holder] = shown["holders"]
        assert holder["too_long"] and holder["task"] == "content.store"
        assert holder["job"] == "content.plan/ann@9"
        for line in ('{what="size"} 2.0', '{what="in_use"} 1.0', '{what="waiting"} 1.0'):
            assert f"stonechat_database_connections{line}" in metered
        assert 'stonechat_database_connections{what="held_too_long"} 1.0' in metered
        assert 'stonechat_database_wait_seconds{what="so_far"}' in metered

        await board.check_all()
        assert board.layer("database").state is LayerState.OK


async def _write(database: Database) -> None:
    async with database.begin("posting.claim"):
        pass
