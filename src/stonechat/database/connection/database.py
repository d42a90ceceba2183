"""The one database engine of the process: a bounded pool, time-outs everywhere, named holders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TypeVar

import sqlalchemy.exc
import stamina
from prometheus_client import Counter, Histogram
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.connection import errors
from stonechat.database.connection.connections import (
    LIMIT,
    Watch,
    begin_statement,
    connect_once,
    engine_for,
    is_out_of_step,
    is_undone,
    watch_of,
)
from stonechat.database.connection.failures import FailureCounter, RefusedStatements
from stonechat.database.connection.latency import Latency, LatencyTracker
from stonechat.database.connection.permits import Holder, Permits, PermitsExhausted, PoolState, caller
from stonechat.database.schema.migrations import migrate

__all__ = ["Database", "Holder", "PoolState", "open_database"]

T = TypeVar("T")

CHECK_TASK = "database.check"
"""What the health check does to find out whether all works; it is no work of the product, and not timed."""

OPENED_WITHIN = timedelta(seconds=1)
"""A connection that fails is asked for again up to this long (real time): a server that hands over or a
pooler that restarts is ridden out, one that is gone is told at once."""


class Database:
    """One engine, one bounded pool. Made by :func:`open_database` only."""

    def __init__(self, engine: AsyncEngine, clock: Clock, settings: DatabaseSettings) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._away = False
        self._places = Permits(
            settings.pool_size, settings.pool_wait, clock, one_writer=engine.dialect.name == "sqlite"
        )
        self._latency = LatencyTracker(settings.slow, clock)
        self._begin = {
            write: begin_statement(engine.dialect.name, settings, write=write) for write in (True, False)
        }
        self._failures = FailureCounter(clock)
        self._closed = False

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def url(self) -> str:
        """The address as a user writes it, with the password hidden and without parameters."""
        plain = self._engine.url.set(drivername=self.dialect, query={})
        return plain.render_as_string(hide_password=True)

    @property
    def hold_limit(self) -> timedelta:
        """A task that holds a connection for longer (real time) is named on the health page."""
        return self._settings.hold_limit

    def begin(
        self, task: str, *, idle: timedelta | None = None, relaxed: bool = False
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction: committed at the end, rolled back on any exception.

        Args:
            task: who asks, for example ``posting.claim``; named when it holds too long.
            idle: on PostgreSQL, how long it may stand still before the server undoes it and frees its
                locks; for rows that other hosts need soon after this one froze.
            relaxed: on PostgreSQL, a power cut may undo it, unless something was committed after it.

        Raises:
            Transient: no connection in time, the server is away, or a statement ran too long.
        """
        return self._transaction(task, caller(1), write=True, idle=idle, relaxed=relaxed)

    def read(self, task: str) -> AbstractAsyncContextManager[AsyncConnection]:
        """Like :meth:`begin`, for reading only: on SQLite it does not wait for a writer."""
        return self._transaction(task, caller(1), write=False)

    async def repeated(
        self,
        task: str,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        write: bool = True,
        keyed: bool = False,
        attempts: int = 4,
        within: timedelta = timedelta(seconds=20),
    ) -> T:
        """Run ``work`` in a transaction of its own; again, with growing pauses, where that is safe.

        Safe is what was certainly not committed: a deadlock or a conflict, a lock or a statement that took
        too long, a connection that could not be had or broke before the commit; and any read. A commit
        whose answer was lost is repeated only where the work is ``keyed``.

        Args:
            work: what to do; it may be called several times and must do nothing but database work.
            keyed: doing it twice is doing it once (stable keys, states compared before they are set).
            within: real time after which no further attempt begins.

        Raises:
            Transient: the last attempt's.
        """
        where = caller(1)

        def safe(exc: Exception) -> bool:
            return isinstance(exc, Transient) and (
                keyed or not write or not isinstance(exc, errors.CommitUnheard)
            )

        async for attempt in stamina.retry_context(
            on=safe, attempts=attempts, timeout=within, wait_initial=0.1, wait_max=2.0, wait_jitter=0.2
        ):
            with attempt:
                async with self._transaction(task, where, write=write) as connection:
                    return await work(connection)
        raise AssertionError("unreachable: stamina returns or raises")

    @asynccontextmanager
    async def _transaction(
        self, task: str, where: str, *, write: bool, idle: timedelta | None = None, relaxed: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise Transient(
                f"The database is closed; {task} came too late.", meaning="Stonechat is stopping."
            )
        try:
            # A permit before a connection: SQLAlchemy's own pool knows no priorities.
            number = await self._places.take(task, where, write=write)
        except PermitsExhausted as full:
            self._failures.note("pool", task, "no connection was free")
            raise self._exhausted(task, full) from full
        began, connection, watch, timed = self._clock.monotonic(), None, None, False
        try:
            connection = await self._opened(self._opening(write, idle, relaxed))
            watch = watch_of(connection)
            if watch is not None:
                # Opening the connection counts as time spent waiting for the database.
                watch.stopwatch.set(self._clock.monotonic() - began)
            try:
                yield connection
                await self._commit(connection, write=write)
                timed = True
            except DBAPIError as exc:
                if watch is not None and watch.fired and errors.is_passing(exc):
                    # Our own deadline fired. An answer that came too late is slow; a lost server is not.
                    timed = not exc.connection_invalidated
                    self._failures.note("slow", task, errors.reason(exc))
                    raise watch.fault() from exc
                raise
        except sqlalchemy.exc.TimeoutError as exc:
            raise self._exhausted(task, PermitsExhausted(writing=False)) from exc
        except UnicodeDecodeError as exc:
            raise errors.damaged(exc) from exc
        except DBAPIError as exc:
            timed = errors.was_slow(exc)
            self._failures.note(
                errors.kind_of(exc, connected=connection is not None), task, errors.reason(exc)
            )
            if errors.is_passing(exc):
                raise errors.transient(exc) from exc
            if errors.is_damaged(exc):
                raise errors.damaged(exc) from exc
            raise
        finally:
            await asyncio.shield(
                asyncio.ensure_future(self._give_back(connection, watch, number, timed=timed))
            )

    def _opening(self, write: bool, idle: timedelta | None, relaxed: bool) -> str:
        if idle is None and not relaxed:
            return self._begin[write]
        return begin_statement(self.dialect, self._settings, write=write, idle=idle, relaxed=relaxed)

    async def _opened(self, begin: str) -> AsyncConnection:
        """A connection in a transaction. Nothing was done on it yet, so to ask again is always safe.

        While the server is known to be away only one attempt is made, so that many waiters fail at once.
        """
        began = self._clock.monotonic()
        try:
            connection = await self._open(begin)
        except DBAPIError as exc:
            # A first attempt that hung has used up the time there was for a second one.
            hung = self._clock.monotonic() - began > OPENED_WITHIN.total_seconds()
            if self._away or hung or not errors.may_be_opened_again(exc):
                raise
            connection = await self._asked_again(begin)
        self._away = False
        return connection

    async def _asked_again(self, begin: str) -> AsyncConnection:
        try:
            async for attempt in stamina.retry_context(
                on=errors.may_be_opened_again,
                attempts=4,
                timeout=OPENED_WITHIN,
                wait_initial=0.05,
                wait_max=0.5,
                wait_jitter=0.1,
            ):
                self._places.repeated += 1
                with attempt:
                    return await self._open(begin)
        except DBAPIError as exc:
            self._away = errors.may_be_opened_again(exc)
            raise
        raise AssertionError("unreachable: stamina returns or raises")

    async def _open(self, begin: str) -> AsyncConnection:
        connection = self._engine.connect()
        await connection.start()
        try:
            # On SQLite BEGIN IMMEDIATE waits for the write lock: the limit of waiting, not of a statement.
            await connection.exec_driver_sql(begin, execution_options={LIMIT: self._settings.pool_wait})
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(_closed(connection)))
            raise
        return connection

    async def _give_back(
        self, connection: AsyncConnection | None, watch: Watch | None, number: int, *, timed: bool
    ) -> None:
        """Free the permit only after the connection is back in the pool, even when cancelled."""
        try:
            if connection is not None:
                await _closed(connection)
        finally:
            place = self._places.give_back(number)
            if timed and place.task != CHECK_TASK:
                now = self._clock.monotonic()
                spent = now - place.started if watch is None else watch.stopwatch.read()
                self._latency.note(place.task, spent, place.where, place.job)

    async def _commit(self, connection: AsyncConnection, *, write: bool) -> None:
        """Commit; where the answer to it is lost, nobody can say whether it happened.

        Raises:
            RuntimeError: a statement failed before and its error was swallowed. PostgreSQL would answer the
                commit with a rollback, and say nothing.
        """
        if is_undone(connection):
            raise RuntimeError("a failed statement's error was swallowed; the transaction is undone")
        try:
            await connection.commit()
        except DBAPIError as exc:
            # The connection broke during COMMIT: the server may or may not have committed.
            if not (write and exc.connection_invalidated):
                raise
            raise errors.unheard(exc) from exc

    async def ping(self) -> None:
        """Raise ``Transient`` where the database does not answer, or takes no writes."""
        ask = "SELECT 1" if self.dialect == "sqlite" else "SELECT current_setting('transaction_read_only')"
        async with self.read("database.ping") as connection:
            if (await connection.execute(text(ask))).scalar_one() == "on":
                raise errors.read_only()

    async def connect_anew(self) -> None:
        """Make a connection beside the pool and close it: what a process that starts would need.

        Raises:
            Transient: the server takes no more.
        """
        if self.dialect == "postgresql":
            await connect_once(self._engine.url, self._settings)

    def close(self) -> None:
        """Refuse new transactions from now on."""
        self._closed = True

    def pool(self) -> PoolState:
        """The pool now: who holds a connection and who waits."""
        return self._places.state()

    def latency(self) -> Latency:
        """Whether the database is slow: the last minute's transactions and the slowest of them.

        A transaction's time is what it waited for the database: for the connection to open, for locks,
        statements and the commit; not for a place in the pool, which :meth:`pool` tells, and not what its
        own code did in between. Work that ended in an error is not counted, unless the database says that a
        statement or a lock took too long: one that is away is not slow.
        """
        return self._latency.latency()

    def refused(self) -> RefusedStatements:
        """The statements of the last minutes that the database refused for what they ask."""
        return self._failures.refused()

    def meters(self) -> tuple[Histogram, Counter, Counter]:
        """For Prometheus: how long the transactions of each task took, how many were slow, which failed."""
        return (*self._latency.meters(), self._failures.counter)

    def _exhausted(self, task: str, full: PermitsExhausted) -> Transient:
        held = ", ".join(str(holder) for holder in self.pool().holders)
        what = "The turn to write did not come" if full.writing else "No database connection was free"
        more = "" if full.writing else " Raise DATABASE_POOL_SIZE if this recurs."
        return Transient(
            f"{what} for {task} within {self._settings.pool_wait.total_seconds():g} s.",
            meaning="The work waits and is tried again; nothing is lost.",
            remedy=f"Held by: {held or 'nobody in this process'}.{more}",
        )


async def _closed(connection: AsyncConnection) -> None:
    """Return the connection to the pool; errors of a broken one, which is discarded, are ignored."""
    with contextlib.suppress(DBAPIError):
        if is_out_of_step(connection):
            await connection.invalidate()
        await connection.close()


@asynccontextmanager
async def open_database(
    url: str, settings: DatabaseSettings, clock: Clock, *, migrated: bool = True
) -> AsyncIterator[Database]:
    """Connect, migrate, hand out the database, dispose of the pool at the end.

    Args:
        migrated: bring the schema up to date first; False leaves the database as it is.

    Raises:
        ConfigError: the address can never work (unknown host form, wrong password, no such database, a
            certificate that is not the server's).
        Transient: the server cannot be reached now.
    """
    engine = engine_for(url, settings, clock)
    database = Database(engine, clock, settings)
    try:
        if migrated:
            await _migrate(engine)
        yield database
    finally:
        database.close()
        await engine.dispose()


async def _migrate(engine: AsyncEngine) -> None:
    try:
        await migrate(engine)
    except UnicodeDecodeError as exc:
        raise errors.damaged(exc) from exc
    except DBAPIError as exc:
        raise errors.on_opening(exc) from exc
