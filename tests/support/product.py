"""Stonechat as a stranger runs it: its commands in processes of their own, on a local network.

Nothing here looks inside. What happened is read from what the commands say, from the pages, and from the
ledger of the network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from stonechat.core.clock import DrivenClock
from tests.support.processes import Reaper, free_port
from tests.support.servers import Aviary, aviary

T = TypeVar("T")

STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
HANDLE = "quietbuilder"
EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)
PATIENCE = 240.0
"""Real seconds after which a fact is given up. It is no promise about speed: the machine may be busy."""


def environment(**settings: str) -> dict[str, str]:
    """What a command is given: these settings, and of ours only what a program needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | settings


def fetch(url: str) -> Any:
    """What an address says as JSON."""
    return httpx.get(url, timeout=30).raise_for_status().json()


def seconds_of(written: str) -> float:
    """Unix seconds of an ISO 8601 time."""
    return datetime.fromisoformat(written).timestamp()


class Running:
    """A ``stonechat run``.

    Attributes:
        page: the address of its pages.
        settings: what its commands are given.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.settings = folder, settings
        self.page = f"http://127.0.0.1:{settings['PORT']}"
        self._log = folder / "log"
        with self._log.open("wb") as log, (folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                (*STONECHAT, "run"), cwd=folder, env=settings, stdout=said, stderr=log
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote into its log."""
        return self._log.read_text(errors="replace")

    @property
    def said(self) -> str:
        """What it printed."""
        return (self.folder / "said").read_text(errors="replace")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it, to its end."""
        return subprocess.run(
            (*STONECHAT, *words),
            cwd=self.folder,
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def ask(self, *words: str) -> Any:
        """What a command says as JSON."""
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def until(self, fact: Callable[[], T]) -> T:
        """The first true value of ``fact()``; the process must live until then."""
        ends = time.monotonic() + PATIENCE
        while not (found := fact()):
            assert self._process.poll() is None, f"it ended by itself: {self.log[-3000:]}"
            assert time.monotonic() < ends, f"it did not come about: {self.log[-3000:]}"
            time.sleep(0.2)
        return found

    def stop(self) -> int:
        """End it as a service manager would; its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Product(Running):
    """A ``stonechat run`` and the network that it is on, whose clock it drives."""

    def __init__(self, folder: Path, settings: dict[str, str], network: Aviary) -> None:
        super().__init__(folder, settings)
        self.network = network

    def network_time(self) -> float:
        """The network's time in Unix seconds."""
        now: float = fetch(f"{self.network.base_url}/aviary/clock")["now_unix"]
        return now

    def posts(self, handle: str = HANDLE) -> list[dict[str, Any]]:
        """An account's posts in the ledger, replies and later parts of threads apart."""
        rows = fetch(f"{self.network.base_url}/aviary/ledger?author={handle}")["posts"]
        return [row for row in rows if row["in_reply_to"] is None]

    def tell_network(self, path: str, **body: Any) -> Any:
        """Move something at the network's back door, such as ``levers``."""
        answer = httpx.post(f"{self.network.base_url}/aviary/{path}", json=body, timeout=30)
        return answer.raise_for_status().json()


@contextmanager
def running(
    reaper: Reaper,
    folder: Path,
    settings: Mapping[str, str],
    *,
    speed: int,
    others: tuple[str, ...] = (),
) -> Iterator[Product]:
    """A ``stonechat run`` on a network of its own, on a clock that waits for it; stopped at the end.

    Args:
        speed: account seconds for each real second while it keeps up.
        others: further accounts of the network, each given its session.
        settings: on top of those that it takes to run at all.
    """
    clock = folder / "clock"
    DrivenClock.create(clock, EPOCH)
    handles = [word for one in (HANDLE, *others) for word in ("--handle", one)]
    with aviary(reaper, "--speed", str(speed), "--clock-file", str(clock), *handles) as network:
        sessions = network.about["sessions"]
        given = environment(
            MODE="demo",
            TWITTER_SESSION_B64=sessions[HANDLE],
            X_BASE_URL=network.base_url,
            OPENAI_BASE_URL=network.about["model_url"],
            OPENAI_API_KEY="local",
            ACCOUNT_HANDLE=HANDLE,
            CLOCK_SPEED=str(speed),
            CLOCK_FILE=str(clock),
            PORT=str(free_port()),
            DATA_DIR=str(folder / "data"),
            **{f"TWITTER_SESSION_B64_{one.upper()}": sessions[one] for one in others},
        )
        product = Product(folder, given | dict(settings), network)
        try:
            yield product
        finally:
            product.stop()
