"""A flood at the door of the whole product: it goes on posting, and whoever asks after its health is answered.

Figures are printed (``-s``), so that they can be compared over time.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.processes import Reaper
from tests.support.product import Product, fetch, running

SPEED = 3600
PASSWORD = "a long enough password"
SETTINGS = {"POSTS_PER_DAY": "20", "DASHBOARD_PASSWORD": PASSWORD}
HALVES = (
    b"",
    b"GET /livez HTTP/1.1\r\nX-a: ",
    b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\npassword=",
    b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\npassw",
)


MONITOR = """
import http.client, sys, time
host, port = sys.argv[1].split(":")
while True:
    began = time.monotonic()
    asked = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        asked.request("GET", "/livez")
        status = asked.getresponse().status
    except OSError as exc:
        status = type(exc).__name__
    asked.close()
    print(time.monotonic() - began, status, flush=True)
    time.sleep(0.2)
"""
"""Asks for a sign of life, in a process of its own, so that the flood's client does not slow it."""


class Watch:
    """What the product holds and how quickly it answers, while something is done to it."""

    def __init__(self, run: Product) -> None:
        self.process = psutil.Process(run.pid)
        self.memory = self.process.memory_info().rss
        self.descriptors = self.process.num_fds()
        self.most_memory, self.most_descriptors = self.memory, self.descriptors
        self.answers: list[tuple[float, str]] = []
        self._page = run.page

    async def __aenter__(self) -> Watch:
        self._monitor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MONITOR, self._page.removeprefix("http://")),
            stdout=asyncio.subprocess.PIPE,
        )
        await self.look()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._monitor.kill()
        await self._monitor.wait()

    async def look(self) -> None:
        """Until the monitor has been answered once more."""
        assert self._monitor.stdout is not None
        took, status = (await self._monitor.stdout.readline()).decode().split()
        self.answers.append((float(took), status))
        self.most_memory = max(self.most_memory, self.process.memory_info().rss)
        self.most_descriptors = max(self.most_descriptors, self.process.num_fds())

    @property
    def slowest(self) -> float:
        return max(took for took, _ in self.answers)

    def figures(self, what: str) -> None:
        more = (self.most_memory - self.memory) / 1e6
        sys.stdout.write(
            f"\n{what}: /livez asked {len(self.answers)} times, slowest {self.slowest:.2f} s; "
            f"memory +{more:.0f} MB; descriptors {self.descriptors} before, {self.most_descriptors} at most\n"
        )
        assert {status for _, status in self.answers} == {"200"}


@asynccontextmanager
async def half_sent(page: str, count: int) -> AsyncIterator[None]:
    """Connections that send a half, and one more for each that is ended, as an attacker would."""
    host, port = page.removeprefix("http://").split(":")

    async def one(number: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, int(port))
                try:
                    writer.write(HALVES[number % len(HALVES)])
                    while await reader.read(4096):
                        pass
                finally:
                    writer.close()
            await asyncio.sleep(5.0)

    flood = [asyncio.create_task(one(number)) for number in range(count)]
    try:
        yield
    finally:
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)


@asynccontextmanager
async def streams(page: str, count: int) -> AsyncIterator[list[int]]:
    """Open pages of somebody who is logged in; the status of each."""
    statuses: list[int] = []
    async with httpx.AsyncClient(
        base_url=page, timeout=60, limits=httpx.Limits(max_connections=None)
    ) as client:
        await client.post("/login", data={"password": PASSWORD})

        async def one() -> None:
            with contextlib.suppress(httpx.HTTPError):
                async with client.stream("GET", "/changes") as answer:
                    statuses.append(answer.status_code)
                    async for _ in answer.aiter_bytes():
                        pass

        flood = [asyncio.create_task(one()) for _ in range(count)]
        try:
            yield statuses
        finally:
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)


async def posts_go_on(run: Product, watch: Watch, more: int) -> None:
    """Until so many further posts are on the network."""
    wanted = len(await asyncio.to_thread(run.posts)) + more
    async with asyncio.timeout(240):
        while len(watch.answers) < 30 or len(await asyncio.to_thread(run.posts)) < wanted:
            await watch.look()


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_under_a_flood_of_connections_pages_and_passwords_the_product_goes_on(
    tmp_path: Path, reaper: Reaper
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with running(reaper, tmp_path, SETTINGS, speed=SPEED) as run:
        await asyncio.to_thread(run.until, run.posts)

        async with Watch(run) as watch, half_sent(run.page, 2000):
            await posts_go_on(run, watch, 2)
        watch.figures("2,000 half-sent connections")
        assert watch.most_descriptors < watch.descriptors + 600
        assert watch.slowest < 5

        async with Watch(run) as watch, streams(run.page, 500) as statuses:
            await posts_go_on(run, watch, 1)
        watch.figures(f"500 streams, {statuses.count(200)} of them served")
        assert watch.most_descriptors < watch.descriptors + 600
        assert 0 < statuses.count(200) <= 64

        async with Watch(run) as watch, httpx.AsyncClient(base_url=run.page, timeout=60) as client:
            wrong = [client.post("/login", data={"password": f"wrong {n}"}) for n in range(300)]
            flood = asyncio.gather(*wrong, return_exceptions=True)
            while not flood.done() or len(watch.answers) < 30:
                await watch.look()
        watch.figures("300 wrong passwords")
        assert watch.most_memory - watch.memory <= 100e6
        assert watch.slowest < 1

        health = await asyncio.to_thread(fetch, f"{run.page}/health")
        assert {health["state"]} <= {"ok", "degraded"}, health
        assert "Too many open files" not in run.log
