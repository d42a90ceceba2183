"""Nothing on the database waits for ever: statements, locks, connections, servers that hang; TLS is checked."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import ConfigError, Transient
from stonechat.database import open_database
from stonechat.database.connection.permits import doing
from tests.support.certificates import certificates
from tests.support.processes import Reaper
from tests.support.proxy import tcp_proxy
from tests.support.servers import PASSWORD, USER, Postgres, ServerMissing, pgbouncer, postgres

SHORT = timedelta(milliseconds=400)
ENDLESS = {
    "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c",
    "postgresql": "SELECT pg_sleep(60)",
}


async def test_a_statement_that_takes_too_long_is_stopped(every_database_url: str) -> None:
    settings = DatabaseSettings(statement_timeout=SHORT)
    async with open_database(every_database_url, settings, SystemClock()) as database:
        began = time.monotonic()
        with pytest.raises(Transient, match="statement") as refusal:
            async with database.read("test.endless") as connection:
                await connection.execute(text(ENDLESS[database.dialect]))
        assert time.monotonic() - began < 5
        assert refusal.value.remedy
        assert database.pool().in_use == 0
        await database.ping()


async def test_a_lock_that_somebody_else_holds_is_waited_for_only_so_long(every_database_url: str) -> None:
    settings = DatabaseSettings(lock_timeout=SHORT)
    change = text("UPDATE switches SET why = 'changed' WHERE scope = 'posting'")
    clock = SystemClock()
    async with (
        open_database(every_database_url, settings, clock) as one,
        open_database(every_database_url, settings, clock) as other,
    ):
        async with one.begin("test.switch") as connection:
            await connection.execute(text(UPSERT), {"scope": "posting"})
        async with one.begin("test.holds") as holder:
            await holder.execute(change)
            began = time.monotonic()
            with pytest.raises(Transient, match="lock"):
                async with other.begin("test.waits") as waiter:
                    await waiter.execute(change)
            assert time.monotonic() - began < 5
        async with other.begin("test.after") as connection:
            await connection.execute(change)


async def test_a_host_that_never_greets_is_given_up_after_the_connect_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        began = time.monotonic()
        with pytest.raises(Transient):
            async with open_database(
                f"postgresql://u:p@127.0.0.1:{port}/x",
                DatabaseSettings(connect_timeout=timedelta(seconds=2)),
                SystemClock(),
            ):
                pass
        assert 1.5 < time.monotonic() - began < 8


async def test_a_server_that_stops_answering_is_cut_off_and_found_again(direct_postgres_url: str) -> None:
    settings = DatabaseSettings(
        statement_timeout=SHORT, pool_wait=timedelta(seconds=1), connect_timeout=timedelta(seconds=2)
    )
    async with (
        tcp_proxy(direct_postgres_url) as proxy,
        open_database(proxy.url(direct_postgres_url), settings, SystemClock()) as database,
    ):
        with pytest.raises(Transient, match="no answer"):
            async with database.begin("test.hangs") as connection:
                await connection.execute(text("SELECT 1"))
                proxy.hang()
                await connection.execute(text("SELECT 1"))
        proxy.heal()
        await database.ping()
        proxy.hang()
        began = time.monotonic()
        with pytest.raises(Transient):
            await database.ping()
        assert time.monotonic() - began < 6
        proxy.heal()
        await database.ping()
        assert database.pool().in_use == 0


async def test_a_connection_that_broke_in_the_pool_is_replaced_unseen(direct_postgres_url: str) -> None:
    async with (
        tcp_proxy(direct_postgres_url) as proxy,
        open_database(proxy.url(direct_postgres_url), DatabaseSettings(), SystemClock()) as database,
    ):
        await database.ping()
        proxy.cut()
        await database.ping()
        assert database.pool().repeated >= 1


async def test_what_was_certainly_not_committed_is_done_again(every_database_url: str) -> None:
    """Two transactions that lock two rows in opposite orders: one is undone by the database, and repeated."""
    async with open_database(every_database_url, DatabaseSettings(), SystemClock()) as database:
        both = asyncio.Barrier(2)
        met = 0

        async def work(connection: AsyncConnection, first: Any, second: Any) -> None:
            nonlocal met
            await connection.execute(text(UPSERT), {"scope": first})
            met += 1
            if database.dialect == "postgresql" and met <= 2:
                await both.wait()
            await connection.execute(text(UPSERT), {"scope": second})

        await asyncio.gather(
            database.repeated("test.ab", lambda connection: work(connection, "a", "b")),
            database.repeated("test.ba", lambda connection: work(connection, "b", "a")),
        )
        async with database.read("test.count") as connection:
            rows = await connection.execute(text("SELECT count(*) FROM switches"))
            assert rows.scalar_one() == 2
        assert met == (3 if database.dialect == "postgresql" else 2)


UPSERT = """
INSERT INTO switches (scope, off, who, why, at) VALUES (:scope, '0', 'a', 'b', '2026-01-05T09:00:00.000000+00:00')
ON CONFLICT (scope) DO UPDATE SET why = 'c'
"""


async def test_a_commit_whose_answer_was_lost_is_repeated_only_for_keyed_work(
    direct_postgres_url: str,
) -> None:
    async with (
        tcp_proxy(direct_postgres_url) as proxy,
        open_database(proxy.url(direct_postgres_url), DatabaseSettings(), SystemClock()) as database,
    ):
        done: list[str] = []

        async def work(connection: AsyncConnection) -> None:
            done.append("once more")
            await connection.execute(text(UPSERT), {"scope": "a"})
            if len(done) == 1:
                asyncio.get_running_loop().call_later(0.05, proxy.cut)
                proxy.hang()  # the commit goes out, or not; its answer never comes

        with pytest.raises(Transient, match="committing"):
            await database.repeated("test.plain", work)
        assert len(done) == 1
        proxy.heal()
        done.clear()
        healing = asyncio.get_running_loop().call_later(0.3, proxy.heal)
        await database.repeated("test.keyed", work, keyed=True)
        healing.cancel()
        assert len(done) >= 2


async def test_a_holder_is_named_with_its_run_its_time_and_its_place(every_database_url: str) -> None:
    settings = DatabaseSettings(hold_limit=timedelta(0))
    async with open_database(every_database_url, settings, SystemClock()) as database:
        with doing("content.plan/ann@2026-01-05T09:00"):
            async with database.read("content.history"):
                [holder] = database.pool().held_too_long(database.hold_limit)
        assert holder.task == "content.history"
        assert holder.job == "content.plan/ann@2026-01-05T09:00"
        assert holder.where.startswith("database/test_database_limits.py:")
        assert "content.history in content.plan/ann@2026-01-05T09:00 for 0 s" in str(holder)
        assert database.pool().held_too_long(database.hold_limit) == ()


async def test_every_connection_of_the_pool_loses_nothing_on_a_power_cut(sqlite_url: str) -> None:
    size = 4
    async with open_database(sqlite_url, DatabaseSettings(pool_size=size), SystemClock()) as database:
        all_open = asyncio.Barrier(size)

        async def pragmas() -> tuple[int, int, str, int]:
            async with database.read("test.pragmas") as connection:
                await all_open.wait()
                raw = await connection.get_raw_connection()
                said = [
                    (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                    for name in ("synchronous", "journal_mode", "foreign_keys")
                ]
                return id(raw.driver_connection), *said

        found = await asyncio.gather(*(pragmas() for _ in range(size)))
    assert len({driver for driver, *_ in found}) == size
    assert {tuple(said) for _, *said in found} == {(2, "wal", 1)}  # 2 is FULL


async def test_the_session_of_a_pooled_connection_is_left_as_it_was(pooled_url: str) -> None:
    async with open_database(pooled_url, DatabaseSettings(pool_size=6), SystemClock()) as database:
        async with database.begin("test.inside") as connection:
            inside = (await connection.execute(text("SHOW statement_timeout"))).scalar_one()
        assert inside == "15s"
        engine = database._engine
        async with engine.connect() as connection:
            outside = set()
            for _ in range(12):  # the pooler hands out another of its connections each time
                outside.add((await connection.exec_driver_sql("SHOW statement_timeout")).scalar_one())
                locks = await connection.exec_driver_sql(
                    "SELECT count(*) FROM pg_locks WHERE locktype='advisory'"
                )
                assert locks.scalar_one() == 0
        assert outside == {"0"}


# --- TLS ----------------------------------------------------------------------------------------------


async def test_a_certificate_is_checked_to_the_end_and_a_wrong_one_is_a_setting_to_mend(
    reaper: Reaper, tmp_path: Path, postgres_server: Postgres
) -> None:
    with postgres(reaper, tls_for="127.0.0.1") as server:
        plain = server.url()
        good = f"{plain}?sslmode=verify-full&sslrootcert={server.root}"
        async with open_database(good, DatabaseSettings(), SystemClock()) as database:
            async with database.read("test.tls") as connection:
                encrypted = await connection.execute(
                    text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                )
                assert encrypted.scalar_one() is True
            assert PASSWORD not in database.url

        other_root = certificates(tmp_path / "other").root
        assert "certificate verify failed" in await _refusal(
            f"{plain}?sslmode=verify-full&sslrootcert={other_root}"
        )
        assert "does not match host name" in await _refusal(good.replace("@127.0.0.1:", "@localhost:"))
        assert "does not exist" in await _refusal(
            f"{plain}?sslmode=verify-full&sslrootcert={tmp_path / 'no.crt'}"
        )
        assert "no encryption" in await _refusal(f"{plain}?sslmode=disable")
    unencrypted = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{postgres_server.port}/postgres"
    assert "does not support SSL" in await _refusal(f"{unencrypted}?sslmode=require")


async def _refusal(url: str) -> str:
    """What is wrong with the address; it comes with what to do."""
    with pytest.raises(ConfigError) as refusal:
        async with open_database(url, DatabaseSettings(), SystemClock()):
            pass
    [fault] = refusal.value.faults
    assert fault.name == "DATABASE_URL"
    assert PASSWORD not in fault.problem
    assert fault.expected
    return fault.problem


async def test_tls_and_a_pooler_together_are_what_a_hosted_database_offers(
    reaper: Reaper, postgres_server: Postgres, direct_postgres_url: str
) -> None:
    try:
        with pgbouncer(postgres_server, reaper, tls_for="127.0.0.1") as pooler:
            url = f"{pooler.url(direct_postgres_url)}?sslmode=verify-full&sslrootcert={pooler.root}"
            async with open_database(url, DatabaseSettings(), SystemClock()) as database:
                await database.ping()
            assert "does not match host name" in await _refusal(url.replace("@127.0.0.1:", "@localhost:"))
    except ServerMissing as exc:
        pytest.skip(str(exc))
