"""Three processes over one PostgreSQL, killed and frozen at random: each tick is run, and once."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stonechat.core.states import RunState
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs import open_store, runs_url_beside
from stonechat.jobs.execution.run_store import RunStore
from tests.support.job_workers import Workers
from tests.support.processes import Reaper, ServerProcess, wait_until
from tests.support.waiting import eventually

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("STONECHAT_CHAOS_SECONDS", "60"))
"""How long things go wrong; the full exercise is 120."""

FIGURES = logging.getLogger("figures")
"""What was measured; shown by ``pytest -rP``."""

TICK = timedelta(seconds=1)


@pytest.mark.timeout(120 + 3 * SECONDS)
async def test_over_kills_and_freezes_each_tick_is_run_exactly_once(
    postgres_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    workers = Workers(postgres_url, tmp_path, reaper)
    began = datetime.now(UTC) + 4 * TICK
    fleet = [workers.start("slow ticks") for _ in range(3)]
    wait_until(lambda: len(set(workers.said())) > 6, "the first ticks", 60)
    hit = _go_wrong(workers, fleet, random.Random(20260105), time.monotonic() + SECONDS)
    ended = datetime.now(UTC)
    async with open_store(runs_url_beside(postgres_url)) as store:

        async def all_done() -> bool:
            rows = await _rows(store)
            latest = {row.job: row.tick for row in rows}
            busy = [row for row in rows if row.tick <= ended and row.state is not RunState.SUCCEEDED]
            return len(latest) == 3 and min(latest.values()) > ended and not busy

        await eventually(all_done, within=60, every=0.5)
        workers.stop()
        rows = [row for row in await _rows(store) if began <= row.tick <= ended]
    for job in ("test.tick0", "test.tick1", "test.tick2"):
        ticks = sorted(row.tick for row in rows if row.job == job)
        missing = (ticks[-1] - ticks[0]) / TICK + 1 - len(ticks)
        assert missing == 0, f"{missing} ticks of {job} never ran"
    said = Counter(workers.said())
    tries = {row.run_id: row.attempt for row in rows}
    assert tries
    for run, attempt in tries.items():
        assert 1 <= said[run] <= attempt, f"{run} began {said[run]} times in {attempt} tries"
        assert 1 <= said[f"{run}#done"] <= attempt
    again = [run for run, attempt in tries.items() if attempt == 1 and said[run] + said[f"{run}#done"] != 2]
    assert not again, "a run that nothing interrupted did something twice"
    interrupted = [run for run, attempt in tries.items() if attempt > 1]
    repeated = sum(said[run] - 1 + said[f"{run}#done"] - 1 for run in tries)
    assert repeated <= len(interrupted), "more than the one step that was interrupted was repeated"
    resumed = [run for run in hit if tries.get(run, 2) > 1]
    assert resumed == sorted(hit), "a run that was interrupted was not gone on with"
    FIGURES.warning(
        "%d ticks, %d runs hit in their middle, %d steps repeated", len(tries), len(hit), repeated
    )


def _go_wrong(workers: Workers, fleet: list[ServerProcess], rng: random.Random, until: float) -> list[str]:
    """Kill and freeze until then, and until a run was killed in its middle; the runs so hit, in order.

    Faults are drawn from a bag, so that each dozen seconds have a kill and a freeze that is taken for one.
    """
    hit: set[str] = set()
    bag: list[str] = []
    while time.monotonic() < until or not hit:
        if not bag:
            bag = ["kill", *rng.sample(["freeze", "kill", "nap"], 3)]
        fault, victim = bag.pop(0), rng.choice(fleet)
        pid = victim.pid
        with contextlib.suppress(TimeoutError):  # others are faster: hit this one in its idleness
            wait_until(lambda pid=pid: bool(workers.unfinished_by(pid)), "a run", seconds=3)  # type: ignore[misc]
        if fault == "kill":
            victim.kill()
            hit |= workers.unfinished_by(pid)  # it says nothing any more
            time.sleep(rng.uniform(0, 2))
            victim.start()
        else:
            victim.freeze()
            time.sleep(rng.uniform(6, 9) if fault == "freeze" else rng.uniform(0.1, 2))
            victim.thaw()
        time.sleep(rng.uniform(0, 1.5))
    return sorted(hit)


async def _rows(store: RunStore) -> list[JobRun]:
    rows = await store.history(limit=100_000)
    return sorted((row for row in rows if row.trigger == "schedule"), key=lambda row: row.tick)
