"""The whole loop by its commands: the demo on the embedded default, ``run`` on PostgreSQL and Redis."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.forgetful import emptied_at_random
from tests.support.processes import Reaper, free_port
from tests.support.product import HANDLE, PATIENCE, STONECHAT, Product, Running, environment, fetch, running
from tests.support.settings import SESSION

SPEED = 3600


def learned(run: Product) -> bool:
    """Whether the pages tell of a post that was learned from."""
    rows: list[dict[str, Any]] = fetch(f"{run.page}/api/learning")
    return any((one.get("figures") or {}).get("posts_learned", 0) for one in rows)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_demo_publishes_measures_and_learns_and_its_report_is_clean(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ended = subprocess.run(
        (*STONECHAT, "demo", "--posts", "3", "--port", "0", "--speed", str(SPEED), "--report", str(report)),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    figures = json.loads(report.read_text())
    assert (figures["published"], figures["lost"], figures["doubled"], figures["metrics_wrong"]) == (
        3,
        0,
        0,
        0,
    )
    assert figures["rewards_learned"] == 3
    assert figures["metrics_read"] > 0
    assert figures["network_requests"]["CreateTweet"] >= 3
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.long
@pytest.mark.timeout(900)
def test_run_does_the_same_loop_on_postgresql_and_a_redis_that_forgets_and_ends_in_order(
    tmp_path: Path, reaper: Reaper, postgres_url: str, redis_url: str
) -> None:
    settings = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "POSTS_PER_DAY": "20",
        "LEARNING_MATURITY": "12h",
    }
    with (
        emptied_at_random(redis_url, seed=11) as lost,
        running(reaper, tmp_path, settings, speed=SPEED) as run,
    ):
        run.until(lambda: len(run.posts()) >= 2)
        run.until(lambda: learned(run))
        status = fetch(f"{run.page}/status")
        assert {layer["name"] for layer in status["layers"]} >= {"jobs", "posting", "cache", "learning"}
        cache = next(layer for layer in status["layers"] if layer["name"] == "cache")
        assert (cache["state"], cache["detail"]) == ("ok", "redis")
        assert sum(lost) > 0  # it was asked to keep something, and did not
        assert run.stop() == 0, run.log[-3000:]
        assert "Stopped" in run.said
        texts = [row["text"] for row in run.posts()]
        assert len(texts) == len(set(texts))
        assert "Traceback" not in run.log


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({}, 78, "OPENAI_API_KEY"),
        ({"DATABSE_URL": "sqlite:///x.db"}, 78, "Did you mean DATABASE_URL"),
        ({"TWITTER_SESSION_B64": "%%%"}, 78, "TWITTER_SESSION_B64"),
        ({"DATABASE_URL": "mysql://nowhere/x"}, 78, "postgresql://"),
    ],
)
def test_wrong_settings_are_sentences_and_nothing_is_started(
    tmp_path: Path, settings: dict[str, str], code: int, says: str
) -> None:
    ended = subprocess.run(
        (*STONECHAT, "run"),
        cwd=tmp_path,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == code
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / ".stonechat").exists()


def alone(folder: Path, **settings: str) -> dict[str, str]:
    """Settings of a Stonechat to whom neither the network nor the model answers."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    return environment(
        MODE="demo",
        TWITTER_SESSION_B64=SESSION,
        X_BASE_URL=nowhere,
        OPENAI_BASE_URL=f"{nowhere}/v1",
        OPENAI_API_KEY="local",
        ACCOUNT_HANDLE=HANDLE,
        DATA_DIR=str(folder / "data"),
        **settings,
    )


def test_without_a_browser_everything_else_runs_and_says_so(tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    settings = alone(tmp_path, PORT=str(free_port()), BROWSER_EXECUTABLE=str(program))
    run = Running(tmp_path, settings)

    def ready() -> bool:
        try:
            return httpx.get(f"{run.page}/readyz", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    try:
        run.until(ready)
        status = fetch(f"{run.page}/status")
        layers = {layer["name"]: layer for layer in status["layers"]}
        assert layers["browser"]["state"] == "down"
        assert "does not start" in layers["browser"]["cause"]
        assert fetch(f"{run.page}/api/jobs")
    finally:
        code = run.stop()
    assert code == 0, run.log[-3000:]


def test_a_job_manager_that_does_not_start_ends_the_process_with_a_sentence_and_a_code(
    tmp_path: Path,
) -> None:
    ended = subprocess.run(
        (*STONECHAT, "run"),
        cwd=tmp_path,
        env=alone(tmp_path, PORT="0", JOBS_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{free_port()}/x"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr[-2000:]
    assert "JOBS_DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Running" not in ended.stdout


def test_doctor_speaks_json_about_every_fault(tmp_path: Path) -> None:
    ended = subprocess.run(
        (*STONECHAT, "doctor", "--json"),
        cwd=tmp_path,
        env=environment(PORT="banana"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = json.loads(ended.stdout)
    assert ended.returncode == 78
    assert not said["ok"]
    named = {check["name"]: check for check in said["checks"]}
    assert named["setting PORT"]["verdict"] == "fail"
    assert named["setting PORT"]["fix"]
