"""The first hour as an owner has it: set up, rehearse, read, go live. On a network whose posts are a file."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.test_network_howto import HOWTO, STONECHAT, Owner, install
from tests.support.processes import Reaper, wait_until
from tests.support.servers import aviary

TEXT = "Two minutes of quiet before the first meeting change the whole day."
ANSWERS = (
    *("--network", "echo", "--handle", "@me", "--speaks", "A calm account", "--for-whom", "busy people"),
    *("--niche", "habits", "--topics", "sleep, focus", "--dont", "promise results"),
)


@contextmanager
def running(owner: Owner, **more: str) -> Iterator[Path]:
    """``stonechat run`` in the owner's folder, ended by SIGTERM; its log."""
    log = owner.folder / f"log-{more.get('MODE', 'shadow')}"
    environment: Mapping[str, str] = owner.environment | more
    with log.open("wb") as out:
        process = subprocess.Popen(
            (*STONECHAT, "run"), cwd=owner.folder, env=environment, stdout=out, stderr=out
        )
        try:
            yield log
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=40) == 0, log.read_text()[-3000:]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_from_init_to_the_first_post(tmp_path: Path, reaper: Reaper) -> None:
    install(HOWTO.read_text(encoding="utf-8"), tmp_path / "stonechat-echo", tmp_path / "site")
    (tmp_path / "echo").mkdir()
    with aviary(reaper) as local:
        owner = Owner(tmp_path, local.about["model_url"])
        for name in ("ACCOUNT_NETWORK", "ACCOUNT_HANDLE"):
            del owner.environment[name]

        early = owner.types("run", ACCOUNT_NETWORK="echo", ACCOUNT_HANDLE="me", MODE="live")
        assert early.returncode == 78
        assert "VOICE_FILE" in early.stderr and "stonechat init" in early.stderr

        made = owner.types("init", "--yes", *ANSWERS)
        assert made.returncode == 0, made.stderr
        assert "stonechat rehearsals" in made.stdout
        looked = json.loads(owner.types("doctor", "--json").stdout)
        assert looked["ok"], looked

        added = owner.types("queue", "add", TEXT, "--at", "now")
        assert added.returncode == 0, added.stderr
        with running(owner):
            wait_until(lambda: TEXT in owner.types("rehearsals", "--json").stdout, "it is rehearsed", 120)
        assert owner.board() == []

        assert owner.types("queue", "add", TEXT, "--at", "now", "--again").returncode == 0
        with running(owner, MODE="live") as log:
            wait_until(lambda: bool(owner.board()), "the post is on the board", 120)
            wait_until(lambda: "posted" in owner.states(), "it is known to be", 60)
        assert "Traceback" not in log.read_text()
    assert [one["text"] for one in owner.board()] == [TEXT]
