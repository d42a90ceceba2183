"""The measurements, side by side in one run: large beside small, ours beside the bare drivers."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiosqlite
import psycopg
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.storage.filling import fill
from benchmarks.storage.queries import QUERIES, BenchQuery
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.database.connection.database import Database, open_database
from stonechat.database.connection.permits import Permits

Row = dict[str, Any]
SMALL = 10_000
FLAT = 2.0
"""At most so many times as long at the large size as at the small one."""

REPETITIONS = 5
OTHERS = 40
WARMING = 3
MAIN_QUERIES = frozenset({"due", "claim"})

_QUICK = 0.0005
"""Seconds below which a time is the loop's own noise, not the database's."""


async def bench_storage(
    folder: Path, postgresql: str | None, *, size: int, times: int = 100, cancelled: int = 10_000
) -> list[Row]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``.

    Args:
        folder: for SQLite's files; on the disk that is to be measured.
        postgresql: any database of a server on which databases may be made; None leaves PostgreSQL out.
        size: rows of content in the large database; the small one has 10,000.
        times: how often ``due`` and ``claim`` are asked of each database in each of five repetitions.
        cancelled: how many operations are cancelled on each engine.
    """
    clock = SystemClock()
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        for engine in ("sqlite", "postgresql") if postgresql else ("sqlite",):
            make = (
                _files(folder)
                if engine == "sqlite"
                else await stack.enter_async_context(_Databases(str(postgresql)))
            )
            large, small = await make("large"), await make("small")
            rows += await _growth(engine, large, small, size, times, clock)
            rows += await _cancelled(engine, small, cancelled, clock)
            rows += await (
                _beside_sqlite(small, clock) if engine == "sqlite" else _beside_psycopg(small, clock)
            )
    return [*rows, *await _durability(folder), *await _places(clock)]


async def _growth(engine: str, large: str, small: str, size: int, times: int, clock: Clock) -> list[Row]:
    """Each query at both sizes, in turns, so that whatever else the machine does meets both alike."""
    settings = DatabaseSettings(pool_size=2)
    less = min(SMALL, size)
    async with (
        open_database(large, settings, clock) as much,
        open_database(small, settings, clock) as little,
    ):
        await fill(much, size, clock)
        await fill(little, less, clock)
        main = [
            await _p95s(engine, query, much, little, times, f"at {size:,} rows by {less:,}")
            for query in QUERIES
            if query.name in MAIN_QUERIES
        ]
        others = [
            (query.name, *await _quickest(query, much, little))
            for query in QUERIES
            if query.name not in MAIN_QUERIES
        ]
    others.sort(key=lambda one: _ratio(one[1], one[2]), reverse=True)
    flat = sum(_ratio(more, fewer) <= FLAT for _, more, fewer in others)
    summary = _alone(
        f"{engine}: other queries not within {FLAT:g} times, of {len(others)}", len(others) - flat, 0
    )
    worst = [
        _row(f"{engine}: {name}, quickest, ms at {size:,} rows by {less:,}", more, fewer, FLAT, 1e3)
        for name, more, fewer in others[:5]
    ]
    return [*main, summary, *worst]


async def _p95s(
    engine: str, query: BenchQuery, much: Database, little: Database, times: int, sizes: str
) -> Row:
    """The 95th percentile of each of five repetitions; the median of these."""
    rounds = [await _in_turns(query, much, little, times) for _ in range(REPETITIONS)]
    large = statistics.median(_p95(slow) for slow, _ in rounds)
    small = statistics.median(_p95(quick) for _, quick in rounds)
    return _row(f"{engine}: {query.name}, p95 ms {sizes}", large, small, FLAT, 1e3)


async def _quickest(query: BenchQuery, much: Database, little: Database) -> tuple[float, float]:
    """Seconds at both sizes, each at its quickest: a busy machine delays a short query now and then.

    Where the large one looks slow, both are asked again, so that it is the query and not the machine.
    """
    slow: list[float] = []
    quick: list[float] = []
    for _ in range(REPETITIONS):
        more, fewer = await _in_turns(query, much, little, OTHERS)
        slow += more
        quick += fewer
        if _ratio(min(slow), min(quick)) <= FLAT:
            break
    return min(slow), min(quick)


async def _in_turns(
    query: BenchQuery, much: Database, little: Database, times: int
) -> tuple[list[float], list[float]]:
    slow: list[float] = []
    quick: list[float] = []
    for number in range(times + WARMING):
        turns = [(much, slow), (little, quick)]
        for database, took in turns if number % 2 else reversed(turns):
            seconds = await _once(database, query)
            if number >= WARMING:
                took.append(seconds)
    return slow, quick


class _Undo(Exception):
    """Rolls back, so that there is always as much to claim."""


async def _once(database: Database, query: BenchQuery) -> float:
    """The query alone, without the transaction around it, which is measured by itself."""
    took = 0.0
    try:
        open_one = database.begin if query.name == "claim" else database.read
        async with open_one("bench.query") as connection:
            began = time.perf_counter()
            await query.ask(connection)
            took = time.perf_counter() - began
            raise _Undo
    except _Undo:
        return took


async def _cancelled(engine: str, url: str, count: int, clock: Clock) -> list[Row]:
    """Operations that are cancelled at any moment leave nothing checked out."""
    async with open_database(url, DatabaseSettings(pool_size=4), clock, migrated=False) as database:

        async def operation() -> None:
            async with database.read("bench.cancelled") as connection:
                await connection.execute(text("SELECT 1"))

        for begun in range(0, count, 100):
            tasks = [asyncio.create_task(operation()) for _ in range(min(100, count - begun))]
            for number, task in enumerate(tasks):
                if number % 10 == 0:
                    await asyncio.sleep(0.0005 * (begun // 100 % 7))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        left = database.pool().in_use + database.pool().waiting
        await database.ping()
    return [_alone(f"{engine}: checked out after {count:,} cancelled operations", left, 0)]


async def _beside_sqlite(url: str, clock: Clock) -> list[Row]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(open_database(url, DatabaseSettings(), clock, migrated=False))
        engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"), pool_pre_ping=True)
        # transactions that are ones, as SQLAlchemy's pages on SQLite tell
        event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        stack.push_async_callback(engine.dispose)
        bare = await stack.enter_async_context(aiosqlite.connect(url.removeprefix("sqlite:///")))

        async def sqlalchemy() -> None:
            async with engine.begin() as connection:
                await connection.execute(text("SELECT 1"))

        async def driver() -> None:
            await bare.execute("BEGIN")
            await bare.execute_fetchall("SELECT 1")
            await bare.commit()

        return await _transactions("sqlite", "aiosqlite", ours, sqlalchemy, driver)


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


async def _beside_psycopg(url: str, clock: Clock) -> list[Row]:
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(open_database(url, DatabaseSettings(), clock, migrated=False))
        # as SQLAlchemy's own pages tell those whose server may go away
        engine = create_async_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True)
        stack.push_async_callback(engine.dispose)
        bare = await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))

        async def sqlalchemy() -> None:
            async with engine.begin() as connection:
                await connection.execute(text("SELECT 1"))

        async def driver() -> None:
            async with bare.transaction():
                await bare.execute("SELECT 1")

        return await _transactions("postgresql", "psycopg", ours, sqlalchemy, driver)


async def _transactions(
    engine: str,
    driver_name: str,
    ours: Database,
    sqlalchemy: Callable[[], Awaitable[None]],
    driver: Callable[[], Awaitable[None]],
) -> list[Row]:
    async def own() -> None:
        async with ours.read("bench.transaction") as connection:
            await connection.execute(text("SELECT 1"))

    took = await _medians({"ours": own, "sqlalchemy": sqlalchemy, "driver": driver}, 400)
    name = f"{engine}: a transaction with one statement, ms, beside"
    return [
        _row(
            f"{name} SQLAlchemy with a pool that checks its connections",
            took["ours"],
            took["sqlalchemy"],
            1.5,
            1e3,
        ),
        _row(f"{name} bare {driver_name} without any pool", took["ours"], took["driver"], None, 1e3),
    ]


async def _durability(folder: Path) -> list[Row]:
    """What SQLite's ``synchronous=FULL`` costs beside ``NORMAL``, for one committed row."""
    writers: dict[str, Callable[[], Awaitable[None]]] = {}
    async with AsyncExitStack() as stack:
        for mode in ("FULL", "NORMAL"):
            path = folder / f"synchronous-{mode.lower()}.db"
            connection = await stack.enter_async_context(aiosqlite.connect(path, isolation_level=None))
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute(f"PRAGMA synchronous={mode}")
            await connection.execute("CREATE TABLE receipts (id TEXT PRIMARY KEY, at TEXT)")
            writers[mode] = _writer(connection)
        took = await _medians(writers, 300)
    return [_row("sqlite: a commit, ms, synchronous=FULL by NORMAL", took["FULL"], took["NORMAL"], None, 1e3)]


def _writer(connection: aiosqlite.Connection) -> Callable[[], Awaitable[None]]:
    async def write() -> None:
        await connection.execute("INSERT INTO receipts VALUES (?, 'now')", (uuid4().hex,))

    return write


async def _places(clock: Clock) -> list[Row]:
    """What our bookkeeping adds to a semaphore: who holds, since when, who waits."""
    places = Permits(8, timedelta(seconds=10), clock, one_writer=False)
    semaphore = asyncio.Semaphore(8)

    async def ours() -> None:
        for _ in range(100):
            places.give_back(await places.take("bench", "here", write=False))

    async def bare() -> None:
        for _ in range(100):
            async with asyncio.timeout(10):
                await semaphore.acquire()
            semaphore.release()

    took = await _medians({"ours": ours, "bare": bare}, 100)
    return [
        _row(
            "a place in the pool, µs, beside a semaphore with a time-out",
            took["ours"],
            took["bare"],
            None,
            1e4,
        )
    ]


async def _medians(calls: Mapping[str, Callable[[], Awaitable[None]]], times: int) -> dict[str, float]:
    """Seconds of each call, asked in turns; the first tenth is warming up."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(times + times // 10):
        for name, call in calls.items():
            began = time.perf_counter()
            await call()
            if number >= times // 10:
                took[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in took.items()}


def _files(folder: Path) -> Callable[[str], Awaitable[str]]:
    async def make(name: str) -> str:
        return f"sqlite:///{folder / f'{name}.db'}"

    return make


class _Databases:
    """Databases of a PostgreSQL server, made for the bench and dropped with it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[str] = []

    async def __aenter__(self) -> Callable[[str], Awaitable[str]]:
        return self._make

    async def _make(self, name: str) -> str:
        database = f"stonechat_bench_{name}_{uuid4().hex[:8]}"
        await self._say(f'CREATE DATABASE "{database}"')
        self._made.append(database)
        head, _, query = self._url.partition("?")
        return f"{head.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")

    async def __aexit__(self, *_: object) -> None:
        for database in self._made:
            await self._say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    async def _say(self, statement: str) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(statement.encode())


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def _ratio(ours: float, peer: float) -> float:
    return max(ours, _QUICK) / max(peer, _QUICK)


def _row(measure: str, ours: float, peer: float, goal: float | None, scale: float) -> Row:
    ratio = ours / peer if goal != FLAT else _ratio(ours, peer)
    return {
        "measure": measure,
        "ours": round(ours * scale, 3),
        "peer": round(peer * scale, 3),
        "ratio": round(ratio, 3),
        "goal": goal,
        "met": None if goal is None else ratio <= goal,
    }


def _alone(measure: str, ours: float, goal: float) -> Row:
    return {"measure": measure, "ours": ours, "peer": None, "ratio": None, "goal": goal, "met": ours <= goal}
