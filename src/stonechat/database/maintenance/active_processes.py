"""Finds the processes that work on a database: it must not be replaced or moved under them."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import psutil
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Permanent
from stonechat.database.repositories import executors
from stonechat.database.repositories.executors import ExecutorRow
from stonechat.database.schema.tables import executors as table

SILENCE = timedelta(seconds=15)
"""A process that was not heard of for longer (by the database's clock) is taken for gone."""


async def at_work(connection: AsyncConnection) -> list[ExecutorRow]:
    """The processes that run jobs here and are alive, as far as their heartbeats tell."""
    if not await connection.run_sync(lambda sync: inspect(sync).has_table(table.name)):
        return []
    host = socket.gethostname()
    return [
        row
        for row in await executors.seen(connection)
        if row.silent < SILENCE and (row.host != host or _exists(row.pid))
    ]


async def refuse_company(connection: AsyncConnection, what: str) -> None:
    """Raise while any process works on the database.

    Args:
        what: what cannot be done meanwhile, for example ``The database cannot be restored``.

    Raises:
        Permanent: naming them.
    """
    found = await at_work(connection)
    if found:
        named = ", ".join(f"process {row.pid} on {row.host}" for row in found)
        raise Permanent(
            f"{what} while Stonechat works on it: {named}.",
            meaning="Nothing was changed.",
            remedy="Stop every `stonechat run` and `stonechat worker` first, on every host. One that was "
            f"killed is forgotten after {SILENCE.total_seconds():.0f} s.",
        )


def _exists(pid: int) -> bool:
    return pid != os.getpid() and psutil.pid_exists(pid)
