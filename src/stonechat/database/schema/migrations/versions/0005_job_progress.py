"""Runs and their steps are kept by the job engine alone; a row of each job and account tells where it is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from stonechat.database.schema.types import Json, UtcTime

revision = "0005"
down_revision = "0004"

ENDS_KEPT = 20
ENDED = ("succeeded", "failed", "timed_out")


def upgrade() -> None:
    """The new table, filled from the old ones, which go."""
    progress = _create()
    rows = _rows(op.get_bind())
    if rows:
        op.bulk_insert(progress, rows)
    op.drop_table("job_steps")
    op.drop_table("job_runs")
    op.execute("DELETE FROM state_history WHERE kind = 'run'")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS stonechat_run_history()")
        op.execute("DROP SCHEMA IF EXISTS stonechat_engine CASCADE")  # the former engine's own records


def _create() -> sa.Table:
    table = op.create_table(
        "job_progress",
        sa.Column("id", sa.String(length=250), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("job", sa.String(length=60), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("position", UtcTime(), nullable=True),
        sa.Column("run_id", sa.String(length=250), nullable=True),
        sa.Column("tick", UtcTime(), nullable=True),
        sa.Column("trigger", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=True),
        sa.Column("host", sa.String(length=120), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=True),
        sa.Column("due", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("ends", Json, nullable=False),
        sa.Column("held_tick", UtcTime(), nullable=True),
        sa.Column("held_at", UtcTime(), nullable=True),
        sa.Column("held_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_progress")),
    )
    op.create_index("ix_progress_job", "job_progress", ["job"])
    op.create_index("ix_progress_changed", "job_progress", ["changed_at"])
    return table


def _rows(connection: sa.Connection) -> list[dict[str, Any]]:
    """What the old rows tell of each job and account: its position, its last outcome, its latest ends."""
    runs = sa.table(
        "job_runs",
        *(sa.column(name, UtcTime()) for name in ("tick", "started_at", "ended_at")),
        *(sa.column(name) for name in ("run_id", "job", "account_id", "trigger", "state", "host", "attempt")),
        *(sa.column(name) for name in ("took_s", "done", "due", "note", "error")),
    )
    query = (
        sa.select(runs).where(runs.c.state.in_(ENDED), runs.c.ended_at.is_not(None)).order_by(runs.c.ended_at)
    )
    rows: dict[str, dict[str, Any]] = {}
    for run in connection.execute(query).mappings():
        key = f"{run['job']}/{run['account_id'] or ''}"
        before = rows.get(key, {"position": None, "ends": []})
        position = before["position"]
        if run["trigger"] == "schedule":
            position = run["tick"] if position is None else max(position, run["tick"])
        idle = run["state"] == "succeeded" and run["done"] == 0 and run["due"] > 0
        end = [run["ended_at"].timestamp(), run["took_s"] or 0.0, run["state"], idle]
        kept = {"id": key, "changed_at": run["ended_at"], "position": position}
        nothing = {"held_tick": None, "held_at": None, "held_why": None}
        rows[key] = {**run, **kept, **nothing, "ends": [end, *before["ends"]][:ENDS_KEPT]}
    return list(rows.values())
