"""The engine's connections to its database."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import sqlalchemy as sa
from dbos import DBOS

from stonechat.database.connection.errors import turn_away
from stonechat.jobs.engine import pooler

IDLE = 0.5
"""Seconds after which a connection is tried before it is used."""


class Pool:
    """The engine's connections: few, and patient while the database is away.

    DBOS answers a lost connection with waits of up to a minute and a log line each. Connecting is
    therefore where we wait instead: every half second, silently, until the database is back.
    """

    def __init__(self, url: str, *, schema: str, closing: threading.Event) -> None:
        self._schema = schema
        self._url = sa.make_url(url)
        self._closing = closing
        self.patient = False
        self.engine = self._sqlite() if self._url.drivername.startswith("sqlite") else self._postgresql()

    def migrate(self) -> None:
        """Create or upgrade the engine's tables (blocking)."""
        if self._url.drivername.startswith("postgresql"):
            pooler.migrate(self.engine, self._schema)
            return
        DBOS.migrate(self._url.render_as_string(hide_password=False), schema=self._schema)

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
            max_overflow=14,
            pool_timeout=600,
        )
        pooler.bound_idle_transactions(engine, 10_000)
        sa.event.listen(engine, "checkin", _returned)
        sa.event.listen(engine, "checkout", _try_if_idle)
        sa.event.listen(engine, "handle_error", turn_away)
        return engine

    def _connect(self) -> psycopg.Connection[Any]:
        options = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                connection = psycopg.connect(
                    options,
                    connect_timeout=5,
                    keepalives_idle=5,
                    keepalives_interval=2,
                    keepalives_count=3,
                    target_session_attrs="read-write",  # one that takes no writes is waited for as well
                    tcp_user_timeout=15_000,  # a lost route is noticed instead of waited for
                    prepare_threshold=None,  # poolers in transaction mode know no prepared statements
                    application_name="stonechat-engine",
                )
            except psycopg.OperationalError:
                if not self.patient or self._closing.wait(0.5):
                    raise
                continue
            return connection


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

    What is lost is knowledge of finished steps, which then run again; receipts are in the main database.
    """
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
