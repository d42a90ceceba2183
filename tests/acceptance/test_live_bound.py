"""The whole product, live, on a network that stores texts in another form than they were given in."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import Reaper, free_port
from tests.support.product import STONECHAT, environment, fetch
from tests.support.servers import Aviary, aviary

HANDLE = "quietbuilder"
TEXTS = ("Cafe\u0301 talk closes at six.", "See README.md first.\n#sleep\nand main.rs")


def wait_for(condition: Any, *, seconds: float, process: Any = None) -> Any:
    """The first true value of ``condition()``; the process must live until then."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if process is not None and process.poll() is not None:
            pytest.fail(f"it ended by itself with {process.returncode}")
        if found := condition():
            return found
        time.sleep(0.2)
    pytest.fail("it did not come about in time")


def live(folder: Path, network: Aviary, **more: str) -> dict[str, str]:
    return environment(
        MODE="demo",  # publishes as live does; a session may go to this machine in the demo alone
        X_WEB_RISK_ACCEPTED=HANDLE,
        TWITTER_SESSION_B64=network.about["session_b64"],
        X_BASE_URL=network.base_url,
        OPENAI_BASE_URL=network.about["model_url"],
        OPENAI_API_KEY="local",
        ACCOUNT_HANDLE=HANDLE,
        ALERT_WEBHOOK_URL=network.about["inbox_url"],
        ALERT_GROUP_WAIT="1s",
        DASHBOARD_PASSWORD="a password of its own",
        POSTS_PER_DAY="1",
        POSTING_MIN_SPACING="0s",
        RECONCILE_GRACE="2s",
        POSTING_CLICK_WITHIN="5s",
        PORT=str(free_port()),
        DATA_DIR=str(folder / "data"),
        **more,
    )


@contextlib.contextmanager
def running(folder: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """``stonechat run`` until the block ends."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen((*STONECHAT, "run"), cwd=folder, env=settings, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


def now() -> tuple[str, ...]:
    """The network's clock goes as ours does."""
    origin = time.time()
    return "--epoch", datetime.fromtimestamp(origin, UTC).isoformat(), "--origin", str(origin)


def command(folder: Path, settings: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        (*STONECHAT, *words),
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clicks(folder: Path) -> Counter[str]:
    """How often each piece was clicked, by the product's own rows."""
    with sqlite3.connect(folder / "data" / "stonechat.db") as database:
        rows = database.execute(
            "SELECT content_id FROM post_attempts WHERE outcome IS NULL"
            " OR outcome NOT IN ('refused', 'unreached', 'rehearsed')"
        )
        return Counter(str(row[0]) for row in rows)


def sent(network: Aviary) -> int:
    return int(fetch(f"{network.base_url}/aviary/stats")["requests"].get("CreateTweet", 0))


def inbox(network: Aviary) -> str:
    return json.dumps(fetch(f"{network.base_url}/aviary/inbox"))


def states(folder: Path, settings: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(command(folder, settings, "queue", "show", "--json"))
    return rows


@pytest.mark.long
@pytest.mark.timeout(300)
def test_texts_that_the_network_stores_otherwise_are_clicked_once_and_count_as_posted(
    tmp_path: Path, reaper: Reaper
) -> None:
    with aviary(reaper, "--handle", HANDLE, "--unkind", *now()) as network:
        httpx.post(f"{network.base_url}/aviary/levers", json={"refuse": {}, "duplicate_refused": False})
        settings = live(tmp_path, network)
        for text in TEXTS:
            command(tmp_path, settings, "queue", "add", text, "--at", "now", "--despite", "links")
        with running(tmp_path, settings) as process:
            wait_for(
                lambda: len(fetch(f"{network.base_url}/aviary/ledger")["posts"]) >= 2,
                seconds=120,
                process=process,
            )
            began = time.monotonic()  # in the time after it the same texts went out again and again
            wait_for(lambda: time.monotonic() - began > 15, seconds=20, process=process)
        stored = [row["text"] for row in fetch(f"{network.base_url}/aviary/ledger")["posts"]]
        assert sorted(stored) == [
            "Caf\u00e9 talk closes at six.",
            "See README.md first.\n#sleep\nand main.rs",
        ]
        assert set(clicks(tmp_path).values()) == {1}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_network_that_answers_with_a_code_that_nobody_knows_is_asked_twice_and_then_a_human(
    tmp_path: Path, reaper: Reaper
) -> None:
    with aviary(reaper, "--handle", HANDLE, *now()) as network:
        levers = {"refuse": {"code": 220, "n": 1000}}
        httpx.post(f"{network.base_url}/aviary/levers", json=levers).raise_for_status()
        settings = live(tmp_path, network)
        command(tmp_path, settings, "queue", "add", TEXTS[0], "--at", "now")
        with running(tmp_path, settings) as process:
            wait_for(lambda: "waits for you" in inbox(network), seconds=200, process=process)
            told = time.monotonic()
            wait_for(lambda: time.monotonic() - told > 5, seconds=10, process=process)
        assert sent(network) == 2
        [asked] = [row for row in states(tmp_path, settings) if row["state"] == "failed"]
        assert "look at the profile" in asked["why"]
        assert "queue again" in inbox(network)
