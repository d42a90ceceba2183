"""The whole loop beside a bare script that does the same page steps."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
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
