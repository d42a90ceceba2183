"""The servers that the tests start: they are real, they can fail, and they leave nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import psycopg
import pytest
import redis.asyncio

from tests.support.checkout import ROOT
from tests.support.processes import Reaper, listens, wait_until
from tests.support.proxy import tcp_proxy
from tests.support.servers import (
    Postgres,
    Redis,
    ServerMissing,
    embedded_valkey,
    pgbouncer,
    postgres,
    redis_server,
)


def test_each_test_gets_an_empty_postgresql_database_of_its_own(postgres_server: Postgres) -> None:
    with postgres_server.database() as first, postgres_server.database() as second:
        with psycopg.connect(first) as connection:
            connection.execute("CREATE TABLE seen (id int)")
        with psycopg.connect(second) as connection:
            rows = connection.execute("SELECT to_regclass('seen')").fetchone()
        assert rows == (None,)
    left = postgres_server.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 't\\_%'")
    assert left == [(0,)]


def test_postgresql_comes_back_at_the_same_address_with_its_data_after_a_kill(reaper: Reaper) -> None:
    with postgres(reaper) as server:
        server.execute("CREATE TABLE kept AS SELECT 7 AS id")
        server.process.kill()
        assert not listens(server.port)
        server.process.start()
        assert server.execute("SELECT id FROM kept") == [(7,)]


def test_a_frozen_postgresql_answers_again_once_thawed(reaper: Reaper) -> None:
    with postgres(reaper) as server:
        server.process.freeze()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url(), connect_timeout=2)
        server.process.thaw()
        assert server.execute("SELECT 1") == [(1,)]


def test_the_postgresql_from_pypi_serves_even_when_root_runs_the_tests(reaper: Reaper) -> None:
    with postgres(reaper, from_pypi=True) as server, server.database() as url:
        with psycopg.connect(url) as connection:
            [row] = connection.execute("SELECT version()")
            assert row[0].startswith("PostgreSQL")
        assert Path(psutil.Process(server.process.pid).exe()).name == "postgres"


def test_the_valkey_from_pypi_runs() -> None:
    done = subprocess.run([embedded_valkey(), "--version"], check=True, capture_output=True, text=True)
    assert "server v=" in done.stdout


async def test_redis_starts_empty_for_each_test(redis_url: str, shared_redis: Redis) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.set("a", "1")
        shared_redis.empty()
        assert await client.get("a") is None


def test_pgbouncer_passes_statements_on(reaper: Reaper, postgres_server: Postgres) -> None:
    try:
        with (
            pgbouncer(postgres_server, reaper) as pooler,
            postgres_server.database() as url,
            psycopg.connect(pooler.url(url), prepare_threshold=None) as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)
    except ServerMissing as exc:
        pytest.skip(str(exc))


async def test_a_proxy_delays_hangs_cuts_refuses_and_heals(reaper: Reaper) -> None:
    with redis_server(reaper) as server:
        async with tcp_proxy(server.url()) as proxy:
            client = redis.asyncio.Redis.from_url(proxy.url(server.url()), socket_timeout=1, retry=None)
            async with client:
                assert await client.ping()

                proxy.delay = 0.1
                began = asyncio.get_running_loop().time()
                assert await client.ping()
                assert asyncio.get_running_loop().time() - began >= 0.19

                proxy.heal()
                proxy.hang()
                with pytest.raises(redis.TimeoutError):
                    await client.ping()

                proxy.heal()
                proxy.refuse()
                with pytest.raises(redis.ConnectionError):
                    await client.ping()

                proxy.heal()
                assert await client.ping()
                assert proxy.open_connections == 1


def test_nothing_is_left_when_the_tests_are_killed() -> None:
    script = textwrap.dedent("""
        import time
        from tests.support.processes import Reaper
        from tests.support.servers import postgres, redis_server
        reaper = Reaper()
        with postgres(reaper) as database, redis_server(reaper) as cache:
            print(database.process.pid, cache.process.pid, database.process.log.parent, flush=True)
            time.sleep(600)
    """)
    victim = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    first, second, folder = victim.stdout.readline().split()
    assert psutil.pid_exists(int(first)) and psutil.pid_exists(int(second))

    victim.kill()
    victim.wait()

    wait_until(lambda: not _alive(int(first)) and not _alive(int(second)), "the servers are gone")
    wait_until(lambda: not Path(folder).exists(), "their folder is gone")


def _alive(pid: int) -> bool:
    """Whether the process still runs; one that only waits to be collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
