"""The engine behind a pooler in transaction mode (PgBouncer, Supabase): nothing may rely on a session.

DBOS itself takes a session's advisory lock around its migrations and a session's ``SET`` at each connection.
Behind such a pooler the lock would stay on a connection that nobody can name again, and the ``SET`` would
reach other clients. So the migrations run under a transaction's lock here, and the limit is set in each
transaction where a pooler is found. What DBOS does while it runs (claims, steps, its own background locks)
is bound to transactions, and its notifications are polled.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
import sqlalchemy as sa
from dbos._migration import ensure_dbos_schema, run_dbos_migrations, should_migrate

from stonechat.core.errors import Transient

PREPARE_AFTER = 3
"""So many uses of a statement on a connection of our own, and the server keeps its plan."""

_LOCK = 0x53_4A_6F_62_73  # any constant that no other advisory lock of ours uses
_PATIENCE = 60.0
_POOLED = "stonechat_pooled"


def bound_idle_transactions(engine: sa.Engine, limit_ms: int) -> None:
    """A process that froze in the middle of a transaction loses it, and its locks, after ``limit_ms``."""

    def connected(connection: Any, record: Any) -> None:
        record.info[_POOLED] = pooled = is_pooled(connection)
        if not pooled:
            connection.prepare_threshold = PREPARE_AFTER
            connection.autocommit = True
            connection.execute(f"SET idle_in_transaction_session_timeout = {limit_ms:d}")
            connection.autocommit = False

    def begun(connection: sa.Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if connection.info.get(_POOLED) and not driver.autocommit:
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {limit_ms:d}")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether somebody stands between: the process that answers is not the one that greeted us."""
    connection.autocommit = True
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return row is None or row[0] != connection.info.backend_pid


def migrate(engine: sa.Engine, schema: str) -> None:
    """Create or upgrade the engine's tables; processes that start together do it one after the other.

    ``CREATE INDEX CONCURRENTLY``, which DBOS uses, waits for whoever holds a snapshot. So the lock is asked
    for again and again instead of waited for, and without parameters: a statement with parameters keeps its
    snapshot until the transaction's next one.

    Raises:
        Transient: another process has had the lock for a minute.
    """
    end = time.monotonic() + _PATIENCE
    with engine.begin() as lock:
        lock.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        while not lock.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK:d})").scalar():
            if time.monotonic() > end:
                raise Transient(
                    f"Another process has been setting up the job engine's tables for {_PATIENCE:.0f} s.",
                    meaning="No job can run here yet.",
                    remedy="Look whether it hangs; it is tried again.",
                )
            time.sleep(0.1)
        if should_migrate(engine, schema, use_listen_notify=True):
            ensure_dbos_schema(engine, schema)
            run_dbos_migrations(engine, schema, use_listen_notify=True)
