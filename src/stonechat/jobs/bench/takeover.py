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

AT_ONCE = 3
"""Victims that are starting, at work or waited for at the same time, so that the bench does not take long."""

PATIENCE = 60.0


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
            Transient: it did not become true within a minute.
        """
        try:
            async with asyncio.timeout(PATIENCE), self.news:
                await self.news.wait_for(lambda: true(self.lines))
        except TimeoutError as exc:
            raise Transient("A host of the takeover bench did not do its part within a minute.") from exc


async def measure(url: str, *, kills: int, rng: random.Random) -> list[float]:
    """Seconds from each kill until the interrupted step begins again on the surviving host.

    Args:
        url: an empty PostgreSQL database.

    Raises:
        Permanent: a finished step was repeated, or a run was not finished once.
    """
    heard = Heard()
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> float:
        async with places:
            return await _kill_one(url, f"victim-{number}", heard, rng)

    async with _host(url, "survivor", None, heard):
        await heard.until(lambda lines: "ready survivor" in lines)
        took = list(await asyncio.gather(*(one(number) for number in range(kills))))
        for number in range(kills):
            _check(f"victim-{number}", heard)
    return took


async def _kill_one(url: str, name: str, heard: Heard, rng: random.Random) -> float:
    step, end = f"begins two {name}", f"begins three {name}"
    async with _host(url, name, name, heard) as victim:
        await heard.until(lambda lines: step in lines)
        if end in heard.lines:
            raise Permanent(f"The survivor took the run of {name} before it could.", remedy="Run it again.")
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        victim.kill()
        killed = time.perf_counter()
    await heard.until(lambda lines: len(lines[step]) == 2 and end in lines)
    return heard.lines[step][1] - killed


def _check(name: str, heard: Heard) -> None:
    counts = [len(heard.lines.get(f"begins {step} {name}", ())) for step in ("one", "two", "three")]
    if counts != [1, 2, 1]:
        raise Permanent(f"The steps of {name} began {counts} times instead of once, twice, once.")


@asynccontextmanager
async def _host(
    url: str, name: str, account: str | None, heard: Heard
) -> AsyncIterator[asyncio.subprocess.Process]:
    told = {"url": url, "host": name} | ({"account": account} if account is not None else {})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "stonechat.jobs.bench.worker", json.dumps(told)),
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
