"""One bounded pool on either engine: nothing leaks, holders are known, waits are bounded."""

import asyncio
import contextlib
import os
import random
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import ConfigError, Transient
from stonechat.database import Database, open_database
from stonechat.database.schema.migrations import NEWEST
from stonechat.database.schema.migrations.upgrading import configuration
from stonechat.database.schema.tables import metadata
from tests.support.waiting import eventually

CANCELLED = int(os.environ.get("STONECHAT_CANCELLED_OPERATIONS", "1000"))
"""Operations that are cancelled on each database; the full exercise is 10,000."""


async def test_thousands_of_cancelled_operations_leave_nothing_checked_out(every_database_url: str) -> None:
    settings = DatabaseSettings(pool_size=4)
    async with open_database(every_database_url, settings, SystemClock()) as database:

        async def operation(number: int) -> None:
            opened = database.begin if number % 3 == 0 else database.read
            async with opened("test.cancelled") as connection:
                await connection.execute(text("SELECT 1"))

        for begun in range(0, CANCELLED, 100):
            tasks = [asyncio.create_task(operation(number)) for number in range(100)]
            for number, task in enumerate(tasks):
                if number % 10 == 0:  # at the queue, while connecting, in BEGIN, in the statement, in COMMIT
                    await asyncio.sleep(0.0003 * (begun // 100 % 7))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await eventually(lambda: database.pool().in_use == database.pool().waiting == 0)
        kept = database._engine.pool
        assert isinstance(kept, QueuePool)
        assert kept.checkedout() == 0
        async with asyncio.timeout(5):
            await asyncio.gather(*(database.ping() for _ in range(20)))


async def test_after_a_cancelled_write_of_many_rows_each_statement_gets_its_own_answer(
    postgres_url: str,
) -> None:
    """psycopg sends many rows in a pipeline; cut off there, a connection looked sound and was out of step."""
    rows = [{"at": number, "who": "a"} for number in range(400)]
    rng = random.Random(3)
    async with open_database(postgres_url, DatabaseSettings(pool_size=1), SystemClock()) as database:

        async def write() -> float:
            began = time.monotonic()
            async with database.begin("test.many") as connection:
                await connection.execute(text("CREATE TEMPORARY TABLE many (at INTEGER, who TEXT)"))
                await connection.execute(text("INSERT INTO many (at, who) VALUES (:at, :who)"), rows)
                await connection.execute(text("DROP TABLE many"))
            return time.monotonic() - began

        await write()
        takes = await write()
        for number in range(CANCELLED // 10):
            task = asyncio.create_task(write())
            await asyncio.sleep(rng.random() * takes)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for _ in range(2):
                async with database.begin("test.many") as connection:
                    said = await connection.execute(text(f"SELECT {number}"))
                    assert said.scalar_one() == number


async def test_an_exhausted_pool_says_who_holds_it(every_database_url: str) -> None:
    settings = DatabaseSettings(pool_size=1, pool_wait=timedelta(milliseconds=200))
    async with open_database(every_database_url, settings, SystemClock()) as database:
        async with database.read("posting.claim"):
            with pytest.raises(Transient, match=r"learning\.learn") as refusal:
                await _enter(database, "learning.learn")
            assert "posting.claim" in refusal.value.remedy
        await database.ping()


async def _enter(database: Database, task: Any) -> None:
    async with database.read(task):
        pass


async def test_an_exception_rolls_back(every_database_url: str) -> None:
    async with open_database(every_database_url, DatabaseSettings(), SystemClock()) as database:
        insert = text("INSERT INTO audit (at, who, action, why) VALUES (:at, 'a', 'b', '')")
        now = SystemClock().now()
        with pytest.raises(ZeroDivisionError):
            async with database.begin("test.rollback") as connection:
                await connection.execute(insert, {"at": now if database.dialect != "sqlite" else str(now)})
                raise ZeroDivisionError
        async with database.read("test.rollback") as connection:
            assert (await connection.execute(text("SELECT count(*) FROM audit"))).scalar_one() == 0


HOST = """
import asyncio, sys
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database import open_database

async def start(url):
    async with open_database(url, DatabaseSettings(), SystemClock()) as database:
        await database.ping()

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(start(sys.argv[1]))
"""


async def test_hosts_that_start_together_migrate_once(every_database_url: str) -> None:
    hosts = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", HOST, every_database_url),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for host in hosts:
        assert host.stdout is not None
        assert await host.stdout.readline() == b"ready\n"
    for host in hosts:
        assert host.stdin is not None
        host.stdin.write(b"\n")
    for host in hosts:
        _, said = await host.communicate()
        assert host.returncode == 0, said.decode()
    async with (
        open_database(every_database_url, DatabaseSettings(), SystemClock()) as database,
        database.read("test.version") as connection,
    ):
        rows = await connection.execute(text("SELECT version_num FROM alembic_version"))
        head = ScriptDirectory.from_config(configuration()).get_current_head()
        assert rows.scalars().all() == [head]


async def test_a_newer_schema_is_refused(every_database_url: str) -> None:
    async with (
        open_database(every_database_url, DatabaseSettings(), SystemClock()) as database,
        database.begin("test.newer") as connection,
    ):
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError) as refusal:
        async with open_database(every_database_url, DatabaseSettings(), SystemClock()):
            pass
    assert "newer" in refusal.value.faults[0].problem


async def test_a_server_that_is_away_is_a_sentence() -> None:
    settings = DatabaseSettings(connect_timeout=timedelta(seconds=2))
    with pytest.raises(Transient) as refusal:
        async with open_database("postgresql://u:secret@127.0.0.1:9/x", settings, SystemClock()):
            pass
    assert "secret" not in str(refusal.value)
    assert refusal.value.remedy


async def test_a_database_that_does_not_exist_is_a_setting_to_mend(postgres_url: str) -> None:
    with pytest.raises(ConfigError):
        async with open_database(postgres_url + "_nowhere", DatabaseSettings(), SystemClock()):
            pass


def test_the_migrations_have_one_head() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [NEWEST]


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # SQLite cannot be asked for their form
async def test_the_migrations_make_exactly_the_tables_of_the_code(every_database_url: str) -> None:
    def differences(connection: sa.Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with (
        open_database(every_database_url, DatabaseSettings(), SystemClock()) as database,
        database.read("test.schema") as connection,
    ):
        assert await connection.run_sync(differences) == []


async def test_writers_that_wait_leave_the_readers_their_connections(sqlite_url: str) -> None:
    settings = DatabaseSettings(pool_size=3)
    async with open_database(sqlite_url, settings, SystemClock()) as database:
        order: list[int] = []
        first_writes, may_end = asyncio.Event(), asyncio.Event()

        async def write(number: int) -> None:
            async with database.begin(f"test.write-{number}"):
                order.append(number)
                first_writes.set()
                await may_end.wait()

        writers = [asyncio.create_task(write(number)) for number in range(10)]
        await first_writes.wait()
        async with asyncio.timeout(2):
            await asyncio.gather(*(database.ping() for _ in range(20)))
        assert database.pool().in_use == 1
        may_end.set()
        await asyncio.gather(*writers)
        assert order == list(range(10))


async def test_a_statement_that_is_wrong_is_our_bug_and_not_an_outage(every_database_url: str) -> None:
    async with open_database(every_database_url, DatabaseSettings(), SystemClock()) as database:
        with pytest.raises(DBAPIError, match="nowhere"):
            async with database.read("test.bug") as connection:
                await connection.execute(text("SELECT * FROM nowhere"))


async def test_an_error_that_was_swallowed_does_not_pass_for_a_commit(direct_postgres_url: str) -> None:
    async with open_database(direct_postgres_url, DatabaseSettings(), SystemClock()) as database:
        with pytest.raises(RuntimeError, match="swallowed"):
            async with database.begin("test.swallowed") as connection:
                with contextlib.suppress(DBAPIError):
                    await connection.execute(text("SELECT * FROM nowhere"))
        await database.ping()
