"""Makes connections on either engine, and bounds every statement on them in time.

Nothing relies on the state of a session, because a pooler in transaction mode keeps none: no start-up
options, no ``SET`` outside of a transaction, no prepared statements, no ``LISTEN``, no session locks. The
time-outs travel with ``BEGIN``, in one message: see :func:`begin_statement`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.connection.errors import is_locked, stopped, turn_away, unanswered, unusable
from stonechat.database.connection.text_sanitizing import dumps, fitted, quick, whole

GRACE = timedelta(seconds=5)
"""How long a server that stopped a statement may take to say so, before the connection is cut (real time);
never longer than the statement itself may take."""

LIMIT = "stonechat_limit"
"""Execution option: another limit for what is executed with it; None for none."""

_WATCH = "stonechat_watch"
_PROGRESS = 50_000
"""SQLite looks at the deadline after so many steps of its machine: every few milliseconds."""


class Stopwatch:
    """What one connection has waited for the database, in seconds of real time, since it was set."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._spent = 0.0
        self._since: float | None = None

    def set(self, spent: float) -> None:
        """Reset, to what was spent before there was a connection."""
        self._spent, self._since = spent, None

    def start(self) -> float:
        """A request to the database begins; returns the moment (monotonic seconds)."""
        self.stop()
        self._since = self._monotonic()
        return self._since

    def stop(self) -> None:
        """The database has answered."""
        if self._since is not None:
            self._spent += self._monotonic() - self._since
            self._since = None

    def read(self) -> float:
        """Seconds spent so far, including a request that is still under way."""
        return self._spent if self._since is None else self._spent + self._monotonic() - self._since


class Watch(Protocol):
    """Enforces the time limit of the statement under way on one connection, and measures it."""

    fired: bool
    """Whether it has ended something, or the whole connection."""

    stopwatch: Stopwatch

    def arm(self, limit: timedelta | None = None) -> None:
        """A statement begins; ``limit`` where it has one of its own."""

    def disarm(self) -> None:
        """The statement is over."""

    def fault(self) -> Transient:
        """What happened, in words."""


def engine_for(url: str, settings: DatabaseSettings, clock: Clock) -> AsyncEngine:
    """The engine for an address; nothing is connected yet.

    Raises:
        ConfigError: the folder of an SQLite file cannot be made.
    """
    make = _sqlite if url.startswith("sqlite:") else _postgresql
    engine = make(url, settings, clock)
    event.listen(engine.sync_engine, "before_cursor_execute", _begins)
    event.listen(engine.sync_engine, "before_cursor_execute", _fits, retval=True)
    event.listen(engine.sync_engine, "after_cursor_execute", _ends)
    event.listen(engine.sync_engine, "commit", _finishes)
    event.listen(engine.sync_engine, "rollback", _finishes)
    event.listen(engine.sync_engine, "checkin", _returned)
    event.listen(engine.sync_engine, "handle_error", turn_away)
    return engine


async def connect_once(url: URL, settings: DatabaseSettings) -> None:
    """Make a connection to PostgreSQL and close it.

    Raises:
        Transient: the server does not take it, and what it says.
    """
    import psycopg  # noqa: PLC0415 - on SQLite nobody waits for it to load

    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    limit = max(2, round(settings.connect_timeout.total_seconds()))
    try:
        connection = await psycopg.AsyncConnection.connect(plain, connect_timeout=limit)
    except psycopg.OperationalError as exc:
        said = str(exc).strip().splitlines() or ["no answer"]
        raise Transient(f"{said[-1].rpartition('FATAL:')[2].strip()}.") from exc
    await connection.close()


def begin_statement(
    dialect: str,
    settings: DatabaseSettings,
    *,
    write: bool,
    idle: timedelta | None = None,
    relaxed: bool = False,
) -> str:
    """What opens a transaction; ``idle``: how long it may stand still, twice the hold limit by default;
    ``relaxed``: whether its commit need not wait for the disk (PostgreSQL).

    On SQLite a write takes the lock at once: a read that later wants to write would fail, not wait. On
    PostgreSQL the time-outs come with it, as ``SET LOCAL``: one message, gone with the transaction.
    """
    if dialect == "sqlite":
        return "BEGIN IMMEDIATE" if write else "BEGIN"
    limits = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        # a process that was frozen must not hold row locks for ever
        "idle_in_transaction_session_timeout": idle or 2 * settings.hold_limit,
    }
    more = ["SET LOCAL synchronous_commit = off"] if relaxed else []
    return "; ".join(
        ["BEGIN", *(f"SET LOCAL {name} = {_ms(limit)}" for name, limit in limits.items()), *more]
    )


def watch_of(connection: AsyncConnection) -> Watch | None:
    """What bounds the statements of this connection."""
    sync = connection.sync_connection
    return None if sync is None else sync.info.get(_WATCH)


def is_undone(connection: AsyncConnection) -> bool:
    """Whether the server has given the transaction up because of an error, and only waits for its end."""
    sync = connection.sync_connection
    if sync is None or sync.dialect.name != "postgresql" or sync.invalidated:
        return False
    from psycopg.pq import TransactionStatus  # noqa: PLC0415 - on SQLite nobody waits for it to load

    driver: Any = sync.connection.driver_connection
    return bool(driver.info.transaction_status == TransactionStatus.INERROR)


def is_out_of_step(connection: AsyncConnection) -> bool:
    """Whether the next statement would get the answer to an earlier one.

    psycopg sends many rows in a pipeline. Where it is cancelled in the middle, the connection may stay in
    that mode with answers on their way: it looks sound and must not be used again.
    """
    sync = connection.sync_connection
    if sync is None or sync.dialect.name != "postgresql" or sync.invalidated:
        return False
    from psycopg.pq import PipelineStatus  # noqa: PLC0415 - on SQLite nobody waits for it to load

    driver: Any = sync.connection.driver_connection
    return bool(driver.pgconn.pipeline_status != PipelineStatus.OFF)


def _sqlite(url: str, settings: DatabaseSettings, clock: Clock) -> AsyncEngine:
    folder = Path(url.removeprefix("sqlite:///")).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise unusable(f"{folder} cannot be made ({exc.strerror})") from exc
    engine = create_async_engine(
        url.replace("sqlite:", "sqlite+aiosqlite:", 1),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=settings.pool_size,
        max_overflow=0,
        connect_args={"timeout": settings.lock_timeout.total_seconds()},
    )

    def prepare(connection: Any, record: Any) -> None:
        watch = record.info[_WATCH] = _Deadline(settings.statement_timeout, clock.monotonic)
        _prepare_sqlite(connection, watch, settings.lock_timeout)

    event.listen(engine.sync_engine, "connect", prepare)
    return engine


def _postgresql(url: str, settings: DatabaseSettings, clock: Clock) -> AsyncEngine:
    engine = create_async_engine(
        url.replace("postgresql:", "postgresql+psycopg:", 1),
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_wait.total_seconds(),
        json_serializer=dumps,
        connect_args={
            "autocommit": True,  # we open our own transactions
            "connect_timeout": max(2, round(settings.connect_timeout.total_seconds())),
            "application_name": "stonechat",
            "prepare_threshold": None,  # poolers in transaction mode know no prepared statements
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )

    def prepare(connection: Any, record: Any) -> None:
        limit = settings.statement_timeout + min(GRACE, settings.statement_timeout)
        record.info[_WATCH] = _Cut(limit, connection.driver_connection, clock.monotonic)

    event.listen(engine.sync_engine, "connect", prepare)
    return engine


def _prepare_sqlite(connection: Any, watch: _Deadline, patience: timedelta) -> None:
    """WAL with ``synchronous=FULL``: a committed receipt survives a power cut (sqlite.org/pragma.html)."""
    connection.isolation_level = None  # we open our own transactions
    connection.run_async(partial(_use_wal, patience=patience))
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
    connection.run_async(lambda driver: driver.set_progress_handler(watch.passed, _PROGRESS))


async def _use_wal(driver: Any, patience: timedelta) -> None:
    """Where several connections open a new file at once, SQLite refuses all but one, without waiting."""
    until = asyncio.get_running_loop().time() + patience.total_seconds()
    while True:
        try:
            cursor = await driver.execute("PRAGMA journal_mode=WAL")
            await cursor.close()
            return
        except sqlite3.OperationalError as exc:
            if not is_locked(exc) or asyncio.get_running_loop().time() > until:
                raise
        await asyncio.sleep(0.02)


class _Deadline:
    """SQLite asks :meth:`passed` while a statement runs, and stops it where the answer is yes."""

    def __init__(self, limit: timedelta, monotonic: Callable[[], float]) -> None:
        self._limit = limit.total_seconds()
        self._monotonic = monotonic
        self._end = float("inf")
        self.fired = False
        self.stopwatch = Stopwatch(monotonic)

    def arm(self, limit: timedelta | None = None) -> None:
        self._end = self.stopwatch.start() + (self._limit if limit is None else limit.total_seconds())
        self.fired = False

    def disarm(self) -> None:
        self._end = float("inf")
        self.stopwatch.stop()

    def fault(self) -> Transient:
        return stopped(self._limit)

    def passed(self) -> bool:
        self.fired = self.fired or self._monotonic() > self._end
        return self.fired


class _Cut:
    """Shuts the socket of a silent connection, so that whoever waits for it gets an error.

    The server itself stops what takes too long. This is for a server that is frozen, or lost behind a
    network that swallows packets.
    """

    def __init__(self, limit: timedelta, driver: Any, monotonic: Callable[[], float]) -> None:
        self._limit = limit.total_seconds()
        self._driver = driver
        self._timer: asyncio.TimerHandle | None = None
        self.fired = False
        self.stopwatch = Stopwatch(monotonic)

    def arm(self, limit: timedelta | None = None) -> None:
        self.disarm()
        self.stopwatch.start()
        seconds = self._limit if limit is None else limit.total_seconds()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._cut)

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.stopwatch.stop()

    def fault(self) -> Transient:
        return unanswered(self._limit)

    def _cut(self) -> None:
        self._timer = None
        if self._driver.closed:
            return
        self.fired = True
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._driver.fileno())) as own:
            own.shutdown(socket.SHUT_RDWR)


def _begins(
    connection: Connection, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    options = context.execution_options if context is not None else connection.get_execution_options()
    if LIMIT not in options:
        _arm(connection)
    elif options[LIMIT] is not None:
        _arm(connection, options[LIMIT])


def _fits(
    connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    return statement, fitted(parameters, whole if connection.dialect.name == "sqlite" else quick)


def _ends(connection: Connection, *_: Any) -> None:
    watch = connection.info.get(_WATCH)
    if watch is not None:
        watch.disarm()


def _finishes(connection: Connection) -> None:
    _arm(connection)


def _arm(connection: Connection, limit: timedelta | None = None) -> None:
    if connection.closed or connection.invalidated:
        return
    watch = connection.info.get(_WATCH)
    if watch is not None:
        watch.arm(limit)


def _returned(_connection: Any, record: Any) -> None:
    watch = record.info.get(_WATCH)
    if watch is not None:
        watch.disarm()


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
