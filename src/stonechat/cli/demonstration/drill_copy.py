"""A private copy of Stonechat for a drill: a process, a local network, an inbox for its alerts."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from stonechat.cli.demonstration.drill_servers import Server
from stonechat.cli.demonstration.local_network import LocalNetwork
from stonechat.core.child_environment import child_environment
from stonechat.core.errors import Transient

HANDLE = "quietbuilder"


@dataclass(frozen=True, slots=True)
class Told:
    """A message that came: when (Unix seconds), ``firing`` or ``resolved``, and the part that it is about."""

    at: float
    status: str
    part: str
    title: str


@dataclass
class Copy:
    """``stonechat run`` on a local network, with what it is given; what happened is asked from outside.

    Attributes:
        server: the PostgreSQL or Redis that the fault is done to, where the drill needs one.
    """

    folder: Path
    network: LocalNetwork
    settings: Mapping[str, str]
    server: Server | None = None
    process: asyncio.subprocess.Process | None = None
    _client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=5))

    async def start(self) -> None:
        """Start it, or start it again."""
        log = (self.folder / "stonechat.log").open("ab")
        try:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "stonechat.cli.main", "run"),
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            log.close()

    async def stop(self) -> None:
        """End it as a service manager would."""
        process = self.process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                async with asyncio.timeout(30):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        await self._client.aclose()

    async def kill(self) -> None:
        """``kill -9``, with its browser left behind."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def signalled(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    def browsers(self) -> list[psutil.Process]:
        """Its Chromium processes, as they are now."""
        if self.process is None:
            return []
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
            return [one for one in children if "chrom" in one.name() or "headless" in one.name()]
        except psutil.NoSuchProcess:
            return []

    async def posts(self) -> int:
        """Own posts on the network, replies and later parts apart."""
        return sum(row["in_reply_to"] is None for row in await self.network.ledger(HANDLE))

    async def health(self) -> dict[str, Any]:
        """What ``/health`` says; nothing where nobody answers."""
        try:
            said: dict[str, Any] = (await self._client.get(f"{self.page}/health")).json()
            return said
        except (httpx.HTTPError, ValueError):
            return {}

    @property
    def page(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.settings['PORT']}"

    async def told(self, since: float) -> list[Told]:
        """Messages that came since then (Unix seconds), in the order of their coming."""
        answer = await self._client.get(self.network.inbox_url)
        rows = [(row["real_at"], row["body"]) for row in answer.json()["alerts"]]
        return [
            Told(
                at,
                str(body["status"]),
                str(body["commonLabels"].get("part", "")),
                str(body["commonAnnotations"]["summary"]),
            )
            for at, body in rows
            if at >= since and isinstance(body, dict) and "status" in body
        ]

    async def command(self, *words: str) -> None:
        """What its owner says on the command line.

        Raises:
            Transient: the command failed.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stonechat.cli.main", *words),
            cwd=self.folder,
            env=self._environment(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        if process.returncode:
            raise Transient(f"`stonechat {' '.join(words)}` failed: {said.decode(errors='replace').strip()}")

    async def until(self, fact: Callable[[], Awaitable[bool]], what: str, seconds: float) -> float:
        """Wait for a fact; returns the seconds that it took.

        Raises:
            Transient: it did not come about.
        """
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            try:
                if await fact():
                    return time.monotonic() - began
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.25)
        raise Transient(f"It did not come about within {seconds:.0f} s: {what}.")

    def _environment(self) -> dict[str, str]:
        return child_environment() | dict(self.settings)

    async def is_well(self) -> bool:
        """Whether its own verdict is that all is well."""
        return (await self.health()).get("state") == "ok"
