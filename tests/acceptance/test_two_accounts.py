"""Two accounts in one process: one's session ends, the other goes on; a new log-in is taken up as it runs."""

from __future__ import annotations

import base64
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import Reaper
from tests.support.product import HANDLE, STONECHAT, Product, environment, fetch, running

SPEED = 3600
FIRST, SECOND = HANDLE, "secondhand"


def posts_of(run: Product) -> Counter[str]:
    """How many posts each account has on the network."""
    return Counter({one: len(run.posts(one)) for one in (FIRST, SECOND)})


def alerts(run: Product) -> list[dict[str, Any]]:
    """What fires about a session."""
    rows: list[dict[str, Any]] = fetch(f"{run.page}/api/alerts")
    return [row for row in rows if row["state"] == "firing" and "session" in row["title"].lower()]


def log_in(run: Product, session: str) -> subprocess.CompletedProcess[str]:
    """Give the first account a session, while everything runs."""
    (run.folder / "session.json").write_bytes(base64.b64decode(session))
    return run.command("login", "--account", FIRST, "--from-file", "session.json")


def secrets_of(*sessions: str) -> list[bytes]:
    decoded = [json.loads(base64.b64decode(session)) for session in sessions]
    return [cookie["value"].encode() for one in decoded for cookie in one["cookies"]]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_one_account_logged_out_stops_alone_and_goes_on_after_a_log_in_without_a_restart(
    tmp_path: Path, reaper: Reaper
) -> None:
    (tmp_path / "stonechat.toml").write_text(
        f'[[accounts]]\nhandle = "{SECOND}"\nposts_per_day = 20\napproval = "replies"\n'
    )
    with running(reaper, tmp_path, {"POSTS_PER_DAY": "20"}, speed=SPEED, others=(SECOND,)) as run:
        run.until(lambda: min(posts_of(run).values()) > 0)

        run.tell_network("sessions/end", account=FIRST)
        [alert] = run.until(lambda: alerts(run))
        assert FIRST in alert["title"]
        assert "login" in alert["remedy"] + alert["body"]
        before = posts_of(run)
        run.until(lambda: posts_of(run)[SECOND] >= before[SECOND] + 2)
        assert posts_of(run)[FIRST] == before[FIRST]

        fresh = run.tell_network("sessions", account=FIRST)["session_b64"]
        done = log_in(run, fresh)
        assert done.returncode == 0, done.stdout + done.stderr
        run.until(lambda: posts_of(run)[FIRST] >= before[FIRST] + 1)
        run.until(lambda: not alerts(run))
        shown = httpx.get(f"{run.page}/api/alerts", timeout=30).content + (done.stdout + done.stderr).encode()
        run.stop()
        texts = [row["text"] for row in fetch(f"{run.network.base_url}/aviary/ledger")["posts"]]
        assert len(texts) == len(set(texts))
        sessions = run.network.about["sessions"].values()
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert kept
    written = b"".join((shown, run.log.encode(), run.said.encode(), *(path.read_bytes() for path in kept)))
    secrets = secrets_of(*sessions, fresh)
    assert secrets
    for secret in secrets:
        assert secret not in written


def test_the_command_without_a_screen_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        (*STONECHAT, "login"),
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
