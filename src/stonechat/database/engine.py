"""The one engine of the process: a bounded pool, time-outs on everything, holders known by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigError, ConfigFault, Transient
from stonechat.database.migrations import migrate


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a connection, and since when (``held`` is real time)."""

    task: str
    held: timedelta


@dataclass(frozen=True, slots=True)
class PoolState:
    """The pool at one moment. ``waits`` and ``waited`` count since the start."""

    size: int
    in_use: int
    waiting: int
    waits: int
    waited: timedelta
    holders: tuple[Holder, ...]


class Database:
    """One engine, one bounded pool. Made by :func:`open_database` only."""

    def __init__(self, engine: AsyncEngine, clock: Clock, settings: DatabaseSettings) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.pool_size)
        self._writer = asyncio.Lock()
        self._writing: int | None = None
        self._closed = False
        self._holders: dict[int, tuple[str, float]] = {}
        self._waiting = 0
        self._waits = 0
        self._waited = 0.0
        self._number = 0

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def url(self) -> str:
        """The address as a user writes it, with the password hidden."""
        plain = self._engine.url.set(drivername=self.dialect)
        return plain.render_as_string(hide_password=True)

    @asynccontextmanager
    async def begin(self, task: str) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back on any exception.

        Args:
            task: who asks, for example ``posting.claim``; named when it holds too long.

        Raises:
            Transient: no connection in time, the server is away, or a statement ran too long.
        """
        async with self._transaction(task, write=True) as connection:
            yield connection

    @asynccontextmanager
    async def read(self, task: str) -> AsyncIterator[AsyncConnection]:
        """Like :meth:`begin`, for reading only: on SQLite it does not wait for a writer."""
        async with self._transaction(task, write=False) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, task: str, *, write: bool) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise Transient(
                f"The database is closed; {task} came too late.", meaning="Stonechat is stopping."
            )
        number = await self._acquire(task, write=write)
        try:
            async with self._engine.connect() as connection:
                if self.dialect == "sqlite":
                    # a write takes the lock at once: a read that later wants to write would fail, not wait
                    await connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                await self._commit(connection, write=write)
        except sqlalchemy.exc.TimeoutError as exc:
            raise self._exhausted(task) from exc
        except sqlalchemy.exc.DBAPIError as exc:
            if _is_passing(exc):
                raise _translate(exc) from exc
            raise
        finally:
            self._release(number)

    async def _commit(self, connection: AsyncConnection, *, write: bool) -> None:
        """Commit; where the answer to it is lost, nobody can say whether it happened.

        Rows have stable keys and states are compared before they are set, so to try again is safe.
        """
        try:
            await connection.commit()
        except sqlalchemy.exc.DBAPIError as exc:
            if not (write and exc.connection_invalidated):
                raise
            raise Transient(
                "The connection broke while the database was committing.",
                meaning="What was written may or may not be there; it is written again under the same key.",
                remedy="Check that the server runs and that DATABASE_URL is right.",
            ) from exc

    async def ping(self) -> None:
        """Raise ``Transient`` where the database does not answer."""
        async with self.read("database.ping") as connection:
            await connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Refuse whoever comes from now on."""
        self._closed = True

    def pool(self) -> PoolState:
        """The pool now: who holds a connection and who waits."""
        now = self._clock.monotonic()
        holders = tuple(
            Holder(task, timedelta(seconds=now - since)) for task, since in self._holders.values()
        )
        return PoolState(
            self._settings.pool_size,
            len(holders),
            self._waiting,
            self._waits,
            timedelta(seconds=self._waited),
            holders,
        )

    async def _acquire(self, task: str, *, write: bool) -> int:
        """A place in the pool, in the order of asking.

        SQLite has one writer at a time. Who wants to write waits for that turn *before* taking a place:
        otherwise a crowd of writers would hold every connection while readers starve behind them.
        """
        started = self._clock.monotonic()
        turn = self._writer if write and self.dialect == "sqlite" else None
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.pool_wait.total_seconds()):
                if turn is not None:
                    await turn.acquire()
                try:
                    await self._slots.acquire()
                except BaseException:
                    if turn is not None:
                        turn.release()
                    raise
        except TimeoutError as exc:
            raise self._exhausted(task) from exc
        finally:
            self._waiting -= 1
        self._waits += 1
        self._waited += self._clock.monotonic() - started
        self._number += 1
        self._holders[self._number] = (task, self._clock.monotonic())
        if turn is not None:
            self._writing = self._number
        return self._number

    def _release(self, number: int) -> None:
        self._holders.pop(number, None)
        self._slots.release()
        if self._writing == number:
            self._writing = None
            self._writer.release()

    def _exhausted(self, task: str) -> Transient:
        state = self.pool()
        held = ", ".join(f"{h.task} ({h.held.total_seconds():.0f} s)" for h in state.holders)
        full = state.in_use >= state.size
        what = "No database connection was free" if full else "The turn to write did not come"
        more = " Raise DATABASE_POOL_SIZE if this recurs." if full else ""
        return Transient(
            f"{what} for {task} within {self._settings.pool_wait.total_seconds():g} s.",
            meaning="The work waits and is tried again; nothing is lost.",
            remedy=f"Held by: {held or 'nobody in this process'}.{more}",
        )


_BUGS = ("no such table", "no such column", "syntax error", "has no column", "near ")
"""How SQLite words a statement that is wrong, under the same exception as a disk that is full."""


def _is_passing(exc: sqlalchemy.exc.DBAPIError) -> bool:
    """Whether the cause lies outside us and may go away: the server, the network, a lock, the disk."""
    if exc.connection_invalidated or isinstance(exc, sqlalchemy.exc.InterfaceError):
        return True
    return isinstance(exc, sqlalchemy.exc.OperationalError) and not str(exc.orig).startswith(_BUGS)


def _translate(exc: sqlalchemy.exc.DBAPIError) -> Transient:
    reason = str(exc.orig).strip().splitlines()[0] if exc.orig else type(exc).__name__
    return Transient(
        f"The database did not do what was asked: {reason}.",
        meaning="The work was rolled back and is tried again; nothing is lost.",
        remedy="Check that the server runs and that DATABASE_URL is right.",
    )


@asynccontextmanager
async def open_database(
    url: str, settings: DatabaseSettings, clock: Clock, *, migrated: bool = True
) -> AsyncIterator[Database]:
    """Connect, migrate, hand out the database, dispose of the pool at the end.

    Args:
        migrated: bring the schema up to date first; False leaves the database as it is.

    Raises:
        ConfigError: the address can never work (unknown host form, wrong password, no such database).
        Transient: the server cannot be reached now.
    """
    engine = _create_engine(url, settings)
    database = Database(engine, clock, settings)
    try:
        if migrated:
            await _migrate(engine)
        yield database
    finally:
        database.close()
        await engine.dispose()


_HOPELESS = (
    "password authentication",
    "does not exist",
    "no password",
    "invalid port",
    "file is not a database",
    "unable to open database file",
    "invalid connection option",
    "readonly database",
)
"""What no waiting mends, as SQLite and PostgreSQL word it."""


async def _migrate(engine: AsyncEngine) -> None:
    try:
        await migrate(engine)
    except sqlalchemy.exc.DBAPIError as exc:
        reason = str(exc.orig).strip().splitlines()[0]
        if any(sign in reason for sign in _HOPELESS):
            raise _unusable(reason) from exc
        if _is_passing(exc):
            raise _translate(exc) from exc
        raise


def _unusable(reason: str) -> ConfigError:
    expected = "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"
    return ConfigError((ConfigFault("DATABASE_URL", f"cannot be used: {reason}", expected),))


def _create_engine(url: str, settings: DatabaseSettings) -> AsyncEngine:
    if url.startswith("sqlite:"):
        folder = Path(url.removeprefix("sqlite:///")).absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _unusable(f"{folder} cannot be made ({exc.strerror})") from exc
        engine = create_async_engine(
            url.replace("sqlite:", "sqlite+aiosqlite:", 1),
            poolclass=AsyncAdaptedQueuePool,
            pool_size=settings.pool_size,
            max_overflow=0,
            connect_args={"timeout": settings.lock_timeout.total_seconds()},
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine
    options = (
        f"-c statement_timeout={_ms(settings.statement_timeout)} -c lock_timeout={_ms(settings.lock_timeout)}"
    )
    return create_async_engine(
        url.replace("postgresql:", "postgresql+psycopg:", 1),
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=settings.pool_wait.total_seconds(),
        connect_args={
            "connect_timeout": max(2, round(settings.connect_timeout.total_seconds())),
            "options": options,
            "application_name": "stonechat",
            "prepare_threshold": None,  # poolers in transaction mode know no prepared statements
        },
    )


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """WAL with ``synchronous=FULL``: a committed receipt survives a power cut (sqlite.org/pragma.html)."""
    connection.isolation_level = None  # we open our own transactions
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
