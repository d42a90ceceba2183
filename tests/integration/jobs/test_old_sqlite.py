"""The job engine asks SQLite for times that versions before 3.42 do not know; a Python may be built with one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from stonechat.jobs.execution.connection_pool import PatientPool


def test_a_column_that_is_filled_by_the_clock_is_filled(tmp_path: Path) -> None:
    pool = PatientPool(f"sqlite:///{tmp_path / 'runs.db'}")
    try:
        with pool.engine.begin() as connection:
            connection.execute(
                sa.text("CREATE TABLE t (id int, at int DEFAULT (unixepoch('subsec') * 1000))")
            )
            connection.execute(sa.text("INSERT INTO t (id) VALUES (1)"))
            before = time.time() * 1000
            at = connection.execute(sa.text("SELECT at FROM t")).scalar_one()
            whole = connection.execute(sa.text("SELECT unixepoch('now')")).scalar_one()
    finally:
        pool.close()
    assert at == pytest.approx(before, abs=60_000)
    assert whole == pytest.approx(before / 1000, abs=60)
