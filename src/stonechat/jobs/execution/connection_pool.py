"""The connections of the durable-execution engine: few, and patient while the database is away."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
import sqlalchemy as sa

from stonechat.core.errors import Transient
from stonechat.database.connection.errors import is_locked, turn_away

IDLE = 0.5
"""Seconds after which a connection is tried before it is used."""

STILL_MS = 10_000
"""A process that froze in the middle of a transaction loses it, and its locks, after so long."""

WAL_PATIENCE = 30.0
"""Seconds for which it is tried to give a new file its write-ahead log."""

KNOWS_SUBSECONDS = (3, 42)
"""From this version on SQLite's ``unixepoch`` knows ``subsec`` (https://www.sqlite.org/lang_datefunc.html)."""

PREPARE_AFTER = 3
"""So many uses of a statement on a connection of our own, and the server keeps its plan."""

_POOLED = "stonechat_pooled"
_START_LOCK = 0x53_4A_6F_62_73  # any constant that no other advisory lock of ours uses
_START_PATIENCE = 60.0

_impatient: ContextVar[bool] = ContextVar("stonechat_impatient", default=False)


class Closing(Exception):
    """The pool closes. No database error, so that the engine does not try again."""


@contextmanager
def impatient() -> Iterator[None]:
    """Within: connecting fails at once while the database is away, instead of waiting for it."""
    token = _impatient.set(True)
    try:
        yield
    finally:
        _impatient.reset(token)


class PatientPool:
    """A pool for the engine's own threads and for whoever asks for its runs.

    The engine answers a lost connection with growing waits of up to a minute and a log line each. Connecting
    is therefore where we wait instead: every half second, silently, until the database is back. Once
    ``closing`` is set, whoever waits is turned away for good, so that no thread outlives the process.
    """

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self.closing = threading.Event()
        self.patient = False
        self.engine = self._sqlite() if self._url.drivername.startswith("sqlite") else self._postgresql()

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Within: this process alone may make or upgrade the engine's tables.

        ``CREATE INDEX CONCURRENTLY`` waits for whoever holds a snapshot. So the lock is asked for again and
        again instead of waited for, and without parameters: a statement with parameters keeps its snapshot
        until the transaction's next one.

        Raises:
            Transient: another process has had the lock for a minute.
        """
        if self.engine.dialect.name != "postgresql":
            yield  # the engine's own lock on the file is enough
            return
        end = time.monotonic() + _START_PATIENCE
        with self.engine.begin() as lock:
            lock.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            while not lock.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_START_LOCK:d})").scalar():
                if time.monotonic() > end:
                    raise Transient(
                        f"Another process has been setting up the job tables for {_START_PATIENCE:.0f} s.",
                        meaning="No job can run here yet.",
                        remedy="Look whether it hangs; it is tried again.",
                    )
                time.sleep(0.1)
            yield

    def close(self) -> None:
        """Turn away whoever waits for a connection, and close those that are idle."""
        self.closing.set()
        self.engine.dispose()

    def _sqlite(self) -> sa.Engine:
        engine = sa.create_engine(
            self._url.set(drivername="sqlite"),
            poolclass=sa.QueuePool,
            pool_size=8,
            max_overflow=8,
            pool_timeout=600,
            connect_args={"check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        return engine

    def _postgresql(self) -> sa.Engine:
        engine = sa.create_engine(
            self._url.set(drivername="postgresql+psycopg"),
            creator=self._connect,
            pool_size=6,
            max_overflow=24,
            pool_timeout=600,
        )
        sa.event.listen(engine, "connect", _prepare_postgresql)
        sa.event.listen(engine, "begin", _bound_transaction)
        sa.event.listen(engine, "checkin", _returned)
        sa.event.listen(engine, "checkout", _try_if_idle)
        sa.event.listen(engine, "handle_error", turn_away)
        sa.event.listen(engine, "before_cursor_execute", _without_session_lock, retval=True)
        return engine

    def _connect(self) -> psycopg.Connection[Any]:
        options = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                return psycopg.connect(
                    options,
                    connect_timeout=5,
                    keepalives_idle=5,
                    keepalives_interval=2,
                    keepalives_count=3,
                    target_session_attrs="read-write",  # one that takes no writes is waited for as well
                    tcp_user_timeout=15_000,  # a lost route is noticed instead of waited for
                    prepare_threshold=None,  # poolers in transaction mode know no prepared statements
                    application_name="stonechat-jobs",
                )
            except psycopg.OperationalError:
                if not self.patient or _impatient.get():
                    raise
            if self.closing.wait(0.5):
                raise Closing


def _prepare_postgresql(connection: Any, record: Any) -> None:
    """A pooler stands between if the process that answers is not the one that greeted us."""
    connection.autocommit = True
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    record.info[_POOLED] = pooled = row is None or row[0] != connection.info.backend_pid
    if not pooled:
        connection.prepare_threshold = PREPARE_AFTER
        connection.execute(f"SET idle_in_transaction_session_timeout = {STILL_MS:d}")
    connection.autocommit = False


def _bound_transaction(connection: sa.Connection) -> None:
    """Behind a pooler in transaction mode nothing may be set for a session: it is other clients', too."""
    driver: Any = connection.connection.dbapi_connection
    if connection.info.get(_POOLED) and not driver.autocommit:
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {STILL_MS:d}")


def _without_session_lock(
    connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Behind such a pooler the engine's session lock would stay on a connection that nobody can name again.

    The engine takes it around its migrations, which :meth:`PatientPool.starting` has locked already.
    """
    if connection.info.get(_POOLED):
        for function in ("pg_try_advisory_lock(", "pg_advisory_unlock("):
            statement = statement.replace(f"SELECT {function}", "SELECT 0 < (")
    return statement, parameters


def _returned(_connection: Any, record: Any) -> None:
    record.info["returned"] = time.monotonic()


def _try_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
    """Try a connection that was not in use just now: it may have been lost since.

    To try each one at each use would be a fifth of all that is said to the database.
    """
    if time.monotonic() - record.info.get("returned", time.monotonic()) < IDLE:
        return
    connection.autocommit = True
    try:
        connection.execute("SELECT 1")
    except psycopg.Error as exc:
        raise sa.exc.InvalidatePoolError from exc
    connection.autocommit = False


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """WAL and ``synchronous=NORMAL``: a power cut may cost the newest commits, never the file.

    What is lost is knowledge of finished steps, which then run again; receipts are committed by the database.
    """
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL")
    if sqlite3.sqlite_version_info < KNOWS_SUBSECONDS:
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: str) -> float | int:
    """What newer versions of SQLite answer.

    Older ones answer NULL to ``subsec``, and the engine, which asks for it on Python 3.12 and newer, then
    makes rows without a time. Python is often built with the system's SQLite, such as 3.40 on Debian 12.
    """
    now = time.time()
    return round(now, 3) if modifier in ("subsec", "subsecond") else int(now)


def _use_wal(connection: Any) -> None:
    """Where several connections open a new file at once, SQLite refuses all but one, without waiting."""
    until = time.monotonic() + WAL_PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            if not is_locked(exc) or time.monotonic() > until:
                raise
        time.sleep(0.02)
