"""The job manager beside bare DBOS and procrastinate, in one run, on the same PostgreSQL."""

from __future__ import annotations

import random
import statistics
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from benchmarks.jobs import bare_dbos, rivals, takeover, throughput
from benchmarks.jobs.bare_dbos import Timings
from stonechat.core.errors import Permanent, Transient

PAUSE = timedelta(milliseconds=60)
"""Between two runs that are asked for one by one, so that each finds everybody idle."""

LIMIT = 15.0
"""Seconds within which another host has to go on with the runs of one that was killed."""

Row = dict[str, Any]
Measure = Callable[[str], Awaitable[Timings]]


async def bench_jobs(
    server: str, *, runs: int = 300, singles: int = 40, repetitions: int = 3, kills: int = 20
) -> list[Row]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``; medians over the repetitions.

    Who is measured takes turns, each time in an empty database of its own, removed afterwards.

    Args:
        server: the address of any database on a PostgreSQL server, as somebody who may make others.
        runs: how many runs of one step are asked for at once.
        singles: how many are asked for one by one on the idle system.
        kills: how many hosts are killed.

    Raises:
        Transient, Permanent: the server cannot be used.
    """
    told: dict[str, Any] = {"runs": runs, "singles": singles, "pause": PAUSE}
    measures: dict[str, Measure] = {
        "ours": lambda url: throughput.measure(url, **told),
        "bare DBOS": lambda url: bare_dbos.measure(url, **told),
    }
    if rivals.installed():
        measures["procrastinate"] = lambda url: rivals.measure(url, **told)
    found: dict[str, list[Timings]] = {name: [] for name in measures}
    for _ in range(repetitions):
        for name, measure in measures.items():
            async with own_database(server) as url:
                found[name].append(await measure(url))
    rows = _rows("bare DBOS", found["ours"], found["bare DBOS"], bound=True)
    if "procrastinate" in found:
        rows += _rows("procrastinate", found["ours"], found["procrastinate"])
    else:
        rows.append({"measure": rivals.MISSING})
    async with own_database(server) as url:
        took = await takeover.measure(url, kills=kills, rng=random.Random(7))
    rows.append(alone(f"takeover, s, median of {kills} kills", statistics.median(took), None))
    rows.append(alone(f"takeover, s, worst of {kills} kills", max(took), LIMIT))
    return rows


@asynccontextmanager
async def own_database(server: str) -> AsyncIterator[str]:
    """The address of a new, empty database on a server, removed afterwards.

    Raises:
        Transient: the server does not answer.
        Permanent: it is no PostgreSQL, or its user may not make databases.
    """
    address = sa.make_url(server)
    if not address.drivername.startswith("postgresql"):
        raise Permanent("This bench needs PostgreSQL.", remedy="Name one: --database postgresql://…")
    name = f"bench_{uuid.uuid4().hex[:10]}"
    admin = address.set(drivername="postgresql").render_as_string(hide_password=False)
    await _say(admin, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield address.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    finally:
        await _say(admin, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


async def _say(admin: str, statement: sql.Composed) -> None:
    try:
        async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
            await connection.execute(statement)
    except psycopg.OperationalError as exc:
        raise Transient(f"PostgreSQL cannot be used: {exc}".splitlines()[0]) from exc
    except psycopg.Error as exc:
        remedy = "Use an account with CREATEDB, or leave --database away."
        raise Permanent(f"PostgreSQL refuses: {exc}".splitlines()[0], remedy=remedy) from exc


def _rows(name: str, ours: list[Timings], theirs: list[Timings], *, bound: bool = False) -> list[Row]:
    """Our figures beside a rival's; ``bound``: with a goal."""
    rate = _median(timings.rate for timings in ours), _median(timings.rate for timings in theirs)
    rows = [_row(f"runs a second; peer {name}", *rate, least=0.8 if bound else None)]
    for share in (50, 99):
        left = _median(_percentile(timings.delays, share) * 1000 for timings in ours)
        right = _median(_percentile(timings.delays, share) * 1000 for timings in theirs)
        measure = f"enqueue to start p{share}, ms; peer {name}"
        rows.append(_row(measure, left, right, most=1.5 if bound and share == 99 else None))
    return rows


def _median(values: Any) -> float:
    return float(statistics.median(values))


def _percentile(values: Sequence[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


def _row(
    measure: str, ours: float, peer: float, *, least: float | None = None, most: float | None = None
) -> Row:
    ratio = ours / peer
    row = {"measure": measure, "ours": round(ours, 1), "peer": round(peer, 1), "ratio": round(ratio, 2)}
    if least is not None:
        return {**row, "goal": f">= {least} of it", "met": ratio >= least}
    if most is not None:
        return {**row, "goal": f"<= {most} of it", "met": ratio <= most}
    return {**row, "goal": None, "met": None}


def alone(measure: str, ours: float, most: float | None) -> Row:
    """A figure of ours without a peer; ``most``: the goal."""
    row = {"measure": measure, "ours": round(ours, 2), "peer": None, "ratio": None}
    return {
        **row,
        "goal": None if most is None else f"<= {most:g}",
        "met": None if most is None else ours <= most,
    }
