"""An owner at the command line: commands in processes of their own, on a network that needs no browser."""

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

import psutil

from stonechat.content.voice import example
from tests.support.processes import free_port

STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
MEMORY = 200 * 2**20
"""Bytes that a Stonechat without a browser may take."""


def browsers_of(process: psutil.Process) -> list[str]:
    """Names of browsers that it has started."""
    return [one.name() for one in process.children(recursive=True) if "chrom" in one.name().lower()]


class Owner:
    """Types commands in a folder of their own.

    Args:
        settings: the account, and where its network is.
    """

    def __init__(self, folder: Path, model_url: str, **settings: str) -> None:
        self.folder = folder
        (folder / "voice.toml").write_text(example(), encoding="utf-8")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "OPENAI_BASE_URL": model_url,
            "OPENAI_API_KEY": "local",
            "POSTING_MIN_SPACING": "0s",
            "PORT": str(free_port()),
            **settings,
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

    def connects(self, secret: str) -> subprocess.CompletedProcess[str]:
        network = self.environment["ACCOUNT_NETWORK"]
        return self.types("connect", network, "--from-file", "-", "--json", given=f"{secret}\n")

    @contextlib.contextmanager
    def running(self) -> Iterator[psutil.Process]:
        log = self.folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                (*STONECHAT, "run"),
                cwd=self.folder,
                env=self.environment | {"MODE": "live", "VOICE_FILE": "voice.toml"},
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

    def session(self) -> str:
        """What the network last said of the account's log-in."""
        [row] = json.loads(self.types("accounts", "list", "--json").stdout)
        return str(row["session"])
