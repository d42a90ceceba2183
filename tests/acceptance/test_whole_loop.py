"""The whole loop by its commands: the demo on the embedded default, ``run`` on PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.forgetful import emptied_at_random
from tests.support.processes import free_port
from tests.support.servers import aviary
from tests.unit.config.test_loader import SESSION

STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
EPOCH = "2026-01-05T08:00:00+00:00"
SPEED = "3600"


def fetch(url: str) -> dict:
    return httpx.get(url, timeout=10).raise_for_status().json()


def posts_learned(summary: dict) -> int:
    return (summary.get("figures") or {}).get("posts_learned", 0)


def environment(**settings: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | settings


def wait_for(condition, *, seconds: float, process: subprocess.Popen | None = None):
    """The first true value of ``condition()``; the process must live until then."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if process is not None and process.poll() is not None:
            pytest.fail(f"it ended by itself with {process.returncode}")
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail("it did not come about in time")


@pytest.mark.timeout(420)
def test_the_demo_publishes_measures_and_learns_and_its_report_is_clean(tmp_path: Path):
    report = tmp_path / "report.json"
    ended = subprocess.run(
        (*STONECHAT, "demo", "--posts", "3", "--port", "0", "--speed", SPEED, "--report", str(report)),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=400,
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


@pytest.mark.timeout(300)
def test_run_does_the_same_loop_on_postgresql_and_a_redis_that_forgets_and_ends_in_order(
    tmp_path: Path, reaper, postgres_url: str, redis_url: str
):
    origin = str(time.time() + 5)
    arguments = ("--speed", SPEED, "--epoch", EPOCH, "--origin", origin, "--handle", "quietbuilder")
    port = free_port()
    with aviary(reaper, *arguments) as network, emptied_at_random(redis_url, seed=11) as lost:
        settings = environment(
            MODE="demo",
            DATABASE_URL=postgres_url,
            REDIS_URL=redis_url,
            TWITTER_SESSION_B64=network.about["session_b64"],
            X_BASE_URL=network.base_url,
            OPENAI_BASE_URL=network.about["model_url"],
            OPENAI_API_KEY="local",
            ACCOUNT_HANDLE="quietbuilder",
            POSTS_PER_DAY="20",
            LEARNING_MATURITY="12h",
            CLOCK_SPEED=SPEED,
            CLOCK_EPOCH=EPOCH,
            CLOCK_ORIGIN=origin,
            PORT=str(port),
            DATA_DIR=str(tmp_path / "data"),
        )
        process = subprocess.Popen(
            (*STONECHAT, "run"),
            cwd=tmp_path,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "log").open("wb"),
            text=True,
        )
        page = f"http://127.0.0.1:{port}"
        try:

            def ledger() -> list[dict]:
                rows = fetch(f"{network.base_url}/aviary/ledger?author=quietbuilder")["posts"]
                return [row for row in rows if row["in_reply_to"] is None]

            wait_for(lambda: len(ledger()) >= 2, seconds=120, process=process)
            learned = wait_for(
                lambda: [one for one in fetch(f"{page}/api/learning") if posts_learned(one)],
                seconds=120,
                process=process,
            )
            assert learned
            status = fetch(f"{page}/status")
            assert {layer["name"] for layer in status["layers"]} >= {"jobs", "posting", "cache", "learning"}
            cache = next(layer for layer in status["layers"] if layer["name"] == "cache")
            assert (cache["state"], cache["detail"]) == ("ok", "redis")
            assert sum(lost) > 0  # it was asked to keep something, and did not
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=40)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        assert process.returncode == 0, (tmp_path / "log").read_text()[-3000:]
        assert "Stopped" in said
        texts = [row["text"] for row in ledger()]
        assert len(texts) == len(set(texts))
        assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({}, 78, "OPENAI_API_KEY"),
        ({"DATABSE_URL": "sqlite:///x.db"}, 78, "Did you mean DATABASE_URL"),
        ({"TWITTER_SESSION_B64": "%%%"}, 78, "TWITTER_SESSION_B64"),
        ({"DATABASE_URL": "mysql://nowhere/x"}, 78, "postgresql://"),
    ],
)
def test_wrong_settings_are_sentences_and_nothing_is_started(tmp_path: Path, settings, code, says):
    ended = subprocess.run(
        (*STONECHAT, "run"),
        cwd=tmp_path,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
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
        ACCOUNT_HANDLE="quietbuilder",
        DATA_DIR=str(folder / "data"),
        **settings,
    )


def test_without_a_browser_everything_else_runs_and_says_so(tmp_path: Path):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    port = free_port()
    settings = alone(tmp_path, PORT=str(port), BROWSER_EXECUTABLE=str(program))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen((*STONECHAT, "run"), cwd=tmp_path, env=settings, stdout=log, stderr=log)
    try:

        def ready() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200
            except httpx.TransportError:
                return False

        wait_for(ready, seconds=60, process=process)
        status = fetch(f"http://127.0.0.1:{port}/status")
        layers = {layer["name"]: layer for layer in status["layers"]}
        assert layers["browser"]["state"] == "down"
        assert "does not start" in layers["browser"]["cause"]
        assert fetch(f"http://127.0.0.1:{port}/api/jobs")
    finally:
        process.terminate()
        assert process.wait(40) == 0, (tmp_path / "log").read_text()[-3000:]


def test_a_job_manager_that_does_not_start_ends_the_process_with_a_sentence_and_a_code(tmp_path: Path):
    ended = subprocess.run(
        (*STONECHAT, "run"),
        cwd=tmp_path,
        env=alone(tmp_path, PORT="0", JOBS_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{free_port()}/x"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr[-2000:]
    assert "JOBS_DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Running" not in ended.stdout


def test_doctor_speaks_json_about_every_fault(tmp_path: Path):
    ended = subprocess.run(
        (*STONECHAT, "doctor", "--json"),
        cwd=tmp_path,
        env=environment(PORT="banana"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = json.loads(ended.stdout)
    assert ended.returncode == 78
    assert not said["ok"]
    named = {check["name"]: check for check in said["checks"]}
    assert named["setting PORT"]["verdict"] == "fail"
    assert named["setting PORT"]["fix"]
