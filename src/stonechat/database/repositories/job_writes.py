"""What every run writes (asked for, started, steps, ended), for many runs in one statement.

This is the hot path of the job manager. The statements are plain SQL that both databases understand,
because SQLAlchemy compiles an ``INSERT … ON CONFLICT`` anew at every use, which costs more than running
it. Everything else about runs is in :mod:`stonechat.database.repositories.job_rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.states import RunState
from stonechat.database.repositories.job_rows import STARTABLE, StepRow
from stonechat.database.schema.types import UtcTime

AT_ONCE = 500
"""Rows in a statement: SQLite takes 32,766 parameters, and no row has more than 15."""

_SCHEDULE = """
INSERT INTO job_runs (run_id, account_id, job, tick, trigger, state_since, state, host, attempt, done, due,
    note, error)
VALUES {values}
ON CONFLICT (run_id) DO NOTHING
"""

_START = f"""
INSERT INTO job_runs (run_id, account_id, job, tick, trigger, host, state_since, heartbeat_at, started_at,
    state, attempt, done, due, note, error)
VALUES {{values}}
ON CONFLICT (run_id) DO UPDATE SET
    state = excluded.state, state_since = excluded.state_since, host = excluded.host,
    heartbeat_at = excluded.heartbeat_at, attempt = job_runs.attempt + 1,
    started_at = COALESCE(job_runs.started_at, excluded.started_at), ended_at = NULL
WHERE job_runs.state IN ({", ".join(f"'{state}'" for state in STARTABLE)})
RETURNING run_id, attempt
"""  # noqa: S608 - no value is ever part of the text

_STEPS = """
INSERT INTO job_steps (run_id, account_id, number, name, started_at, ended_at, result_bytes, error)
VALUES {values}
ON CONFLICT (run_id, number) DO UPDATE SET
    account_id = excluded.account_id, name = excluded.name, started_at = excluded.started_at,
    ended_at = excluded.ended_at, result_bytes = excluded.result_bytes, error = excluded.error
"""

_ENDED = """
WITH ended (ended_run, ended_try, end_state, end_at, end_took, end_done, end_due, end_note, end_error)
AS (VALUES {values})"""

_END = f"""
UPDATE job_runs SET
    state = end_state, state_since = end_at, ended_at = end_at, took_s = end_took, done = end_done,
    due = end_due, note = end_note, error = end_error
FROM ended
WHERE run_id = ended_run AND attempt = ended_try AND state = '{RunState.RUNNING.value}'
RETURNING run_id
"""  # noqa: S608 - the same

_END_WITH_STEPS = f""",
done_runs AS ({_END}),
step (run_id, account_id, number, name, started_at, ended_at, result_bytes, error) AS (VALUES {{steps}}),
kept AS (
    INSERT INTO job_steps (run_id, account_id, number, name, started_at, ended_at, result_bytes, error)
    SELECT step.run_id, step.account_id, CAST(number AS INTEGER), name, CAST(started_at AS TIMESTAMPTZ),
        CAST(ended_at AS TIMESTAMPTZ), CAST(result_bytes AS INTEGER), error
    FROM step JOIN done_runs ON done_runs.run_id = step.run_id
    {_STEPS[_STEPS.index("ON CONFLICT") :]})
SELECT run_id FROM done_runs
"""  # noqa: S608 - the same


@dataclass(frozen=True, slots=True)
class Start:
    """A process takes up a run."""

    run_id: str
    account_id: str | None
    job: str
    tick: datetime
    trigger: str
    host: str
    now: datetime


@dataclass(frozen=True, slots=True)
class End:
    """A run comes to its end, with all its steps."""

    run_id: str
    account_id: str | None
    attempt: int
    state: RunState
    now: datetime
    took: timedelta
    done: int = 0
    due: int = 0
    note: str = ""
    error: str = ""
    steps: Sequence[StepRow] = ()


async def schedule(connection: AsyncConnection, runs: Iterable[Mapping[str, Any]]) -> None:
    """Add rows for runs that wait to be started; a run that has a row already keeps it.

    Each mapping has ``run_id, account_id, job, tick, trigger, now``.
    """
    time = _Times(connection)
    rows = [
        (
            *(run["run_id"], run["account_id"], run["job"], time(run["tick"]), run["trigger"]),
            *(time(run["now"]), RunState.SCHEDULED.value, "", 0, 0, 0, "", ""),
        )
        for run in runs
    ]
    await _run(connection, _SCHEDULE, rows)


async def start(connection: AsyncConnection, starts: Sequence[Start]) -> dict[str, int]:
    """Take up runs: the number of this try of each (1 for the first); a run that has ended is left out.

    The number fences: what an earlier holder of the run writes later is refused. No run may be named twice.
    """
    time = _Times(connection)
    rows = []
    for run in starts:
        now = time(run.now)
        rows.append(
            (
                *(run.run_id, run.account_id, run.job, time(run.tick), run.trigger, run.host),
                *(now, now, now, RunState.RUNNING.value, 1, 0, 0, "", ""),
            )
        )
    return {row[0]: int(row[1]) for row in await _run(connection, _START, rows)}


async def put_steps(
    connection: AsyncConnection, runs: Iterable[tuple[str, str | None, Sequence[StepRow]]]
) -> None:
    """Store the steps of runs (id, account, steps); one that is stored already is brought up to date."""
    await _run(connection, _STEPS, _step_rows(_Times(connection), runs))


def _step_rows(
    time: _Times, runs: Iterable[tuple[str, str | None, Sequence[StepRow]]]
) -> list[tuple[Any, ...]]:
    rows = {
        (run_id, step.number): (
            *(run_id, account_id, step.number, step.name[:80]),
            *(time(step.started_at), time(step.ended_at), step.result_bytes, step.error),
        )
        for run_id, account_id, steps in runs
        for step in steps
    }
    return list(rows.values())


async def end(connection: AsyncConnection, ends: Sequence[End]) -> set[str]:
    """Write outcomes and steps; returns the runs whose outcome was written.

    Nothing is written of a run that another process has taken.
    """
    time = _Times(connection)
    found: set[str] = set()
    for first in range(0, len(ends), AT_ONCE):
        part = ends[first : first + AT_ONCE]
        rows = [
            (
                *(run.run_id, run.attempt, run.state.value, time(run.now), run.took.total_seconds()),
                *(run.done, run.due, run.note, run.error),
            )
            for run in part
        ]
        steps = _step_rows(time, ((run.run_id, run.account_id, run.steps) for run in part))
        found |= await _end(connection, rows, steps)
    return found


async def _end(
    connection: AsyncConnection, rows: Sequence[tuple[Any, ...]], steps: Sequence[tuple[Any, ...]]
) -> set[str]:
    """One statement on PostgreSQL; SQLite knows no UPDATE in a WITH, and a statement is no journey there."""
    if connection.dialect.name != "sqlite" and 0 < len(steps) <= AT_ONCE:
        text = (_ENDED + _END_WITH_STEPS).format(values=_marks(rows, "%s"), steps=_marks(steps, "%s"))
        values = tuple(value for row in (*rows, *steps) for value in row)
        return {row[0] for row in await connection.exec_driver_sql(text, values)}
    ended = {row[0] for row in await _run(connection, _ENDED + _END, rows)}
    await _run(connection, _STEPS, [row for row in steps if row[0] in ended])
    return ended


class _Times:
    """Times as the driver of this connection wants them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._type = UtcTime()
        self._dialect = connection.dialect

    def __call__(self, value: datetime | None) -> Any:
        return self._type.process_bind_param(value, self._dialect)


async def _run(connection: AsyncConnection, statement: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The statement for all rows; what it returned."""
    found: list[Any] = []
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    for first in range(0, len(rows), AT_ONCE):
        part = rows[first : first + AT_ONCE]
        text = statement.format(values=_marks(part, mark))
        result = await connection.exec_driver_sql(text, tuple(value for row in part for value in row))
        if result.returns_rows:
            found.extend(result)
    return found


def _marks(rows: Sequence[tuple[Any, ...]], mark: str) -> str:
    one = f"({', '.join([mark] * len(rows[0]))})"
    return ", ".join([one] * len(rows))
