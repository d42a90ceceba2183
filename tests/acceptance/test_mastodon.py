"""An account on Mastodon from its connecting to its posts, through the command line alone, with no browser."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.mastodon import token_of
from tests.support.processes import Reaper, free_port, wait_until
from tests.support.servers import Aviary, aviary

STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
HANDLE = "quietbuilder"
MEMORY = 200 * 2**20


class Owner:
    """Types commands in a folder of their own."""

    def __init__(self, folder: Path, network: Aviary) -> None:
        self.folder, self.network = folder, network
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "ACCOUNT_NETWORK": "mastodon",
            "ACCOUNT_HANDLE": HANDLE,
            "MASTODON_URL": network.base_url,
            "OPENAI_BASE_URL": network.about["model_url"],
            "OPENAI_API_KEY": "local",
            "POSTING_MIN_SPACING": "0s",
            "PORT": str(free_port()),
        }

    def types(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*STONECHAT, *words),
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def checks(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in json.loads(self.types("doctor", "--json").stdout)["checks"]}

    def connects(self, token: str) -> subprocess.CompletedProcess[str]:
        return self.types("connect", "mastodon", "--from-file", "-", "--json", given=f"{token}\n")

    @contextlib.contextmanager
    def running(self) -> Iterator[psutil.Process]:
        log = self.folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                (*STONECHAT, "run"),
                cwd=self.folder,
                env=self.environment | {"MODE": "live"},
                stdout=out,
                stderr=out,
            )
        try:
            yield psutil.Process(process.pid)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=40) == 0, log.read_text()[-3000:]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def live(self) -> list[str]:
        posts = httpx.get(f"{self.network.base_url}/aviary/ledger", timeout=10).json()["posts"]
        return [str(one["text"]) for one in posts]

    def move(self, **levers: Any) -> None:
        httpx.post(f"{self.network.base_url}/aviary/levers", json=levers, timeout=10).raise_for_status()


def session_of(owner: Owner) -> str:
    listed = json.loads(owner.types("accounts", "list", "--json").stdout)
    return str(next(one["session"] for one in listed if one["handle"] == HANDLE))


@pytest.mark.timeout(400)
def test_an_account_is_connected_posts_stops_when_its_token_is_revoked_and_goes_on_when_connected_anew(
    tmp_path: Path, reaper: Reaper
) -> None:
    with aviary(reaper) as network:
        owner, token = Owner(tmp_path, network), token_of(network.about["session_b64"])

        missing = owner.checks()["setting MASTODON_ACCESS_TOKEN"]
        assert "stonechat connect mastodon" in missing["fix"]

        wrong = owner.connects("not-the-token")
        assert wrong.returncode == 1
        assert "does not accept" in wrong.stderr
        assert "Nothing was saved" in wrong.stderr

        right = owner.connects(token)
        assert right.returncode == 0, right.stderr
        assert "settings/applications/new" in right.stderr
        assert "#NoBot" in right.stderr
        looked = owner.checks()
        assert (
            looked["token"]["found"]
            == f"@{HANDLE} is let in; its server takes 500 characters, 4 pictures a post"
        )
        assert looked["automated account"]["verdict"] == "ok"
        assert looked["browser"]["found"] == "no account needs one"
        owner.move(bot=False)
        assert "settings/profile" in owner.checks()["automated account"]["fix"]

        assert owner.types("queue", "add", "A short walk is still a walk.", "--at", "now").returncode == 0
        with owner.running() as process:
            wait_until(lambda: "A short walk is still a walk." in owner.live(), "the post is live", 120)
            names = [one.name() for one in process.children(recursive=True)]
            assert not [name for name in names if "chrom" in name.lower()]
            assert process.memory_info().rss <= MEMORY

            owner.move(logged_out=True)
            owner.types("queue", "add", "Said after a pause.", "--at", "now")
            wait_until(lambda: session_of(owner) == "expired", "the account has stopped", 120)
            owner.move(logged_out=False)
            again = owner.connects(token)
            assert again.returncode == 0, again.stderr
            wait_until(lambda: "Said after a pause." in owner.live(), "it has gone on", 120)
        assert sorted(owner.live()) == ["A short walk is still a walk.", "Said after a pause."]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    told = (wrong.stdout + wrong.stderr + right.stdout + right.stderr).encode()
    assert token.encode() not in written + told
