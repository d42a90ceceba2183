"""A consistent read-only snapshot of the whole database, while other processes go on writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.connection.database import Database, open_database
from stonechat.database.schema.revisions import refuse_newer, unhurried


@asynccontextmanager
async def snapshot(database: Database, clock: Clock, folder: Path) -> AsyncIterator[AsyncConnection]:
    """A connection on which nothing changes any more; nobody who works in the database waits for it.

    PostgreSQL: one read-only transaction at REPEATABLE READ. SQLite: its own on-line backup, page by page
    into a file in ``folder``, which is read instead and removed at the end; so a long read holds back no
    checkpoint of the write-ahead log.

    Raises:
        Transient: the database is away, or the folder has no room for the copy.
        Permanent: a newer Stonechat made its schema, of which this one knows only a part.
    """
    if database.dialect == "postgresql":
        async with database.read("database.snapshot") as connection:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            await unhurried(connection)
            await connection.run_sync(refuse_newer, "The database")
            yield connection
        return
    copy = folder / f".snapshot-{os.getpid()}.db"
    try:
        await _copy(database, copy)
        async with (
            open_database(f"sqlite:///{copy}", DatabaseSettings(), clock, migrated=False) as copied,
            copied.read("database.snapshot") as connection,
        ):
            await unhurried(connection)
            await connection.run_sync(refuse_newer, "The database")
            yield connection
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)


async def _copy(database: Database, copy: Path) -> None:
    """SQLite's on-line backup in one step: a writer goes on meanwhile, because of the write-ahead log."""
    try:
        _make_private(copy)
        async with database.read("database.copy") as connection:
            await unhurried(connection)
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            target = sqlite3.connect(copy, check_same_thread=False)
            try:
                await driver.backup(target)
            finally:
                target.close()
    except (OSError, sqlite3.Error) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise Transient(
            f"The database cannot be copied to {copy.parent}: {reason}.",
            meaning="There is no backup; nothing was changed.",
            remedy="Free some disk space, or name a file in a folder that can be written to.",
        ) from exc


def _make_private(copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.touch(0o600)
