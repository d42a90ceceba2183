"""What ``stonechat run`` uses while it has nothing to do and no browser is open."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.jobs.idle import watch
from stonechat.cli.commands.demo import EPOCH, HANDLE
from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.database import open_database
from stonechat.database.repositories import accounts
from stonechat.networks.registry import installed

START = 90.0
_ADDRESS = re.compile(r"Running in .* mode: (http\S+)")


async def idle(url: str, folder: Path, seconds: float) -> tuple[float, float]:
    """Per cent of a core and megabytes (resident) of ``stonechat run``, its children left out.

    Everything is there as always: all jobs of the product, monitors, alerts, pages. The jobs are paused by
    the owner's switch, so that none is at work and no browser is opened.

    Args:
        url: an empty database.

    Raises:
        Transient: it did not start.
    """
    clock = SystemClock()
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        database.begin("bench.idle") as connection,
    ):
        why = "an idle system is measured"
        await accounts.switch_off(connection, "job", account_id=None, who="bench", why=why, now=clock.wall())
    async with (
        local_network(
            handle=HANDLE,
            seed=7,
            speed=1.0,
            epoch=EPOCH,
            origin=clock.wall().timestamp(),
            state_dir=folder / "network",
        ) as network,
        _running(url, network, folder) as pid,
    ):
        return await watch(pid, seconds)


@asynccontextmanager
async def _running(url: str, network: LocalNetwork, folder: Path) -> AsyncIterator[int]:
    settings = {
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "MODE": "demo",  # the session goes to this machine alone
        **installed().settings_of_demo(network.site),
        "OPENAI_BASE_URL": network.model_url,
        "OPENAI_API_KEY": "local",
        "ACCOUNT_HANDLE": HANDLE,
        "PORT": "0",
    }
    async with running(settings, folder) as started:
        yield started.pid


@dataclass(frozen=True, slots=True)
class Started:
    """A ``stonechat run``: its process id, and the address of its pages."""

    pid: int
    address: str


@asynccontextmanager
async def running(settings: Mapping[str, str], folder: Path) -> AsyncIterator[Started]:
    """A ``stonechat run`` in ``folder``, given these settings alone; stopped at the end.

    Raises:
        Transient: it did not start.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    log = folder / "run.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "stonechat.cli.main", "run"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**kept, **settings},
            cwd=folder,
        )
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START):
                while process.returncode is None and not _runs(log):  # noqa: ASYNC110 - a file is watched
                    await asyncio.sleep(0.1)
        if not _runs(log):
            raise Transient("stonechat run did not start.", remedy=log.read_text(errors="replace")[-500:])
        yield Started(process.pid, _runs(log))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 20)
        if process.returncode is None:
            process.kill()
            await process.wait()


def _runs(log: Path) -> str:
    """The address that it names once it runs."""
    found = _ADDRESS.search(log.read_text(errors="replace"))
    return found[1] if found else ""
