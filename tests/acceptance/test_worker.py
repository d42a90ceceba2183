"""``stonechat run`` and ``stonechat worker`` on one database: they share the work, and one carries on alone."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import ScaledClock, SystemClock
from stonechat.core.states import RunState
from stonechat.database import Database, open_database
from stonechat.database.repositories.job_progress import JobRun
from stonechat.database.schema.tables import content_metadata, post_attempts
from stonechat.jobs import open_store, runs_url_beside
from stonechat.jobs.execution.run_store import RunStore
from tests.support.processes import Reaper, ServerProcess
from tests.support.servers import Aviary, aviary
from tests.support.waiting import eventually

HANDLE = "quietbuilder"
EPOCH = "2026-01-05T08:00:00+00:00"
SPEED = 300
TAKEOVER = 15
"""Real seconds in which another host has finished everything that a killed one left."""

FIGURES = logging.getLogger("figures")
"""What was measured; shown by ``pytest -rP``."""

PROMPT = timedelta(seconds=30) * SPEED
"""A due post is begun within so long of its time: three browsers may share two cores here. That it takes
no 5 s where there is room is shown by ``tests/integration/jobs/test_jobs_wakeups.py``."""


class House:
    """One Stonechat of several processes on a local network."""

    def __init__(self, url: str, folder: Path, network: Aviary, origin: str, reaper: Reaper) -> None:
        self._folder, self._reaper = folder, reaper
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._settings = kept | {
            "DATABASE_URL": url,
            "MODE": "demo",
            "TWITTER_SESSION_B64": network.about["session_b64"],
            "X_BASE_URL": network.base_url,
            "OPENAI_BASE_URL": network.about["model_url"],
            "OPENAI_API_KEY": "local",
            "ACCOUNT_HANDLE": HANDLE,
            "POSTS_PER_DAY": "24",
            "POSTING_MAX_PER_DAY": "100",
            "CLOCK_SPEED": str(SPEED),
            "CLOCK_EPOCH": EPOCH,
            "CLOCK_ORIGIN": origin,
            "PORT": "0",
        }

    def start(self, command: str) -> ServerProcess:
        """``stonechat run`` or ``stonechat worker``, ready."""
        folder = self._folder / command
        folder.mkdir()
        log = folder / "log"
        process = ServerProcess(
            [sys.executable, "-m", "stonechat.cli.main", command],
            reaper=self._reaper,
            ready=lambda: bool(_address(log)),
            log=log,
            environment=self._settings | {"DATA_DIR": str(folder)},
        )
        process.start(seconds=90)
        return process

    def address(self, command: str) -> str:
        """Where it listens."""
        return _address(self._folder / command / "log")


def _address(log: Path) -> str:
    said = re.search(r"^(?:Running in|A host more).*(http://\S+?)(?:/health)?$", _read(log), re.MULTILINE)
    return said[1] if said else ""


def _read(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _get(address: str) -> httpx.Response:
    return httpx.get(address, timeout=10)


async def _runs(store: RunStore, pid: int, state: RunState) -> list[str]:
    """The runs in a state that a process has or had."""
    runs = await store.history(limit=10_000)
    return [run.run_id for run in runs if f"-{pid}-" in run.host and run.state is state]


async def _begun(database: Database) -> dict[str, tuple[datetime, datetime]]:
    """By content: when it was due and when its first try began (account time)."""
    async with database.read("test") as connection:
        rows = await connection.execute(
            select(content_metadata.c.id, content_metadata.c.due_at, func.min(post_attempts.c.started_at))
            .join(post_attempts, post_attempts.c.content_id == content_metadata.c.id)
            .group_by(content_metadata.c.id, content_metadata.c.due_at)
        )
        return {row[0]: (row[1], row[2]) for row in rows}


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_two_hosts_share_the_work_and_one_that_is_left_finishes_everything(
    any_database_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    url = any_database_url
    origin = str(time.time() + 10)
    arguments = ("--speed", str(SPEED), "--epoch", EPOCH, "--origin", origin, "--handle", HANDLE)
    with aviary(reaper, *arguments) as network:
        house = House(url, tmp_path, network, origin, reaper)
        main, worker = house.start("run"), house.start("worker")
        try:
            assert _get(f"{house.address('worker')}/livez").status_code == 200
            assert _get(f"{house.address('worker')}/jobs").status_code == 404, "a worker has no pages"
            async with (
                open_database(url, DatabaseSettings(), SystemClock()) as database,
                open_store(runs_url_beside(url)) as store,
            ):
                await _share(database, store, main.pid, worker.pid)
                left = await _left_by(store, main)
                killed = ScaledClock(SPEED, datetime.fromisoformat(EPOCH), float(origin)).now()
                await _carry_on(database, store, left, settled=killed + timedelta(seconds=TAKEOVER) * SPEED)
        finally:
            main.stop()
            worker.stop()
        posts = _get(f"{network.base_url}/aviary/ledger?author={HANDLE}").json()["posts"]
        texts = Counter(post["text"] for post in posts)
        assert {text: count for text, count in texts.items() if count > 1} == {}, "posted twice"
    assert "Traceback" not in _read(tmp_path / "worker" / "log")


async def _share(database: Database, store: RunStore, *pids: int) -> None:
    """Each process has done several runs, and a post has gone out."""

    async def all_work() -> bool:
        done = [len(await _runs(store, pid, RunState.SUCCEEDED)) for pid in pids]
        return min(done) >= 5 and len(await _begun(database)) >= 1

    await eventually(all_work, within=60, every=0.2)


async def _left_by(store: RunStore, process: ServerProcess) -> list[str]:
    """Kill a process at its work; the runs that it leaves."""
    pid = process.pid

    async def at_work() -> bool:
        return bool(await _runs(store, pid, RunState.RUNNING))

    await eventually(at_work, within=30, every=0.005)
    process.kill()
    return await _runs(store, pid, RunState.RUNNING)


async def _carry_on(database: Database, store: RunStore, left: list[str], *, settled: datetime) -> None:
    """What was left is finished, and what falls due after the takeover goes out in its time."""

    async def rows() -> list[JobRun]:
        found = [await store.find(run_id) for run_id in left]
        return [row for row in found if row is not None]

    async def all_done() -> bool:
        return all(row.state is RunState.SUCCEEDED for row in await rows())

    began = time.monotonic()
    await eventually(all_done, within=TAKEOVER, every=0.1)
    FIGURES.warning("%d runs left by a kill, all finished after %.1f s", len(left), time.monotonic() - began)

    async def late() -> list[timedelta]:
        return [begun - due for due, begun in (await _begun(database)).values() if due > settled]

    async def goes_on() -> bool:
        return len(await late()) >= 2

    await eventually(goes_on, within=90, every=0.2)
    assert max(await late()) <= PROMPT
