"""``stonechat jobs``, on a database on which a process runs jobs, and on one that nothing works on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stonechat.cli.main import app
from tests.support.job_workers import Workers
from tests.support.processes import Reaper, ServerProcess, wait_until


class Commands:
    """``stonechat jobs …`` as a user types it, in a folder of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self._environment = {"DATABASE_URL": url, "DATA_DIR": str(folder), "COLUMNS": "200"}
        self._runner = CliRunner()

    def __call__(self, *words: str, code: int = 0) -> str:
        done = self._runner.invoke(app, ["jobs", *words], env=self._environment)
        assert done.exit_code == code, done.output + repr(done.exception)
        return done.output

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def state(self, run_id: str) -> str:
        state: str = self.json("show", run_id)["run"]["state"]
        return state


@pytest.fixture
def commands(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(sqlite_url, tmp_path)


@contextmanager
def working(url: str, folder: Path, reaper: Reaper, kind: str) -> Iterator[tuple[Workers, ServerProcess]]:
    workers = Workers(url, folder, reaper)
    try:
        yield workers, workers.start(kind)
    finally:
        workers.stop()


def test_a_process_at_work_is_seen_and_steered(
    commands: Commands, sqlite_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    with working(sqlite_url, tmp_path, reaper, "steps") as (workers, process):
        assert f"process {process.pid} on" in commands()
        (row,) = commands.json()
        assert (row["name"], row["every"], row["last"]) == ("test.steps", 3600, None)

        (asked,) = commands.json("run", "test.steps")
        workers.until("two-begins")
        shown = commands.json("show", asked["run_id"])
        assert shown["run"]["state"] == "running" and str(process.pid) in shown["run"]["host"]
        assert shown["run"]["trigger"].endswith("(command line)")
        assert "Cancelled" in commands("cancel", asked["run_id"])
        wait_until(lambda: commands.state("test.steps") == "skipped", "the run was stopped")
        assert "ended already" in commands("cancel", asked["run_id"], code=1)

        workers.open_gate()
        (done,) = commands.json("run", "test.steps", "--wait", "60")
        assert (done["state"], done["done"], done["due"]) == ("succeeded", 3, 3)
        steps = commands.json("show", "test.steps")["steps"]
        assert [step["name"] for step in steps] == ["one", "two", "three"]
        assert all(step["started_at"] <= step["ended_at"] for step in steps)
        history = commands.json("history", "test.steps")
        assert [run["state"] for run in history] == ["succeeded", "skipped"]
        assert "three" in commands("show", done["run_id"]) and done["run_id"] in commands("history")


def test_a_schedule_is_held_and_goes_on(
    commands: Commands, sqlite_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    with working(sqlite_url, tmp_path, reaper, "ticks") as (workers, _):
        wait_until(lambda: any("@" in line for line in workers.said()), "a tick")
        said = commands.json("pause", "test.tick0", "--why", "looking into it")
        assert said["said"] == "Paused: test.tick0. looking into it"
        assert (said["line"]["before"], said["line"]["after"]) == ("on", "off")

        def is_held() -> bool:
            return any("looking into it" in run["note"] for run in commands.json("history", "test.tick0"))

        wait_until(is_held, "a tick was held, and a row says why")
        paused = {row["name"]: row["paused"] for row in commands.json()}
        assert paused == {"test.tick0": "looking into it", "test.tick1": None, "test.tick2": None}
        before = sum("test.tick0@" in line for line in workers.said())
        commands("resume", "test.tick0")
        more = "ticks go on"
        wait_until(lambda: sum("test.tick0@" in line for line in workers.said()) > before, more)


def test_while_nothing_runs_everything_is_read_from_the_rows_and_waits_in_them(
    commands: Commands, sqlite_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    assert "Nothing answers" in commands(code=1), "there is neither a database nor a process"
    with working(sqlite_url, tmp_path, reaper, "steps") as (_, process):
        process.stop()

    assert "Nothing runs them now" in commands()
    assert "taken up when `stonechat run` starts" in commands("run", "test.steps")
    (row,) = commands.json("history")
    assert (row["state"], row["trigger"].split(":")[0]) == ("scheduled", "manual")
    commands("pause", "all", "--why", "holidays")
    assert commands.json()[0]["paused"] == "holidays"

    with working(sqlite_url, tmp_path, reaper, "steps") as (workers, _):
        workers.until("two-begins")  # what was asked for by hand runs, even while all is paused
        workers.open_gate()
        wait_until(lambda: commands.state(row["run_id"]) == "succeeded", "what had been asked for was done")
        assert commands.json()[0]["paused"] == "holidays"


def test_what_does_not_exist_is_said_and_what_may_be_meant(
    commands: Commands, sqlite_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    with working(sqlite_url, tmp_path, reaper, "steps") as (_, process):
        process.stop()
    assert "Did you mean test.steps?" in commands("run", "test.stepz", code=1)
    assert "No job is called" in commands("pause", "nothing", code=1)
    assert "There is no account" in commands("run", "test.steps", "--account", "nobody", code=1)
    assert "There is no run" in commands("show", "test.steps", code=1)
