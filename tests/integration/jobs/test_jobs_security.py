"""Rows that are not ours in form: refused with a clear error, nothing in them runs, and the jobs go on."""

from __future__ import annotations

import base64
import os
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stonechat.core.states import RunState
from stonechat.jobs import Job, JobContext, Work, open_store, runs_url_beside
from stonechat.jobs.execution.durable_runs import SCHEMA
from stonechat.jobs.execution.run_records import WORKFLOW
from stonechat.jobs.execution.run_store import VERSION
from tests.integration.jobs.test_jobs_runner import QUICK, open_house
from tests.support.job_runs import run_now
from tests.support.waiting import eventually

HOUR = timedelta(hours=1)


async def _one(_: JobContext) -> Work:
    return Work(done=1, due=1)


class Attack:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def _write(url: str, run_id: str, **columns: object) -> None:
    """A row as a stranger's hand writes it into the engine's table."""
    schema = "" if url.startswith("sqlite") else f"{SCHEMA}."
    values: dict[str, object] = {
        "workflow_uuid": run_id,
        "status": "ENQUEUED",
        "name": WORKFLOW,
        "queue_name": "database",
        "queue_partition_key": run_id,
        "application_version": VERSION,
        "serialization": "stonechat_json",
        "inputs": '{"args": [["a.job", "ann", "2026-01-05T09:00:00+00:00", "x"]], "kwargs": {}}',
        "priority": 0,
        "created_at": 1,
        "updated_at": 1,
        **columns,
    }
    names = ", ".join(values)
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(
            sa.text(f"INSERT INTO {schema}workflow_status ({names}) VALUES ({marks})"),  # noqa: S608
            values,
        )
    engine.dispose()


async def test_no_row_is_unpickled_and_none_that_is_not_ours_stops_the_jobs(
    any_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = runs_url_beside(any_database_url)
    made = [tmp_path / name for name in ("inputs", "output", "error")]
    attacks = [base64.b64encode(pickle.dumps(Attack(path))).decode() for path in made]
    runs = {
        what: f"a.job/{what}@2026-01-05T09:00:00+00:00" for what in ("pickle", "no json", "alien", "form")
    }
    async with open_house(any_database_url, [Job("a.job", _one, every=HOUR, retry=QUICK)]) as house:
        await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        _write(url, runs["pickle"], serialization="py_pickle", inputs=attacks[0])
        _write(url, runs["no json"], inputs="{not json")
        _write(url, runs["alien"], serialization="theirs")
        _write(url, runs["form"], inputs='{"args": [{"rm": "-rf"}], "kwargs": {}}')
        _write(url, "foreign", name="other.workflow")
        _write(
            url,
            "a.job/told@2026-01-05T09:00:00+00:00",
            status="ERROR",
            serialization="py_pickle",
            output=attacks[1],
            error=attacks[2],
        )

        async def refused() -> bool:
            found = [await house.runner.operations.show(runs[what]) for what in ("pickle", "no json", "form")]
            return all(one is not None and one[0].state is RunState.FAILED for one in found)

        await eventually(refused)
        row = await house.end_of(await run_now(house.runner, house.database, "a.job", "ann"))
        assert row.state is RunState.SUCCEEDED, "the queue stands still"
        history = await house.runner.operations.history(limit=100)
        by_id = {run.run_id: run for run in history}
        assert "not of our form" in by_id[runs["form"]].error
        assert "foreign" not in by_id
        assert (await house.runner.operations.show("a.job/told@2026-01-05T09:00:00+00:00")) is not None
    async with open_store(url) as store:
        await store.history(limit=100)
    assert not any(path.exists() for path in made), "a row was unpickled"
