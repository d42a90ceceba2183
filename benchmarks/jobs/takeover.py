"""How long the runs of a host stand still that is killed: ``kill -9`` in a step, another host goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from stonechat.core.errors import Permanent, Transient

AT_ONCE = 1
"""Victims at the same time: every host takes from the same queue, and a run must be in its victim's hands."""

PATIENCE = 120.0
SURVIVOR = "survivor"


@dataclass
class Heard:
    """What all hosts have said: the moments (``time.perf_counter``) at which each line was heard."""

    lines: dict[str, list[float]] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, line: str) -> None:
        """One more line."""
        async with self.news:
            self.lines.setdefault(line, []).append(time.perf_counter())
            self.news.notify_all()

    async def until(self, true: Callable[[dict[str, list[float]]], bool]) -> None:
        """Return when it is true of what was said.

        Raises:
            Transient: it did not become true within two minutes.
        """
        try:
            async with asyncio.timeout(PATIENCE), self.news:
                await self.news.wait_for(lambda: true(self.lines))
        except TimeoutError as exc:
            raise Transient("A host of the takeover bench did not do its part within two minutes.") from exc


async def measure(url: str, *, kills: int, rng: random.Random) -> list[float]:
    """Seconds from each kill until the interrupted step begins again on the surviving host.

    Args:
        url: an empty PostgreSQL database.

    Raises:
        Permanent: a finished step was repeated, or a run was not finished once.
        Transient: the hosts could not be started, or no run was gone on with, within two minutes.
    """
    heard = Heard()
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> float:
        async with places:
            for again in range(25):  # the survivor looks into the same queue
                took = await _kill_one(url, f"victim-{number}-{again}", heard, rng)
                if took is not None:
                    return took
            raise Transient("Other hosts took every run before its victim could.")

    async with _host(url, SURVIVOR, None, heard):
        await heard.until(lambda lines: f"{SURVIVOR} ready" in lines)
        return list(await asyncio.gather(*(one(number) for number in range(kills))))


async def _kill_one(url: str, name: str, heard: Heard, rng: random.Random) -> float | None:
    """How long the run of one victim stood still; None where it went through another host's hands."""

    def said(host: str, step: str) -> list[float]:
        return heard.lines.get(f"{host} begins {step} {name}", [])

    async with _host(url, name, name, heard) as victim:
        await heard.until(lambda lines: any(line.endswith(f" begins two {name}") for line in lines))
        if not said(name, "one") or not said(name, "two"):
            return None
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        victim.kill()
        killed = time.perf_counter()
    await heard.until(lambda _: bool(said(SURVIVOR, "three")))
    if any(line.endswith(f" begins two {name}") for line in heard.lines.keys() - _own(name)):
        return None
    counts = [len(said(name, step)) + len(said(SURVIVOR, step)) for step in ("one", "two", "three")]
    if counts != [1, 2, 1]:
        raise Permanent(f"The steps of {name} began {counts} times instead of once, twice, once.")
    return said(SURVIVOR, "two")[0] - killed


def _own(name: str) -> set[str]:
    return {f"{host} begins two {name}" for host in (name, SURVIVOR)}


@asynccontextmanager
async def _host(
    url: str, name: str, account: str | None, heard: Heard
) -> AsyncIterator[asyncio.subprocess.Process]:
    told = {"url": url, "host": name} | ({"account": account} if account is not None else {})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.jobs.worker", json.dumps(told)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    hearing = asyncio.create_task(_hear(process.stdout, heard))
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        await hearing


async def _hear(stream: asyncio.StreamReader | None, heard: Heard) -> None:
    while stream is not None and (line := await stream.readline()):
        await heard.take(line.decode().strip())
