"""The faults of the drills: each is done to a private copy for real, and undone again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import psutil

from stonechat.cli.demonstration.drill_copy import Copy
from stonechat.cli.demonstration.drill_servers import CONNECTIONS, Server, postgresql_programs
from stonechat.core.child_environment import child_environment
from stonechat.core.errors import Permanent

POSTGRESQL, REDIS = "postgresql", "redis"
Fault = Callable[[Copy], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Drill:
    """One fault and what is expected of it.

    Attributes:
        root: the part that the message must name; empty where the process cannot say it itself.
        needs: a server of the drill's own; empty for SQLite and the cache in the process.
        lasts: real seconds.
    """

    name: str
    title: str
    fault: Fault
    root: str
    needs: str = ""
    lasts: float = 90.0


def lever(**moved: Any) -> Fault:
    """A fault of the local network, by its levers; ended by their opposite."""
    ended = {name: type(value)() for name, value in moved.items()}

    @asynccontextmanager
    async def fault(copy: Copy) -> AsyncIterator[None]:
        await copy.network.move_levers(**moved)
        try:
            yield
        finally:
            await copy.network.move_levers(**ended)

    return fault


def again_and_again(do: Callable[[psutil.Process], None], undo: Callable[[psutil.Process], None]) -> Fault:
    """Done to every Chromium that is there or comes, twice a second."""

    @asynccontextmanager
    async def fault(copy: Copy) -> AsyncIterator[None]:
        async def repeat() -> None:
            while True:
                _each(copy, do)
                await asyncio.sleep(0.5)

        task = asyncio.create_task(repeat())
        try:
            yield
        finally:
            task.cancel()
            _each(copy, undo)

    return fault


def _each(copy: Copy, do: Callable[[psutil.Process], None]) -> None:
    for one in copy.browsers():
        with contextlib.suppress(psutil.NoSuchProcess):
            do(one)


def _server(copy: Copy) -> Server:
    if copy.server is None:
        raise Permanent("This drill needs a server of its own.")
    return copy.server


@asynccontextmanager
async def server_killed(copy: Copy) -> AsyncIterator[None]:
    """The server is gone at once, and comes back on the same data."""
    server = _server(copy)
    await server.kill()
    try:
        yield
    finally:
        await server.start_again()


@asynccontextmanager
async def server_frozen(copy: Copy) -> AsyncIterator[None]:
    """Connections stay open, nobody answers."""
    server = _server(copy)
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@asynccontextmanager
async def table_locked(copy: Copy) -> AsyncIterator[None]:
    """Another program shuts everybody out of a table."""
    sql = "BEGIN; LOCK TABLE content_metadata IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600);"
    async with _others([await _psql(_server(copy), sql)]):
        yield


@asynccontextmanager
async def connections_taken(copy: Copy) -> AsyncIterator[None]:
    """Other programs hold every connection that the server has left."""
    holders = [await _psql(_server(copy), "SELECT pg_sleep(3600);") for _ in range(CONNECTIONS)]
    async with _others(holders):
        yield


@asynccontextmanager
async def file_locked(copy: Copy) -> AsyncIterator[None]:
    """Another program writes to the SQLite file and does not end."""
    program = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30); "
        "c.execute('BEGIN IMMEDIATE'); time.sleep(3600)"
    )
    path = str(copy.folder / "data" / "stonechat.db")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, path, env=child_environment()
    )
    async with _others([holder]):
        yield


@asynccontextmanager
async def process_killed(copy: Copy) -> AsyncIterator[None]:
    """Stonechat itself is killed, and started again at the end."""
    await copy.kill()
    try:
        yield
    finally:
        await copy.start()


@asynccontextmanager
async def process_frozen(copy: Copy) -> AsyncIterator[None]:
    """Stonechat itself stands still."""
    copy.signalled(signal.SIGSTOP)
    try:
        yield
    finally:
        copy.signalled(signal.SIGCONT)


async def _psql(server: Server, sql: str) -> asyncio.subprocess.Process:
    programs = postgresql_programs()
    program = str(programs / "psql") if programs is not None else "psql"
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        program, server.url, "-c", sql, env=child_environment(), stdout=quiet, stderr=quiet
    )


@asynccontextmanager
async def _others(processes: list[asyncio.subprocess.Process]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*(process.wait() for process in processes))


_EVERY = (
    Drill(
        "browser-killed",
        "every Chromium is killed twice a second",
        again_and_again(lambda one: one.kill(), lambda _: None),
        "browser",
    ),
    Drill(
        "browser-frozen",
        "every Chromium is stopped in its tracks",
        again_and_again(lambda one: one.suspend(), lambda one: one.resume()),
        "browser",
    ),
    Drill("site-hangs", "the site answers no page and no call", lever(hang=True), "network", lasts=150),
    Drill("site-slow", "the site answers after 40 s", lever(slow_ms=40_000), "network", lasts=150),
    Drill("site-errors", "the site answers 503 to everything", lever(status_5xx=True), "network"),
    Drill(
        "button-dead",
        "the button that sends a post stays disabled",
        lever(dead_button=True),
        "posting",
        lasts=240,
    ),
    Drill(
        "session-ended", "the site has logged the account out", lever(logged_out=True), "session", lasts=60
    ),
    Drill("database-killed", "PostgreSQL is killed", server_killed, "database", POSTGRESQL),
    Drill("database-frozen", "PostgreSQL stands still", server_frozen, "database", POSTGRESQL),
    Drill("database-full", "others hold every connection", connections_taken, "database", POSTGRESQL),
    Drill("table-locked", "another program locks a table", table_locked, "database", POSTGRESQL),
    Drill("file-locked", "another program locks the SQLite file", file_locked, "database"),
    Drill("cache-killed", "Redis is killed", server_killed, "cache", REDIS, lasts=60),
    Drill("cache-frozen", "Redis stands still", server_frozen, "cache", REDIS),
    Drill("process-killed", "Stonechat is killed and started again", process_killed, "", lasts=30),
    Drill("process-frozen", "Stonechat stands still", process_frozen, "", lasts=60),
)

DRILLS: Mapping[str, Drill] = MappingProxyType({drill.name: drill for drill in _EVERY})
"""By name."""
