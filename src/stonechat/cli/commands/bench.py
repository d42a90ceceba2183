"""``stonechat bench``: ratios measured side by side in one run, never absolute times."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from benchmarks.support.watching import Usage, watched

from stonechat.browser.executable import find_chromium
from stonechat.cli.commands.demo import EPOCH, HANDLE
from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.core.errors import Permanent, Transient

Row = dict[str, Any]
SPEED = 1800.0


async def bench_loop(posts: int = 10) -> list[Row]:
    """The whole loop against a bare Playwright script that does the same page steps.

    *Ours*: ``stonechat demo --posts N``, everything but the local network counted. *Peer*: as many posts,
    profile loads and searches as the network saw from ours, sent one after the other by a script that
    keeps, checks and learns nothing.
    """
    with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
        report, ours = await _our_loop(posts, Path(folder))
        requests = report["network_requests"]
        reads = sum(requests.get(name, 0) for name in ("UserTweets", "UserTweetsAndReplies"))
        searches = sum(requests.get(name, 0) for name in ("SearchTimeline", "NotificationsTimeline"))
        sent = requests["CreateTweet"]
        bare, theirs = await _bare_script(sent, reads, searches, Path(folder))
    return [
        row("CPU seconds a post", ours.cpu_seconds / sent, theirs.cpu_seconds / sent),
        row("peak memory, MB", ours.peak_mb, theirs.peak_mb),
        row(
            "seconds a post, claim to receipt",
            report["seconds_per_post"],
            statistics.median(bare["sent_seconds"]),
        ),
    ]


def row(measure: str, ours: float, peer: float, goal: float | None = None) -> Row:
    """One line of a bench; ``ratio`` is ours by the peer's, ``goal`` the largest ratio that is good."""
    ratio = ours / peer if peer else None
    met = None if goal is None or ratio is None else ratio <= goal
    return {
        "measure": measure,
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "ratio": None if ratio is None else round(ratio, 3),
        "goal": goal,
        "met": met,
    }


async def _our_loop(posts: int, folder: Path) -> tuple[dict[str, Any], Usage]:
    report = folder / "report.json"
    arguments = ("demo", "--posts", str(posts), "--port", "0", "--report", str(report))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "stonechat.cli.main", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with watched(process.pid, leave_out=_is_network) as usage:
        _, said = await process.communicate()
    if not report.exists():
        raise Transient("The demo wrote no report.", remedy=said.decode(errors="replace")[-500:])
    figures: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return figures, usage


async def _bare_script(sent: int, reads: int, searches: int, folder: Path) -> tuple[dict[str, Any], Usage]:
    now = time.time()
    async with local_network(
        handle=HANDLE, seed=7, speed=SPEED, epoch=EPOCH, origin=now, state_dir=folder / "bare"
    ) as network:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.posting.bare_script"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        async with watched(process.pid) as usage:
            said, _ = await process.communicate(_order(network, sent, reads, searches))
    if process.returncode != 0:
        raise Permanent("The bare script did not end well.", remedy="Its own words stand above.")
    figures: dict[str, Any] = json.loads(said)
    return figures, usage


def _order(network: LocalNetwork, sent: int, reads: int, searches: int) -> bytes:
    executable = find_chromium(None)
    order = {
        "url": network.url,
        "handle": HANDLE,
        "session_b64": network.session_b64,
        "executable": str(executable) if executable else None,
        "texts": [f"Note {number}: write the first line before you read the news." for number in range(sent)],
        "profile_loads": reads,
        "searches": searches,
        "contexts": 1,
    }
    return json.dumps(order).encode()


def _is_network(process: psutil.Process) -> bool:
    return "stonechat_aviary" in process.cmdline()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for.

    Attributes:
        size: how much is measured: posts, runs, rows, drafts or seeds; None for the bench's own.
        file: recorded posts.
        database: a server to measure on; None where the bench starts its own.
    """

    size: int | None = None
    file: Path | None = None
    database: str | None = None


async def _loop(asked: Asked) -> list[Row]:
    return await bench_loop(asked.size or 10)


async def _posting(asked: Asked) -> list[Row]:
    from benchmarks.posting.measures import QUICK, bench_posting, size_of

    return await bench_posting(QUICK if asked.size is None else size_of(asked.size))


async def _content(asked: Asked) -> list[Row]:
    from benchmarks.content import bench_content

    return await bench_content(drafts=asked.size or 1_000)


async def _learning(asked: Asked) -> list[Row]:
    from benchmarks.learning.bench import bench_learning

    return await asyncio.to_thread(bench_learning, asked.size or 300, posts=asked.file)


async def _jobs(asked: Asked) -> list[Row]:
    from benchmarks.jobs import alone, bench_jobs, own_database
    from benchmarks.jobs.idle import measure
    from benchmarks.support.idling import idle
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        server = asked.database or ""
        if not server:
            server = await stack.enter_async_context(own_postgresql())
        rows = await bench_jobs(server, runs=asked.size or 300)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        url = await stack.enter_async_context(own_database(server))
        run = await idle(url, folder, seconds=20)
        jobs = await measure(url, seconds=20)
    rows.append(alone("idle job manager with all jobs, % of a core", jobs[0], 3.0))
    rows.append(alone("idle job manager with all jobs, MB (RSS)", jobs[1], 160.0))
    rows.append(alone("idle stonechat run without browser, % of a core", run[0], 3.0))
    rows.append(alone("idle stonechat run without browser, MB (RSS)", run[1], None))
    return rows


async def _browser(asked: Asked) -> list[Row]:
    from benchmarks.browser.bench import bench_browser

    with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
        return await bench_browser(Path(folder), size=asked.size or 2_000)


async def _storage(asked: Asked) -> list[Row]:
    from benchmarks.storage import bench_storage
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        url = asked.database or await stack.enter_async_context(own_postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        return await bench_storage(folder, url, size=asked.size or 100_000)


async def _move(asked: Asked) -> list[Row]:
    from benchmarks.storage.moving import bench_move
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        url = asked.database or ""
        if not url:
            url = await stack.enter_async_context(own_postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        return await bench_move(folder, url, size=asked.size or 100_000)


BENCHES: dict[str, Callable[[Asked], Awaitable[list[Row]]]] = {
    "loop": _loop,
    "posting": _posting,
    "jobs": _jobs,
    "storage": _storage,
    "move": _move,
    "browser": _browser,
    "content": _content,
    "learning": _learning,
}
"""Every bench by name."""
