"""``docs/howto/network.md``, followed as it is written: a package of somebody else's brings a network."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stonechat.content.voice import example
from tests.support.processes import Reaper, free_port, wait_until
from tests.support.servers import aviary

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "network.md"
STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXT = "A short walk is still a walk."


def install(howto: str, source: Path, site: Path) -> None:
    """Write the files of the page, and put the package where an installer would: its code beside its metadata."""
    for name, text in FILE.findall(howto):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(points))
    (source / "stonechat_echo").rename(site / "stonechat_echo")


class Owner:
    """Types commands in a folder of their own."""

    def __init__(self, folder: Path, model_url: str) -> None:
        self.folder, self.port = folder, free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "PYTHONPATH": str(folder / "site"),
            "ACCOUNT_NETWORK": "echo",
            "ACCOUNT_HANDLE": "me",
            "OPENAI_BASE_URL": model_url,
            "OPENAI_API_KEY": "local",
            "PORT": str(self.port),
        }

    def types(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*STONECHAT, *words),
            cwd=self.folder,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def states(self) -> list[str]:
        """Of what was added by hand, in the database."""
        with contextlib.closing(sqlite3.connect(self.folder / ".stonechat" / "stonechat.db")) as database:
            rows = database.execute("SELECT state FROM content_metadata WHERE account_id = 'echo:me'")
            return [str(state) for (state,) in rows]

    def board(self) -> list[dict[str, Any]]:
        file = self.folder / "echo" / "board.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.timeout(300)
def test_a_network_of_somebody_elses_is_used_without_touching_ours(tmp_path: Path, reaper: Reaper) -> None:
    install(HOWTO.read_text(encoding="utf-8"), tmp_path / "stonechat-echo", tmp_path / "site")
    with aviary(reaper) as local:
        owner = Owner(tmp_path, local.about["model_url"])

        missing = json.loads(owner.types("doctor", "--json").stdout)
        board = next(one for one in missing["checks"] if one["name"] == "board")
        assert (missing["ok"], board["verdict"], board["fix"]) == (False, "fail", "mkdir echo")

        (tmp_path / "echo").mkdir()
        looked = json.loads(owner.types("doctor", "--json").stdout)
        checks = {one["name"]: one for one in looked["checks"]}
        assert looked["ok"], looked
        assert checks["network"]["found"].startswith("echo: file://")
        assert checks["network"]["fix"] == "Whoever shares the folder reads the board."
        assert checks["browser"]["found"] == "no account needs one"

        unknown = json.loads(owner.types("doctor", "--json", ACCOUNT_NETWORK="ecko").stdout)
        [fault] = [one for one in unknown["checks"] if one["name"] == "setting ACCOUNT_NETWORK"]
        assert "Did you mean echo?" in fault["fix"]

        (tmp_path / "voice.toml").write_text(example(), encoding="utf-8")
        added = owner.types("queue", "add", TEXT, "--at", "now")
        assert added.returncode == 0, added.stderr
        log = tmp_path / "log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                (*STONECHAT, "run"),
                cwd=tmp_path,
                env=owner.environment | {"MODE": "live", "VOICE_FILE": "voice.toml"},
                stdout=out,
                stderr=out,
            )
        try:
            wait_until(
                lambda: bool(owner.board()) or running.poll() is not None, "the post is on the board", 120
            )
            wait_until(lambda: "posted" in owner.states(), "it is known to be", 60)
            status = owner.types("status", "--json")
            layers = {one["name"]: one for one in json.loads(status.stdout)["layers"]}
            assert (layers["browser"]["state"], layers["browser"]["detail"]) == ("ok", "no account needs one")
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=40) == 0, log.read_text()[-3000:]
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
    assert [one["author"] for one in owner.board() if one["text"] == TEXT] == ["me"]
    assert "Traceback" not in log.read_text()
