"""Fixtures that all tests share. A server is started when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.browsers import find_chromium
from tests.support.processes import Reaper
from tests.support.servers import (
    Aviary,
    PgBouncer,
    Postgres,
    Redis,
    ServerMissing,
    aviary,
    pgbouncer,
    postgres,
    redis_server,
)

settings.register_profile("busy", deadline=None)  # an example is not wrong because the machine is busy
settings.load_profile("busy")


@pytest.fixture(scope="session")
def reaper() -> Iterator[Reaper]:
    """Ends what the tests started, however they end."""
    reaper = Reaper()
    yield reaper
    reaper.close()


@pytest.fixture(scope="session")
def postgres_server(reaper: Reaper) -> Iterator[Postgres]:
    """A PostgreSQL cluster, shared: leave it running. Fault tests start one of their own."""
    with postgres(reaper) as server:
        yield server


@pytest.fixture(scope="session")
def pooler(reaper: Reaper, postgres_server: Postgres) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode before the shared PostgreSQL; without the program the test is skipped."""
    try:
        with pgbouncer(postgres_server, reaper) as started:
            yield started
    except ServerMissing as exc:
        pytest.skip(str(exc))


@pytest.fixture
def direct_postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database, never through a pooler."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def pooled_url(pooler: PgBouncer, direct_postgres_url: str) -> str:
    """The URL of a fresh, empty PostgreSQL database through a PgBouncer in transaction mode."""
    return pooler.url(direct_postgres_url)


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty PostgreSQL database; with STONECHAT_POOLER=1 through a PgBouncer."""
    name = "pooled_url" if os.environ.get("STONECHAT_POOLER") else "direct_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'stonechat.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """Once an SQLite URL, once a PostgreSQL one: for what must hold on both."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(params=["sqlite", "postgresql", "pooler"])
def every_database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, PostgreSQL, and PostgreSQL through a PgBouncer in transaction mode: for the database layer."""
    name = {"sqlite": "sqlite_url", "postgresql": "direct_postgres_url", "pooler": "pooled_url"}[
        request.param
    ]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(scope="session")
def shared_redis(reaper: Reaper) -> Iterator[Redis]:
    """A Redis or Valkey server, shared: leave it running. Fault tests start one of their own."""
    with redis_server(reaper) as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: Redis) -> str:
    """The URL of an empty Redis or Valkey database."""
    shared_redis.empty()
    return shared_redis.url()


@pytest.fixture
def local_network(reaper: Reaper) -> Iterator[Aviary]:
    """A local network of this test's own."""
    with aviary(reaper) as network:
        yield network


@pytest.fixture(scope="session")
def chromium_path() -> Path | None:
    """What to hand to Playwright as ``executable_path``, chosen as Stonechat does; None for its own."""
    return find_chromium()
