"""Starts and stops the local network as a process of its own, and asks it for its ledger."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from stonechat.core.child_environment import child_environment
from stonechat.core.errors import Transient
from stonechat.core.safe_json import LARGEST, safe_json
from stonechat.networks.plugin import LocalSite


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """Where the local network listens, and what an account needs to use it.

    Attributes:
        session_b64: of the first account.
        sessions, tokens: of every account, by handle.
    """

    url: str
    model_url: str
    session_b64: str
    inbox_url: str
    sessions: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)

    @property
    def site(self) -> LocalSite:
        """What settings have to know of it."""
        return LocalSite(self.url, self.sessions, self.tokens)

    async def ledger(self, handle: str) -> list[dict[str, Any]]:
        """Every post that the network has from ``handle``."""
        posts = await self.ledger_of_all()
        return [row for row in posts if str(row["author"]).casefold() == handle.casefold()]

    async def ledger_of_all(self) -> list[dict[str, Any]]:
        """Every post that the network has from our accounts, oldest first."""
        posts: list[dict[str, Any]] = (await self._get("/aviary/ledger"))["posts"]
        return posts

    async def served(self, post_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """For each post, every set of counts that the network has shown to a reader."""
        found: dict[str, list[dict[str, Any]]] = {}
        for post_id in post_ids:
            rows = await self._get("/aviary/ledger/served", {"post": post_id})
            found[post_id] = rows["served"] if isinstance(rows, dict) else rows
        return found

    async def requests(self) -> dict[str, int]:
        """How many requests of each kind the network has answered."""
        counts: dict[str, int] = (await self._get("/aviary/stats"))["requests"]
        return counts

    async def move_levers(self, **levers: Any) -> None:
        """Set faults of the site, by their names there."""
        async with httpx.AsyncClient(timeout=10) as client:
            (await client.post(f"{self.url}/aviary/levers", json=levers)).raise_for_status()

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Any:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(self.url + path, params=query)
            answer.raise_for_status()
            return safe_json(answer.content, most_bytes=LARGEST)


@asynccontextmanager
async def local_network(
    *,
    handle: str,
    seed: int,
    speed: float,
    epoch: datetime,
    origin: float | None = None,
    clock_file: Path | None = None,
    state_dir: Path,
    others: Sequence[str] = (),
    unkind: bool = False,
    patience: timedelta = timedelta(seconds=30),
) -> AsyncIterator[LocalNetwork]:
    """The local network, listening on a free loopback port until the block ends.

    Args:
        origin: real time (Unix seconds) at which the network's time is ``epoch``; None means now.
        clock_file: the network follows the clock in this file instead; see ``core.clock.DrivenClock``.
        others: further accounts that may post there.
        unkind: it alters texts, withholds entries and refuses as X does.

    Raises:
        Transient: it did not say that it listens within ``patience``.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    log = (state_dir / "network.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "stonechat_aviary", "--port", "0", "--seed", str(seed), "--speed", str(speed)),
        *("--epoch", epoch.isoformat(), "--handle", handle),
        *(() if origin is None else ("--origin", repr(origin))),
        *(() if clock_file is None else ("--clock-file", str(clock_file))),
        *(word for other in others for word in ("--handle", other)),
        *("--state-dir", str(state_dir), "--die-with-parent"),
        *(("--unkind",) if unkind else ()),
        env=child_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,  # Ctrl-C is for us; the network ends after us
    )
    try:
        yield await _greeting(process, patience, Path(log.name))
    finally:
        log.close()
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _greeting(process: asyncio.subprocess.Process, patience: timedelta, log: Path) -> LocalNetwork:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        async with asyncio.timeout(patience.total_seconds()):
            line = await process.stdout.readline()
        said = safe_json(line)
        return LocalNetwork(
            said["url"],
            said["model_url"],
            said["session_b64"],
            said["inbox_url"],
            said["sessions"],
            said["tokens"],
        )
    except (TimeoutError, ValueError, KeyError) as exc:
        raise Transient(
            "The local network did not start.",
            meaning="The demo has nothing to post to.",
            remedy=f"See {log} for its own words, then try again.",
        ) from exc
