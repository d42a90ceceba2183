"""Whether the database does what the product needs of it: each table is read, a row is written, and a
connection is made as a process that starts would make it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import literal, select, update
from sqlalchemy.exc import DBAPIError

from stonechat.core.errors import Transient
from stonechat.database.connection.database import CHECK_TASK, Database
from stonechat.database.schema.tables import executors, metadata


async def read_tables(database: Database, *, limit: timedelta) -> None:
    """Read a row of each table.

    Raises:
        Transient: one is locked, gone or cannot be read; it is named.
    """
    name = "the connection"
    try:
        async with asyncio.timeout(limit.total_seconds()), database.read(CHECK_TASK) as connection:
            for table in metadata.sorted_tables:
                name = table.name
                await connection.execute(select(literal(1)).select_from(table).limit(1))
    except TimeoutError as exc:
        raise _unread(name, f"no answer within {limit.total_seconds():g} s") from exc
    except Transient as exc:
        raise _unread(name, exc.what) from exc
    except DBAPIError as exc:
        raise _unread(name, str(exc.orig).splitlines()[0]) from exc


async def write_row(database: Database, *, limit: timedelta) -> None:
    """Write a row as it is, and commit.

    Raises:
        Transient: nothing can be written now.
    """
    try:
        async with asyncio.timeout(limit.total_seconds()), database.begin(CHECK_TASK) as connection:
            await connection.execute(update(executors).values(pid=executors.c.pid))
    except TimeoutError as exc:
        raise Transient(f"Nothing can be written: no answer within {limit.total_seconds():g} s.") from exc
    except Transient as exc:
        raise Transient(f"Nothing can be written: {exc.what}", remedy=exc.remedy) from exc


def _unread(name: str, why: str) -> Transient:
    return Transient(f"{name} cannot be read: {why.rstrip('.')}.")
