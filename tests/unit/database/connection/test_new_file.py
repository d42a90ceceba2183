"""A file of SQLite that somebody else is just making is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database.connection.connections import engine_for
from stonechat.jobs.execution.connection_pool import PatientPool


async def test_a_new_file_that_another_connection_writes_is_opened_once_it_is_done(tmp_path: Path) -> None:
    """SQLite refuses a write-ahead log at once then: "database is locked", whatever the time-out."""
    path = tmp_path / "new.db"
    with sqlite3.connect(path, isolation_level=None, check_same_thread=False) as other:
        other.execute("CREATE TABLE made (by TEXT)")
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.3, other.rollback)
        modes = await asyncio.gather(_mode(path), asyncio.to_thread(_mode_of_runs, path))
    assert [*modes] == ["wal", "wal"]


async def _mode(path: Path) -> str:
    engine = engine_for(f"sqlite:///{path}", DatabaseSettings(), SystemClock())
    try:
        async with engine.connect() as connection:
            return str((await connection.execute(sa.text("PRAGMA journal_mode"))).scalar_one())
    finally:
        await engine.dispose()


def _mode_of_runs(path: Path) -> str:
    pool = PatientPool(f"sqlite:///{path}")
    try:
        with pool.engine.connect() as connection:
            return str(connection.execute(sa.text("PRAGMA journal_mode")).scalar_one())
    finally:
        pool.close()
