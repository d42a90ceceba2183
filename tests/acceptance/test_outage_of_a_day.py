"""``stonechat run`` while the model endpoint is dead for a day of the local network's time."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import Reaper
from tests.support.servers import Aviary, aviary
from tests.support.waiting import eventually

pytestmark = pytest.mark.alone

STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
HANDLE = "quietbuilder"
EPOCH = "2026-01-05T08:00:00+00:00"
SPEED = 1800
PER_DAY = 8
HOUR = 3600.0
DAY = 24 * HOUR
STOCK = 2 * PER_DAY


class Running:
    """One Stonechat on a local network, watched from outside only: its commands and the network's ledger."""

    def __init__(self, folder: Path, network: Aviary, settings: dict[str, str]) -> None:
        self.folder, self.network, self.settings = folder, network, settings
        self.log = folder / "log"
        self.process = subprocess.Popen(
            (*STONECHAT, "run"),
            cwd=folder,
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("wb"),
        )

    def ask(self, *command: str) -> Any:
        """What a command says as JSON."""
        said = subprocess.run(
            (*STONECHAT, *command, "--json"),
            cwd=self.folder,
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return json.loads(said.stdout)

    def network_time(self) -> float:
        """The local network's time in Unix seconds."""
        now: float = self._get("/aviary/clock")["now_unix"]
        return now

    def posts(self) -> list[dict[str, Any]]:
        """Own posts in the ledger, replies and later parts of threads apart."""
        rows = self._get(f"/aviary/ledger?author={HANDLE}")["posts"]
        return [row for row in rows if row["in_reply_to"] is None]

    def times(self) -> list[float]:
        """When they went out, in Unix seconds of the network, sorted."""
        return sorted(seconds_of(row["at"]) for row in self.posts())

    def endpoint(self, *, down: bool) -> None:
        """Move the lever of the model endpoint."""
        httpx.post(
            f"{self.network.base_url}/aviary/levers", json={"model": {"down": down}}
        ).raise_for_status()

    async def until(self, fact: Callable[[], bool], *, seconds: float) -> None:
        """Wait for a fact, as long as the process lives."""

        def holds() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            return fact()

        await eventually(holds, within=seconds, every=0.3)

    def stop(self) -> None:
        """End it as a service manager would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _get(self, path: str) -> Any:
        return httpx.get(f"{self.network.base_url}{path}", timeout=10).raise_for_status().json()


def seconds_of(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def settings_for(network: Aviary, folder: Path, origin: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "MODE": "demo",
        "TWITTER_SESSION_B64": network.about["session_b64"],
        "X_BASE_URL": network.base_url,
        "OPENAI_BASE_URL": network.about["model_url"],
        "OPENAI_API_KEY": "local",
        "ACCOUNT_HANDLE": HANDLE,
        "POSTS_PER_DAY": str(PER_DAY),
        "PLAN_AHEAD": "6h",  # what is queued covers a quarter of the day, the reserve must serve the rest
        "POSTING_GRACE": "6h",  # a real second is half an hour here, and a post takes one
        "CLOCK_SPEED": str(SPEED),
        "CLOCK_EPOCH": EPOCH,
        "CLOCK_ORIGIN": origin,
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
    }


@pytest.mark.timeout(300)
async def test_a_dead_endpoint_for_a_day_of_the_network_leaves_no_slot_empty(
    tmp_path: Path, reaper: Reaper
) -> None:
    origin = str(time.time() + 5)
    arguments = ("--speed", str(SPEED), "--epoch", EPOCH, "--origin", origin, "--handle", HANDLE)
    with aviary(reaper, *arguments) as network:
        run = Running(tmp_path, network, settings_for(network, tmp_path, origin))
        try:
            await run.until(lambda: len(run.posts()) >= 1, seconds=60)
            await run.until(lambda: len(run.ask("reserve")) == STOCK, seconds=60)

            run.endpoint(down=True)
            began = run.network_time()
            await run.until(lambda: run.network_time() >= began + DAY, seconds=120)
            left = len(run.ask("reserve"))
            run.endpoint(down=False)
            day = [at for at in run.times() if began <= at < began + DAY]
            # on this clock a post is planned two and a half hours ahead, and the day cuts one off at its end
            assert len(day) >= PER_DAY - 2, f"{len(day)} posts went out in that day"
            edges = [began, *day, began + DAY]
            assert max(after - before for before, after in itertools.pairwise(edges)) <= 7 * HOUR
            late = [
                row["text"]
                for row in run.ask("queue", "show")
                if row["kind"] != "reply" and seconds_of(row["due_at"]) < began + DAY - 2 * HOUR
            ]
            assert not late, "what had a slot in that day went out in it"
            assert left <= STOCK - PER_DAY // 2, "the reserve served, again and again"

            texts = [row["text"] for row in run.posts()]
            assert len(texts) == len(set(texts)), "nothing was posted twice"
        finally:
            run.stop()
        assert "Traceback" not in run.log.read_text()
