"""Outcomes of runs: the latest of each job and account, and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from stonechat.core.states import RunState
from stonechat.database.repositories.job_rows import RunRow, run_of, runs
from stonechat.database.schema.tables import job_runs

Key = tuple[str, str | None]
"""A job's name, and the account that it serves, if it serves one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the runs of a job and account since some moment ended. ``idle``: nothing done though due."""

    succeeded: int = 0
    failed: int = 0
    idle: int = 0


@dataclass(frozen=True, slots=True)
class RunTime:
    """How long a run took (real seconds) and how it ended."""

    job: str
    account_id: str | None
    ended_at: datetime
    took_s: float
    state: RunState


async def newest(connection: AsyncConnection, keys: Sequence[Key]) -> dict[Key, RunRow]:
    """Of each job and account the row with the newest tick, whatever became of it."""
    found = await _of_each(connection, keys, lambda one: one.order_by(job_runs.c.tick.desc()).limit(1))
    return {key: rows[0] for key, rows in found.items()}


async def last_ends(connection: AsyncConnection, keys: Sequence[Key], limit: int) -> dict[Key, list[RunRow]]:
    """Of each job and account the latest runs that came to an outcome, newest first."""
    ended = (RunState.SUCCEEDED.value, RunState.FAILED.value, RunState.TIMED_OUT.value)
    newest_first = job_runs.c.ended_at.desc()
    found = await _of_each(
        connection,
        keys,
        lambda one: one.where(job_runs.c.state.in_(ended)).order_by(newest_first).limit(limit),
    )
    return {key: sorted(rows, key=_ended_at, reverse=True) for key, rows in found.items()}


async def _of_each(
    connection: AsyncConnection, keys: Sequence[Key], some: Callable[[Any], Any]
) -> dict[Key, list[RunRow]]:
    """In one statement some rows of each job and account, each read by itself along the index."""
    each = [
        select(some(runs().where(job_runs.c.job == job, _same_account(account_id))).subquery())
        for job, account_id in keys
    ]
    found: dict[Key, list[RunRow]] = {}
    for row in await connection.execute(union_all(*each)) if each else ():
        run = run_of(row)
        found.setdefault((run.job, run.account_id), []).append(run)
    return found


def _ended_at(run: RunRow) -> datetime:
    return run.ended_at or run.state_since


async def latest_ends(connection: AsyncConnection, limit: int) -> list[RunRow]:
    """The latest runs of each job and account that came to an outcome, in one look; newest first."""
    columns = job_runs.c
    ended = (RunState.SUCCEEDED.value, RunState.FAILED.value, RunState.TIMED_OUT.value)
    place = func.row_number().over(
        partition_by=(columns.job, columns.account_id), order_by=columns.ended_at.desc()
    )
    numbered = runs().add_columns(place.label("place")).where(columns.state.in_(ended)).subquery()
    names = [numbered.c[name] for name in RunRow.__dataclass_fields__]
    query = select(*names).where(numbered.c.place <= limit).order_by(numbered.c.ended_at.desc())
    return [run_of(row) for row in await connection.execute(query)]


async def tallies(connection: AsyncConnection, since: datetime) -> dict[tuple[str, str | None], Tally]:
    """Outcomes of each job and account since real time ``since``."""
    # offset(0) keeps SQLite from reading all runs along the index that has them grouped already
    columns = select(job_runs).where(job_runs.c.ended_at >= since).offset(0).subquery().c
    good = columns.state == RunState.SUCCEEDED.value
    idle = good & (columns.done == 0) & (columns.due > 0)
    bad = columns.state.in_((RunState.FAILED.value, RunState.TIMED_OUT.value))

    def count(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    rows = await connection.execute(
        select(columns.job, columns.account_id, count(good), count(bad), count(idle)).group_by(
            columns.job, columns.account_id
        )
    )
    return {(row[0], row[1]): Tally(int(row[2]), int(row[3]), int(row[4])) for row in rows}


async def latest_times(connection: AsyncConnection, since: datetime, limit: int) -> list[RunTime]:
    """How long the latest runs of each job and account took that ended after real time ``since``."""
    columns = job_runs.c
    ended = (RunState.SUCCEEDED.value, RunState.FAILED.value, RunState.TIMED_OUT.value)
    place = func.row_number().over(
        partition_by=(columns.job, columns.account_id), order_by=columns.ended_at.desc()
    )
    numbered = (
        select(
            columns.job,
            columns.account_id,
            columns.ended_at,
            columns.took_s,
            columns.state,
            place.label("place"),
        )
        .where(columns.ended_at >= since, columns.state.in_(ended))
        .subquery()
    )
    newest = select(numbered).where(numbered.c.place <= limit).order_by(numbered.c.ended_at)
    rows = await connection.execute(newest)
    return [RunTime(row[0], row[1], row[2], row[3] or 0.0, RunState(row[4])) for row in rows]


def _same_account(account_id: str | None) -> ColumnElement[bool]:
    column = job_runs.c.account_id
    return column.is_(None) if account_id is None else column == account_id
