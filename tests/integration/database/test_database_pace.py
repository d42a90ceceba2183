"""A database that is slow under load: metered by task, told and over by itself; publishing goes first."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import timedelta

import pytest
from sqlalchemy import text

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream
from stonechat.core.states import LayerState
from stonechat.dashboard.health import connections
from stonechat.database import Database, open_database
from stonechat.database.connection.permits import doing
from stonechat.monitoring import Meters
from stonechat.resilience import open_breakers
from stonechat.startup.health_checks import add_gauges
from tests.support.alerting import Inbox, Watch
from tests.support.clock import OtherClock
from tests.support.meters import shown
from tests.support.proxy import tcp_proxy
from tests.support.waiting import eventually

CLOCK = SystemClock()
SLOW = timedelta(milliseconds=150)
ADD = text("INSERT INTO switches (scope, off, who, why, at) VALUES ('x', false, 'test', '', '2026-01-05')")
CHANGE = text("UPDATE switches SET why = 'changed' WHERE scope = 'x'")


async def change(database: Database) -> None:
    async with database.begin("content.store") as connection:
        await connection.execute(CHANGE)


async def wait_for_a_lock(database: Database, other: Database) -> None:
    """Somebody else holds the row (on SQLite: the file) that ``database`` wants to write, for a while."""
    async with other.begin("test.holds") as connection:
        await connection.execute(CHANGE)
        with doing("content.plan/ann@9"):
            waiting = asyncio.create_task(change(database))
        await eventually(lambda: any(one.held > 2 * SLOW for one in database.pool().holders))
    await waiting


async def test_slow_statements_are_metered_by_task_told_with_cause_and_remedy_and_over_by_themselves(
    any_database_url: str, inbox: Inbox
) -> None:
    clock = OtherClock(CLOCK)
    settings = DatabaseSettings(slow=SLOW)
    meters = Meters()
    async with (
        open_database(any_database_url, settings, clock) as database,
        open_database(any_database_url, DatabaseSettings(), CLOCK) as other,
        open_breakers(database, clock, EventStream(clock), random.Random(1)) as breakers,
    ):
        async with other.begin("test.row") as connection:
            await connection.execute(ADD)
        watch = Watch(inbox, database)
        add_gauges(meters, database, breakers, watch.board)
        await watch.for_seconds(20, step=20)
        assert watch.board.layer("database").state is LayerState.OK
        for _ in range(3):
            await wait_for_a_lock(database, other)

        metered = meters.text().decode()
        assert 'stonechat_database_slow_transactions_total{task="content.store"} 3.0' in metered
        bucket = "stonechat_database_transaction_seconds_bucket"
        assert f'{bucket}{{le="0.1",task="content.store"}} 0.0' in metered
        assert f'{bucket}{{le="+Inf",task="content.store"}} 3.0' in metered
        shown = connections(database)
        assert shown is not None and shown["pace"]["overloaded"]
        worst = shown["pace"]["slowest"][0]
        assert (worst["task"], worst["job"]) == ("content.store", "content.plan/ann@9")
        assert worst["took_s"] > SLOW.total_seconds()

        await watch.for_seconds(60, step=20)
        layer = watch.board.layer("database")
        assert layer.state is LayerState.DEGRADED
        assert "content.store in content.plan/ann@9 took " in layer.cause
        assert "database/test_database_pace.py:" in layer.cause
        assert inbox.titles() == []  # a short time of it is shown, and nobody is woken
        await watch.for_seconds(140, step=20)
        assert inbox.titles() == ["Database is degraded"]
        told = json.dumps(inbox.got[0])
        assert "content.store" in told and "Publishing goes first meanwhile" in told

        clock.slept += timedelta(minutes=1)
        await watch.for_seconds(60, step=20)
        assert watch.board.layer("database").state is LayerState.OK
        assert inbox.titles() == ["Database is degraded", "Over: Database is degraded"]


async def test_a_lock_that_does_not_come_in_time_counts_as_slow_and_the_codes_own_time_does_not(
    any_database_url: str,
) -> None:
    clock = OtherClock(CLOCK)
    settings = DatabaseSettings(slow=SLOW, lock_timeout=2 * SLOW)
    async with (
        open_database(any_database_url, settings, clock) as database,
        open_database(any_database_url, DatabaseSettings(), CLOCK) as other,
    ):
        async with other.begin("test.row") as connection:
            await connection.execute(ADD)
        async with database.begin("content.thinks") as connection:
            await connection.execute(CHANGE)
            clock.slept += timedelta(minutes=1)
        assert shown(*database.meters())['database_transaction_seconds_sum{task="content.thinks"}'] < 60
        async with other.begin("test.holds") as connection:
            await connection.execute(CHANGE)
            with pytest.raises(Transient, match="lock"):
                await change(database)
        assert shown(*database.meters())['database_slow_transactions_total{task="content.store"}'] == 1


async def test_a_server_that_is_away_is_not_called_slow(direct_postgres_url: str) -> None:
    settings = DatabaseSettings(
        slow=SLOW,
        statement_timeout=2 * SLOW,
        pool_wait=timedelta(milliseconds=500),
        connect_timeout=timedelta(seconds=2),
    )
    async with (
        tcp_proxy(direct_postgres_url) as proxy,
        open_database(proxy.url(direct_postgres_url), settings, CLOCK) as database,
    ):
        with pytest.raises(Transient, match="no answer"):
            async with database.begin("test.hangs") as connection:
                proxy.hang()
                await connection.execute(text("SELECT 1"))
        with pytest.raises(Transient):
            await database.ping()
        assert database.latency().slow == 0


async def test_who_publishes_goes_before_all_who_wait_for_a_connection(any_database_url: str) -> None:
    served: list[str] = []

    async def work(task: str) -> None:
        async with database.begin(task) as connection:
            served.append(task)
            await connection.execute(text("SELECT 1"))

    async with open_database(any_database_url, DatabaseSettings(pool_size=1), CLOCK) as database:
        async with database.begin("content.plan"):
            crowd = [asyncio.create_task(work(f"scraping.store{number}")) for number in range(30)]
            await eventually(lambda: database.pool().waiting == 30)
            crowd.append(asyncio.create_task(work("posting.claim")))
            await eventually(lambda: database.pool().waiting == 31)
        await asyncio.gather(*crowd)
    assert served == ["posting.claim", *(f"scraping.store{number}" for number in range(30))]
