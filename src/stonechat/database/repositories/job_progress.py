"""How far each job is, one row for each job and account: its schedule position, last outcome, latest ends.

The runs themselves and their steps are kept by the durable-execution engine. These rows hold what it does not
know and what is asked for all jobs at once: where each schedule goes on, and how the latest runs ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.states import RunState
from stonechat.database.schema.tables import job_progress as table

Key = tuple[str, str | None]
"""A job's name, and the account that it serves, if it serves one."""

ENDS_KEPT = 20
"""How many of the latest ends of each job and account are kept."""

AHEAD = timedelta(minutes=1)
"""What ended further ahead (real time) was written by a clock that was wrong, and goes."""

_AT_ONCE = 500
"""Rows asked for in one statement: SQLite takes 32,766 parameters."""


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of one job. Ticks are account time; started and ended are real time.

    ``attempt`` is 1 for the first try; ``done`` of ``due`` units of work were done.
    """

    run_id: str
    job: str
    account_id: str | None
    tick: datetime
    trigger: str
    state: RunState
    host: str = ""
    attempt: int = 0
    asked_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    took_s: float | None = None
    done: int = 0
    due: int = 0
    note: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How and when (real time) a run ended. ``idle``: it did nothing though work was due."""

    ended_at: datetime
    took_s: float
    state: RunState
    idle: bool = False

    @property
    def good(self) -> bool:
        """Succeeded, and did some work if there was any."""
        return self.state is RunState.SUCCEEDED and not self.idle


@dataclass(frozen=True, slots=True)
class HeldTick:
    """A tick that was due while its job was held back, and why."""

    tick: datetime
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class JobProgress:
    """One row.

    Attributes:
        position: the newest tick of the schedule whose run has ended.
        last: the newest run that came to an outcome.
        ends: the latest outcomes, newest first.
        held: the newest tick that was held back.
        changed_at: real time of the last change.
    """

    job: str
    account_id: str | None
    changed_at: datetime
    position: datetime | None = None
    last: JobRun | None = None
    ends: tuple[RunEnd, ...] = ()
    held: HeldTick | None = None

    @property
    def key(self) -> Key:
        return (self.job, self.account_id)

    def after(self, run: JobRun, now: datetime) -> JobProgress:
        """The row once this run has ended. One that was skipped only moves the schedule's position on."""
        ended = run.ended_at or now
        position = self.position
        if run.trigger == "schedule":
            position = run.tick if position is None else max(position, run.tick)
        if run.state is RunState.SKIPPED:
            return replace(self, position=position, changed_at=now)
        end = RunEnd(ended, run.took_s or 0.0, run.state, idle=run.done == 0 < run.due)
        known = (one for one in self.ends if one.ended_at <= now + AHEAD)
        ends = tuple(sorted((end, *known), key=lambda one: one.ended_at, reverse=True)[:ENDS_KEPT])
        before = self.last.ended_at if self.last is not None else None
        newer = before is None or before <= ended or before > now + AHEAD
        last = run if newer else self.last
        return replace(self, position=position, last=last, ends=ends, changed_at=now)


async def every(connection: AsyncConnection, *, since: datetime | None = None) -> dict[Key, JobProgress]:
    """All rows, or those changed after real time ``since``."""
    query = select(table)
    if since is not None:
        query = query.where(table.c.changed_at > since)
    rows = (_progress(row) for row in await connection.execute(query))
    return {row.key: row for row in rows}


async def of_job(connection: AsyncConnection, job: str) -> dict[Key, JobProgress]:
    """The rows of one job."""
    rows = (_progress(row) for row in await connection.execute(select(table).where(table.c.job == job)))
    return {row.key: row for row in rows}


async def of_keys(connection: AsyncConnection, keys: Iterable[Key]) -> dict[Key, JobProgress]:
    """The rows of these jobs and accounts, as far as there are any."""
    return {row.key: row for row in await _read(connection, keys)}


async def positions(connection: AsyncConnection) -> dict[Key, datetime]:
    """Where the schedule of each job and account goes on."""
    rows = await connection.execute(
        select(table.c.job, table.c.account_id, table.c.position).where(table.c.position.is_not(None))
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def begin(connection: AsyncConnection, keys: Iterable[Key], position: datetime, now: datetime) -> None:
    """Keep where the schedules of these jobs and accounts begin which have no position yet.

    Otherwise a daily job of a machine that is off at its hour would begin anew at each start, and never run.
    """
    rows = [JobProgress(key[0], key[1], now, position) for key in keys]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    first = func.coalesce(table.c.position, statement.excluded.position)
    statement = statement.on_conflict_do_update(index_elements=["id"], set_={"position": first})
    if rows:
        await connection.execute(statement, [_values(row) for row in rows])


async def record(connection: AsyncConnection, runs: Sequence[JobRun], now: datetime) -> None:
    """Keep how these runs ended."""
    known = await _locked(connection, {(run.job, run.account_id) for run in runs}, now)
    for run in runs:
        key = (run.job, run.account_id)
        known[key] = known[key].after(run, now)
    await _put(connection, known.values())


async def hold(connection: AsyncConnection, held: Mapping[Key, HeldTick], now: datetime) -> None:
    """Keep which ticks were held back, and why."""
    known = await _locked(connection, held.keys(), now)
    await _put(connection, [replace(known[key], held=tick, changed_at=now) for key, tick in held.items()])


async def _locked(connection: AsyncConnection, keys: Iterable[Key], now: datetime) -> dict[Key, JobProgress]:
    wanted = set(keys)
    found = {key: JobProgress(key[0], key[1], now) for key in wanted}
    found.update((row.key, row) for row in await _read(connection, wanted, lock=True))
    return found


async def _read(connection: AsyncConnection, keys: Iterable[Key], *, lock: bool = False) -> list[JobProgress]:
    """In the order of their names, so that two who lock them do not wait for each other."""
    names = sorted(map(_name, keys))
    found = []
    for first in range(0, len(names), _AT_ONCE):
        query = select(table).where(table.c.id.in_(names[first : first + _AT_ONCE])).order_by(table.c.id)
        rows = await connection.execute(query.with_for_update() if lock else query)
        found += [_progress(row) for row in rows]
    return found


async def _put(connection: AsyncConnection, rows: Iterable[JobProgress]) -> None:
    values = [_values(row) for row in rows]
    if values:
        await connection.execute(_upsert(connection.dialect.name), values)


@cache
def _upsert(dialect: str) -> Any:
    """Built once: SQLAlchemy then compiles it once, which costs more than running it."""
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name != "id"}
    return statement.on_conflict_do_update(index_elements=["id"], set_=changed)


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1] or ''}"


_LAST = ("run_id", "trigger", "host", "attempt", "tick", "started_at", "ended_at", "took_s")
_WORK = ("done", "due", "note", "error")


def _values(row: JobProgress) -> dict[str, Any]:
    last, held = row.last, row.held
    return {
        "id": _name(row.key),
        "job": row.job,
        "account_id": row.account_id,
        "changed_at": row.changed_at,
        "position": row.position,
        "state": last.state.value if last else None,
        **{name: getattr(last, name, None) for name in (*_LAST, *_WORK)},
        "ends": [[one.ended_at.timestamp(), round(one.took_s, 3), one.state, one.idle] for one in row.ends],
        "held_tick": held.tick if held else None,
        "held_at": held.at if held else None,
        "held_why": held.why if held else None,
    }


def _progress(row: Any) -> JobProgress:
    last = None
    if row.run_id is not None:
        told = {name: getattr(row, name) for name in (*_LAST, *_WORK)}
        last = JobRun(job=row.job, account_id=row.account_id, state=RunState(row.state), **told)
    held = HeldTick(row.held_tick, row.held_at, row.held_why) if row.held_tick is not None else None
    ends = tuple(
        RunEnd(datetime.fromtimestamp(at, UTC), took, RunState(state), idle)
        for at, took, state, idle in row.ends
    )
    return JobProgress(row.job, row.account_id, row.changed_at, row.position, last, ends, held)
