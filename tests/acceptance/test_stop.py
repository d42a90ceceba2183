"""A stop ends the process within 15 s, whatever does not answer: seen from outside."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.drills import frozen, product
from tests.support.processes import Reaper
from tests.support.servers import Postgres, postgres

LIMIT = 15.0


@contextlib.contextmanager
def locked_out(server: Postgres) -> Iterator[None]:
    """The role's password is another one, and its connections are cut."""
    server.execute("ALTER ROLE visitor PASSWORD 'changed'")
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'visitor'")
    yield


Fault = Callable[[Postgres], AbstractContextManager[None]]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", [frozen, Postgres.away, locked_out])
def test_a_stop_ends_while_the_database_is_away(tmp_path: Path, reaper: Reaper, fault: Fault) -> None:
    with postgres(reaper) as server:
        server.execute("CREATE ROLE visitor SUPERUSER LOGIN PASSWORD 'first'")
        server.execute("CREATE DATABASE mine OWNER visitor")
        url = f"postgresql://visitor:first@127.0.0.1:{server.port}/mine"
        with product(reaper, tmp_path, DATABASE_URL=url) as running, fault(server):
            running.until(lambda: running.health()["layers"]["database"] == "down", "the database is down")
            running.during(5)
            running.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            running.process.wait(60)
            assert time.monotonic() - began < LIMIT, running.tail()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_stop_ends_in_order_where_all_is_well(tmp_path: Path, reaper: Reaper) -> None:
    with product(reaper, tmp_path) as running:
        running.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert running.process.wait(60) == 0
        assert time.monotonic() - began < LIMIT, running.tail()
