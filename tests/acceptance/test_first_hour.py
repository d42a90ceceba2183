"""The first hour as an owner has it: set up, rehearse, read, go live. On a network whose posts are a file."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

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


@contextmanager
def collector() -> Iterator[tuple[str, list[str]]]:
    """Where alerts are sent to: its address, and what it was told."""
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", told
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_from_init_to_the_first_post(tmp_path: Path, reaper: Reaper) -> None:
    install(HOWTO.read_text(encoding="utf-8"), tmp_path / "stonechat-echo", tmp_path / "site")
    (tmp_path / "echo").mkdir()
    with aviary(reaper) as local, collector() as (address, told):
        owner = Owner(tmp_path, local.about["model_url"])
        owner.environment["ALERT_WEBHOOK_URL"] = address
        for name in ("ACCOUNT_NETWORK", "ACCOUNT_HANDLE"):
            del owner.environment[name]

        early = owner.types("run", ACCOUNT_NETWORK="echo", ACCOUNT_HANDLE="me", MODE="live")
        assert early.returncode == 78
        assert "VOICE_FILE" in early.stderr and "stonechat init" in early.stderr

        refused = owner.types("init", "--yes", "--try", *ANSWERS, OPENAI_BASE_URL="http://127.0.0.1:1/v1")
        assert refused.returncode == 1 and "Model: " in refused.stdout, refused.stdout
        made = owner.types("init", "--yes", "--try", *ANSWERS)
        assert made.returncode == 0, made.stdout + made.stderr
        assert "answers; writing with" in made.stdout and "took the test message" in made.stdout
        assert told and "A test message" in told[-1]
        assert "stonechat rehearsals" in made.stdout
        looked = json.loads(owner.types("doctor", "--json").stdout)
        assert looked["ok"], looked

        added = owner.types("queue", "add", TEXT, "--at", "now")
        assert added.returncode == 0, added.stderr
        with running(owner):
            wait_until(lambda: TEXT in owner.types("rehearsals", "--json").stdout, "it is rehearsed", 120)
            second = owner.types("run", PORT="0")
            assert second.returncode == 1 and "runs in .stonechat already" in second.stderr, second.stderr
        assert owner.board() == []

        early = owner.types("live", "--accept-rules")
        assert early.returncode == 1 and "Not ready to go live: backup" in early.stderr, early.stderr
        assert owner.types("backup").returncode == 0
        decided = owner.types("live", "--accept-rules")
        assert decided.returncode == 0, decided.stdout + decided.stderr
        assert "Whoever shares the folder reads the board." in decided.stdout
        assert 'MODE = "live"' in (tmp_path / "stonechat.toml").read_text()

        assert owner.types("queue", "add", TEXT, "--at", "now", "--again").returncode == 0
        with running(owner) as log:
            wait_until(lambda: bool(owner.board()), "the post is on the board", 120)
            wait_until(lambda: "posted" in owner.states(), "it is known to be", 60)
        assert "Traceback" not in log.read_text()
    assert [one["text"] for one in owner.board()] == [TEXT]
