"""Which runs are open is known without reading every run that was ever kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stonechat.jobs.execution.connection_pool import PatientPool
from stonechat.jobs.execution.run_records import WORKFLOW
from stonechat.jobs.execution.run_store import RunStore

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Kept:
    """A run as the engine tells of it."""

    workflow_id: str
    at: datetime
    status: str = "ENQUEUED"
    name: str = WORKFLOW
    app_version: str = "2"
    executor_id: str = ""
    queue_name: str = "database"
    dequeued_at: int | None = None
    completed_at: int | None = None
    updated_at: int = 0
    attributes: Any = None
    input: Any = None
    output: Any = None
    error: Any = None

    @property
    def created_at(self) -> int:
        return int(self.at.timestamp() * 1000)


@dataclass
class Engine:
    """The engine's listing, over runs in memory; counts how many it had to read."""

    runs: list[Kept] = field(default_factory=list)
    read: int = 0

    def list_workflows(
        self,
        *,
        status: str | Sequence[str] | None = None,
        start_time: str | None = None,
        workflow_ids: Sequence[str] | None = None,
        limit: int | None = None,
        sort_desc: bool = False,
        **_: Any,
    ) -> list[Kept]:
        since = datetime.fromisoformat(start_time) if start_time else None
        found = [
            run
            for run in sorted(self.runs, key=lambda run: run.at, reverse=sort_desc)
            if (since is None or run.at >= since) and (not workflow_ids or run.workflow_id in workflow_ids)
        ]
        self.read += len(found) if limit is None else min(limit, len(found))
        found = [run for run in found if status is None or run.status in status]
        return found[:limit]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def store(tmp_path: Path, engine: Engine) -> RunStore:
    (tmp_path / "runs.db").touch()
    return RunStore(PatientPool(f"sqlite:///{tmp_path}/runs.db"), engine, KeyError, TimeoutError)


@pytest.mark.parametrize("seed", range(20))
async def test_over_any_history_every_open_run_is_seen(store: RunStore, engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    now = START
    for number in range(200):
        now += MINUTE * rng.choice([0, 0, 1, 15])
        at = now - MINUTE * rng.choice([0, 0, 5])  # another host's clock lags
        engine.runs.append(Kept(f"a.job/{number}@{at.isoformat()}", at))
        still = [run for run in engine.runs if run.status != "SUCCESS"]
        for run in rng.sample(still, k=len(still) // 2):
            run.status = rng.choice(["ENQUEUED", "PENDING", "SUCCESS"])  # what has ended stays so
        if number % 3 == 0:
            is_open = {run.workflow_id for run in engine.runs if run.status != "SUCCESS"}
            assert {run.run_id for run in await store.active()} == is_open
            held = {run.workflow_id for run in engine.runs if run.status == "PENDING"}
            assert {run.run_id for run in await store.held()} == held


async def test_a_run_that_waits_for_days_is_seen_and_the_ended_ones_are_not_read_again(
    store: RunStore, engine: Engine
) -> None:
    engine.runs = [Kept(f"a.job/ann@{at.isoformat()}", at) for at in (START, START + 3 * MINUTE)]
    for number in range(5_000):
        at = START + timedelta(minutes=5 + number)
        engine.runs.append(Kept(f"a.job/{number}@{at.isoformat()}", at, "SUCCESS"))
    assert len(await store.active()) == 2
    assert engine.read > 5_000, "all of them once"
    engine.read = 0
    engine.runs[1].status = "SUCCESS"
    new = at + MINUTE
    engine.runs.append(Kept(f"a.job/bob@{new.isoformat()}", new, "PENDING"))
    assert [run.account_id for run in await store.active()] == ["ann", "bob"]
    assert engine.read < 20
