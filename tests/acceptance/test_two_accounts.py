"""Two accounts in one process: one's session ends, the other goes on; a new log-in is taken up as it runs."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.test_whole_loop import EPOCH, SPEED, STONECHAT, environment, fetch, wait_for
from tests.support.processes import Reaper, free_port
from tests.support.servers import Aviary, aviary

FIRST, SECOND = "quietbuilder", "secondhand"


class Running:
    """A ``stonechat run`` for both accounts, and the network that they are on."""

    def __init__(self, folder: Path, network: Aviary, origin: str) -> None:
        self.folder = folder
        self.network = network
        self.page = f"http://127.0.0.1:{(port := free_port())}"
        (folder / "stonechat.toml").write_text(
            f'[[accounts]]\nhandle = "{SECOND}"\nposts_per_day = 20\napproval = "replies"\n'
        )
        sessions = network.about["sessions"]
        self.settings = environment(
            MODE="demo",
            TWITTER_SESSION_B64=sessions[FIRST],
            TWITTER_SESSION_B64_SECONDHAND=sessions[SECOND],
            X_BASE_URL=network.base_url,
            OPENAI_BASE_URL=network.about["model_url"],
            OPENAI_API_KEY="local",
            ACCOUNT_HANDLE=FIRST,
            POSTS_PER_DAY="20",
            CLOCK_SPEED=SPEED,
            CLOCK_EPOCH=EPOCH,
            CLOCK_ORIGIN=origin,
            PORT=str(port),
            DATA_DIR=str(folder / "data"),
        )
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                (*STONECHAT, "run"), cwd=folder, env=self.settings, stdout=log, stderr=log
            )

    def posts(self) -> Counter[str]:
        rows = fetch(f"{self.network.base_url}/aviary/ledger")["posts"]
        return Counter(row["author"] for row in rows if row["in_reply_to"] is None)

    def alerts(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = httpx.get(f"{self.page}/api/alerts", timeout=10).json()
        return [row for row in rows if row["state"] == "firing" and "session" in row["title"].lower()]

    def ask(self, path: str, account: str) -> dict[str, Any]:
        answer = httpx.post(f"{self.network.base_url}/aviary/{path}", json={"account": account}, timeout=10)
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    def waits_for(self, condition: Any) -> Any:
        return wait_for(condition, seconds=120, process=self.process)

    def log_in(self, session: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "session.json").write_bytes(base64.b64decode(session))
        return subprocess.run(
            (*STONECHAT, "login", "--account", FIRST, "--from-file", "session.json"),
            cwd=self.folder,
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()


def secrets_of(*sessions: str) -> list[bytes]:
    decoded = [json.loads(base64.b64decode(session)) for session in sessions]
    return [cookie["value"].encode() for one in decoded for cookie in one["cookies"]]


@pytest.mark.timeout(420)
def test_one_account_logged_out_stops_alone_and_goes_on_after_a_log_in_without_a_restart(
    tmp_path: Path, reaper: Reaper
) -> None:
    origin = str(time.time() + 5)
    arguments = (
        "--speed",
        SPEED,
        "--epoch",
        EPOCH,
        "--origin",
        origin,
        "--handle",
        FIRST,
        "--handle",
        SECOND,
    )
    with aviary(reaper, *arguments) as network:
        running = Running(tmp_path, network, origin)
        try:
            running.waits_for(lambda: all(running.posts()[one] for one in (FIRST, SECOND)))

            running.ask("sessions/end", FIRST)
            [alert] = running.waits_for(running.alerts)
            assert FIRST in alert["title"]
            assert "login" in alert["remedy"] + alert["body"]
            before = running.posts()
            running.waits_for(lambda: running.posts()[SECOND] >= before[SECOND] + 2)
            assert running.posts()[FIRST] == before[FIRST]

            fresh = running.ask("sessions", FIRST)["session_b64"]
            done = running.log_in(fresh)
            assert done.returncode == 0, done.stdout + done.stderr
            running.waits_for(lambda: running.posts()[FIRST] >= before[FIRST] + 1)
            running.waits_for(lambda: not running.alerts())
            shown = httpx.get(f"{running.page}/api/alerts").content + (done.stdout + done.stderr).encode()
        finally:
            running.stop()
        texts = [row["text"] for row in fetch(f"{network.base_url}/aviary/ledger")["posts"]]
        assert len(texts) == len(set(texts))
        kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        written = shown + (tmp_path / "log").read_bytes() + b"".join(path.read_bytes() for path in kept)
        for secret in secrets_of(*network.about["sessions"].values(), fresh):
            assert secret not in written


def test_the_command_without_a_screen_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "stonechat.cli.main", "login"),
        cwd=tmp_path,
        env=environment(ACCOUNT_HANDLE=FIRST, DATA_DIR=str(tmp_path / "data")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "no screen" in done.stderr
    assert "--from-file" in done.stderr
