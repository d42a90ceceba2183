"""Processes that run jobs, killed and frozen: what they leave is gone on with, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from stonechat.core.states import RunState
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs import RunStep, open_store, runs_url_beside
from tests.support.job_workers import Workers
from tests.support.processes import Reaper, wait_until


@pytest.fixture
def workers_on(tmp_path: Path, reaper: Reaper) -> Iterator[Callable[[str], Workers]]:
    made: list[Workers] = []

    def make(url: str) -> Workers:
        made.append(Workers(url, tmp_path, reaper))
        return made[-1]

    yield make
    for workers in made:
        workers.stop()


async def _run(url: str) -> tuple[JobRun, list[RunStep]]:
    async with open_store(runs_url_beside(url)) as store:
        (row,) = await store.history("test.steps")
        return row, await store.steps(row.run_id)


async def test_a_run_goes_on_at_the_step_in_which_its_process_was_killed(
    any_database_url: str, workers_on: Callable[[str], Workers]
) -> None:
    workers = workers_on(any_database_url)
    first = workers.start("steps", wake=True)
    workers.until("two-begins")
    first.kill()
    workers.start("steps")
    workers.until("two-begins", 2)
    workers.open_gate()
    workers.until("three")
    workers.stop()
    said = Counter(workers.said())
    assert said["one"] == 1, "a finished step was repeated"
    assert said["two-ends"] == said["three"] == 1
    row, steps = await _run(any_database_url)
    assert (row.state, row.attempt, row.done) == (RunState.SUCCEEDED, 2, 3)
    assert [(step.number, step.name) for step in steps] == [(1, "one"), (2, "two"), (3, "three")]


async def test_a_run_is_left_to_the_next_start_when_its_process_is_told_to_stop(
    sqlite_url: str, workers_on: Callable[[str], Workers]
) -> None:
    workers = workers_on(sqlite_url)
    first = workers.start("steps", wake=True)
    workers.until("two-begins")
    first.stop()
    workers.start("steps")
    workers.until("two-begins", 2)
    workers.open_gate()
    workers.until("three")
    assert workers.count("one") == 1


@pytest.mark.parametrize("wakes", ["while the other host works", "after the other host has finished"])
async def test_another_host_takes_over_and_the_zombie_cannot_finish_the_step(
    postgres_url: str, workers_on: Callable[[str], Workers], wakes: str
) -> None:
    workers = workers_on(postgres_url)
    zombie = workers.start("steps", wake=True)
    workers.until("two-begins")
    workers.start("steps")
    zombie.freeze()
    workers.until("two-begins", 2)
    if wakes == "while the other host works":
        zombie.thaw()
        workers.open_gate()
        workers.until("three")
    else:
        workers.open_gate()
        workers.until("three")
        zombie.thaw()
    zombie.stop()
    assert workers.count("one") == workers.count("three") == 1
    assert "three" not in workers.said_by(zombie_pid(workers)), "the zombie went on"
    row, _ = await _run(postgres_url)
    assert row.state is RunState.SUCCEEDED
    assert row.attempt == 2, "the zombie wrote into the run"


def zombie_pid(workers: Workers) -> int:
    """The process that spoke first."""
    return int(workers.out.read_text().splitlines()[0].split()[-1])


async def test_two_processes_run_each_tick_once(
    any_database_url: str, workers_on: Callable[[str], Workers]
) -> None:
    workers = workers_on(any_database_url)
    workers.start("ticks")
    workers.start("ticks")
    wait_until(lambda: len(set(workers.said())) > 20, "twenty ticks", 60)
    workers.stop()
    runs = Counter(what for what in workers.said() if "@" in what)
    assert set(runs.values()) == {1}, runs.most_common(3)
    for number in range(3):
        ticks = sorted(
            datetime.fromisoformat(run.split("@")[1]) for run in runs if run.startswith(f"test.tick{number}@")
        )
        gaps = {(after - before).total_seconds() for before, after in pairwise(ticks)}
        assert gaps == {0.5}, "a tick was missed"
    assert len(workers.working()) == 2, "one process did all the work"
