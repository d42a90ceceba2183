"""The faults of the drills: each is done to a private copy for real, and undone again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import psutil

from stonechat.cli.demonstration.drill_copy import Copy
from stonechat.cli.demonstration.drill_servers import CONNECTIONS, Server, postgresql_programs
from stonechat.core.child_environment import child_environment
from stonechat.core.errors import Permanent

SQLITE, POSTGRESQL, REDIS = "sqlite", "postgresql", "redis"
Fault = Callable[[Copy], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Drill:
    """One fault and what is expected of it.

    Attributes:
        root: the part that the first message must be about; empty where nothing is to be told, as the
            fault passes by itself or the process cannot say it.
        needs: what the fault is done to, where that is one database or Redis.
        lasts: real seconds.
        settings: of the copy, beside those that every copy has.
        ends_unsaid: the owner ends it himself, and is not told that he did.
    """

    name: str
    title: str
    fault: Fault
    root: str
    needs: str = ""
    lasts: float = 90.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    ends_unsaid: bool = False


def lever(**moved: Any) -> Fault:
    """A fault of the local network, by its levers; ended by their opposite."""
    return levers(moved, {name: type(value)() for name, value in moved.items()})


def levers(moved: Mapping[str, Any], ended: Mapping[str, Any]) -> Fault:
    """A fault of the local network, by its levers and by those that end it."""

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


def file_locked(name: str) -> Fault:
    """Another program writes to an SQLite file of the copy and does not end."""
    program = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30); "
        "c.execute('BEGIN IMMEDIATE'); time.sleep(3600)"
    )

    @asynccontextmanager
    async def fault(copy: Copy) -> AsyncIterator[None]:
        path = str(copy.folder / "data" / name)
        holder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, path), env=child_environment()
        )
        async with _others([holder]):
            yield

    return fault


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


RESTARTS = 20


@asynccontextmanager
async def restarted_in_an_incident(copy: Copy) -> AsyncIterator[None]:
    """The model is away, and Stonechat is killed and started again twenty times meanwhile."""
    rng = random.Random(7)
    await copy.network.move_levers(model={"down": True})
    try:
        for _ in range(RESTARTS):
            await asyncio.sleep(rng.uniform(2, 14))  # before, while and after it is ready
            await copy.kill()
            await copy.start()
        yield
    finally:
        await copy.network.move_levers(model={"down": False})


@asynccontextmanager
async def taken_for_a_program(copy: Copy) -> AsyncIterator[None]:
    """The site refuses a post since it looks automated; at the end the owner lets posting go on."""
    await copy.network.move_levers(refuse_226=1)
    try:
        yield
    finally:
        await copy.command("resume")


@asynccontextmanager
async def clients_refused(copy: Copy) -> AsyncIterator[None]:
    """Redis ends every connection but one of somebody else's, and takes no further one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", _server(copy).port)

    async def say(command: str) -> None:
        writer.write(f"{command}\r\n".encode())
        await reader.readline()

    try:
        await say("CONFIG SET maxclients 1")
        await say("CLIENT KILL TYPE normal SKIPME yes")
        yield
        await say("CONFIG SET maxclients 10000")
    finally:
        writer.close()


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


_JOBS_APART = {"JOBS_DATABASE_URL": "sqlite:///{folder}/data/jobs.db"}
_RENAMED_BOX = lever(page_changed=["tweetTextarea_0"])
_RENAMED_KEY = lever(page_changed=["wire.favorite_count"])
_MODEL_DOWN, _MODEL_UP = {"model": {"down": True}}, {"model": {"down": False}}

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
    Drill("box-renamed", "the composer's text box is renamed", _RENAMED_BOX, "network", lasts=150),
    Drill("wire-renamed", "a key of the site's answers is renamed", _RENAMED_KEY, "network", lasts=120),
    Drill("search-broken", "searches answer an error", lever(search_broken=True), "harvesting", lasts=240),
    Drill("answers-lost", "three posts are taken and their answers lost", lever(lose_answer=3), ""),
    Drill(
        "session-ended", "the site has logged the account out", lever(logged_out=True), "session", lasts=60
    ),
    Drill("account-locked", "the site has locked the account", lever(locked=True), "session", lasts=60),
    Drill(
        "looks-automated",
        "the site takes a post for a program's",
        taken_for_a_program,
        "posting",
        lasts=60,
        ends_unsaid=True,
    ),
    Drill("model-down", "the language model answers 503", levers(_MODEL_DOWN, _MODEL_UP), "model"),
    Drill("database-killed", "PostgreSQL is killed", server_killed, "database", POSTGRESQL),
    Drill("database-frozen", "PostgreSQL stands still", server_frozen, "database", POSTGRESQL),
    Drill("database-full", "others hold every connection", connections_taken, "database", POSTGRESQL),
    Drill("table-locked", "another program locks a table", table_locked, "database", POSTGRESQL),
    Drill(
        "pool-exhausted",
        "another program locks a table, and our pool of three is used up",
        table_locked,
        "database",
        POSTGRESQL,
        settings={"DATABASE_POOL_SIZE": 3},
    ),
    Drill(
        "file-locked",
        "another program locks the SQLite file",
        file_locked("stonechat.db"),
        "database",
        SQLITE,
    ),
    Drill(
        "jobs-locked",
        "another program locks the job manager's own file",
        file_locked("jobs.db"),
        "jobs",
        lasts=150,
        settings=_JOBS_APART,
    ),
    Drill("cache-killed", "Redis is killed", server_killed, "cache", REDIS, lasts=60),
    Drill("cache-frozen", "Redis stands still", server_frozen, "cache", REDIS),
    Drill("cache-full", "Redis takes no more clients", clients_refused, "cache", REDIS),
    Drill("process-killed", "Stonechat is killed and started again", process_killed, "", lasts=30),
    Drill("process-frozen", "Stonechat stands still", process_frozen, "", lasts=60),
    Drill(
        "restarts",
        f"Stonechat is killed {RESTARTS} times while the model is down",
        restarted_in_an_incident,
        "model",
        lasts=0,
    ),
)

DRILLS: Mapping[str, Drill] = MappingProxyType({drill.name: drill for drill in _EVERY})
"""By name."""
