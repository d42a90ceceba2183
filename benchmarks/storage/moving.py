"""How long a move takes beside a bare script that copies the same rows and checks nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import psycopg
from psycopg.types.json import Jsonb

from benchmarks.storage.filling import fill
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.database.connection.database import open_database
from stonechat.database.maintenance.row_codec import RowShapeFamily, Shape, current_shapes
from stonechat.database.maintenance.transfer import Transfer

Row = dict[str, Any]

ROWS_OF_CONTENT = 4.87
"""Rows of all tables that one row of content brings with it (receipts, tries, history, readings, runs)."""


async def bench_move(folder: Path, postgresql: str, *, size: int) -> list[Row]:
    """SQLite to PostgreSQL, about ``size`` rows over all tables; rows of ``measure, ours, peer, ratio …``.

    *Ours* commits each batch with a note of how far it is, and reads both sides from end to end afterwards.
    *Peer*: ``sqlite3`` and ``psycopg`` with ``executemany``, a thousand rows at a time, nothing compared.
    """
    clock = SystemClock()
    source = f"sqlite:///{folder / 'source.db'}"
    async with open_database(source, DatabaseSettings(), clock) as database:
        await fill(database, max(1_000, round(size / ROWS_OF_CONTENT)), clock)
    ours = await _database(postgresql, "ours")
    theirs = await _database(postgresql, "theirs")
    before = psutil.Process().memory_info().rss
    began = clock.monotonic()
    async with (
        open_database(source, DatabaseSettings(), clock) as here,
        open_database(ours, DatabaseSettings(), clock, migrated=False) as there,
    ):
        report = await Transfer(here, there, clock).run()
    seconds = clock.monotonic() - began
    grown = psutil.Process().memory_info().rss - before
    bare = await _bare(folder / "source.db", theirs, clock)
    return [
        _row("rows moved", report.rows, report.rows),
        _row("seconds, compared on both sides", seconds, bare),
        _row("rows a second", report.rows / seconds, report.rows / bare),
        _row("memory grown meanwhile, MB", grown / 2**20, None),
    ]


def _row(measure: str, ours: float, peer: float | None) -> Row:
    ratio = round(ours / peer, 3) if peer else None
    return {
        "measure": measure,
        "ours": round(ours, 2),
        "peer": None if peer is None else round(peer, 2),
        "ratio": ratio,
        "goal": None,
        "met": None,
    }


async def _database(server: str, name: str) -> str:
    made = f"bench_{name}_{uuid4().hex[:8]}"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE "{made}"')
    return urlsplit(server)._replace(path=f"/{made}").geturl()


async def _bare(file: Path, target: str, clock: Clock) -> float:
    """Seconds (real) of the script, the tables made before."""
    async with open_database(target, DatabaseSettings(), clock):
        pass
    began = time.perf_counter()
    source = sqlite3.connect(file)
    try:
        with psycopg.connect(target) as connection:
            for shape in current_shapes():
                _copy(source, connection, shape)
    finally:
        source.close()
    return time.perf_counter() - began


def _copy(source: sqlite3.Connection, target: psycopg.Connection[Any], shape: Shape) -> None:
    names = ", ".join(f'"{field.name}"' for field in shape.fields)
    places = ", ".join("%s" for _ in shape.fields)
    put = f"INSERT INTO {shape.name} ({names}) VALUES ({places})"  # noqa: S608 - our own names
    rows = source.execute(f"SELECT {names} FROM {shape.name}")  # noqa: S608 - the same
    while part := rows.fetchmany(1000):
        with target.cursor() as cursor:
            cursor.executemany(put, [_plain(shape, row) for row in part])
        target.commit()


def _plain(shape: Shape, row: tuple[Any, ...]) -> list[Any]:
    values: list[Any] = []
    for field, value in zip(shape.fields, row, strict=True):
        if field.family is RowShapeFamily.JSON and value is not None:
            values.append(Jsonb(json.loads(value)))
        elif field.family is RowShapeFamily.BOOLEAN and value is not None:
            values.append(bool(value))
        else:
            values.append(value)
    return values
