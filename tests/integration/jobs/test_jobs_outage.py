"""The database is gone for a while: a process that runs jobs stays, says little, and goes on by itself."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.job_workers import Workers
from tests.support.processes import Reaper, wait_until
from tests.support.servers import Postgres, postgres

pytestmark = pytest.mark.long

AWAY = float(os.environ.get("STONECHAT_OUTAGE_SECONDS", "60"))
"""Seconds without the database."""

FIGURES = logging.getLogger("figures")
"""What was measured; shown by ``pytest -rP``."""


READ_ONLY = min(AWAY, 3.0)
"""Seconds in which the server answers and takes no writes, as one that has been replaced does."""


@pytest.mark.timeout(120 + 3 * AWAY)
def test_a_process_that_runs_jobs_outlives_its_database_and_says_little(
    tmp_path: Path, reaper: Reaper
) -> None:
    with postgres(reaper) as server, server.database() as url:
        workers = Workers(url, tmp_path, reaper)
        process = workers.start("slow ticks")
        wait_until(lambda: _done(workers) >= 3, "runs", 60)
        wait_until(lambda: bool(workers.unfinished_by(process.pid)), "a run", 10)
        said = len(process.tail(100_000).splitlines())
        in_flight = workers.unfinished_by(process.pid)
        server.process.stop()
        gone = time.monotonic()
        time.sleep(AWAY)  # the fault lasts a while
        assert process.running, process.tail()
        before = _done(workers)
        server.process.start()
        back = time.monotonic()
        wait_until(lambda: _done(workers) > before + len(in_flight) + 3, "work after the outage", 60)
        took = time.monotonic() - back
        wait_until(lambda: not in_flight & workers.unfinished_by(process.pid), "the runs in flight", 60)
        assert process.running
        log = process.tail(100_000).splitlines()[said:]
        FIGURES.warning("away %.0f s, at work again after %.1f s, %d log lines", back - gone, took, len(log))
        workers.stop()
    assert took < 15
    assert len(log) <= 50, "\n".join(log)


@pytest.mark.timeout(120)
def test_a_server_that_takes_no_writes_is_waited_for_as_one_that_is_gone(
    tmp_path: Path, reaper: Reaper
) -> None:
    with postgres(reaper) as server, server.database() as url:
        workers = Workers(url, tmp_path, reaper)
        process = workers.start("slow ticks")
        wait_until(lambda: _done(workers) >= 3, "runs", 60)
        said = len(process.tail(100_000).splitlines())
        _writes(server, taken=False)
        time.sleep(READ_ONLY)  # the fault lasts a while
        in_flight = workers.unfinished_by(process.pid)
        before = _done(workers)
        _writes(server, taken=True)
        back = time.monotonic()
        wait_until(lambda: _done(workers) > before + len(in_flight) + 3, "work after the outage", 60)
        took = time.monotonic() - back
        wait_until(lambda: not in_flight & workers.unfinished_by(process.pid), "the runs in flight", 60)
        assert process.running
        log = process.tail(100_000).splitlines()[said:]
        FIGURES.warning("read-only %.0f s, at work again after %.1f s, %d lines", READ_ONLY, took, len(log))
        workers.stop()
    assert took < 15
    assert len(log) <= 50, "\n".join(log)


@pytest.mark.timeout(120)
def test_a_process_ends_within_its_time_while_the_database_is_away(tmp_path: Path, reaper: Reaper) -> None:
    with postgres(reaper) as server, server.database() as url:
        workers = Workers(url, tmp_path, reaper)
        process = workers.start("slow ticks")
        wait_until(lambda: bool(workers.unfinished_by(process.pid)), "a run", 60)
        server.process.stop()
        time.sleep(READ_ONLY)  # its threads are trying to reach the database by now
        told = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: not process.running, f"the end: {process.tail()}", 60)
        took = time.monotonic() - told
        FIGURES.warning("ended %.1f s after it was told to, without its database", took)
    assert took < 15


def _writes(server: Postgres, *, taken: bool) -> None:
    server.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'off' if taken else 'on'}")
    server.execute("SELECT pg_reload_conf()")


def _done(workers: Workers) -> int:
    return sum(1 for one in workers.said() if one.endswith("#done"))
