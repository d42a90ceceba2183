"""The bench itself: starts the system and the bare script, watches them, reads the ledger, makes the rows."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.posting.order import Answer, BenchOrder
from benchmarks.posting.system import settings_for
from benchmarks.support.watching import Usage, watched
from stonechat.browser.executable import find_chromium
from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent
from stonechat.database import open_database

Row = dict[str, Any]
HANDLES = ("quietbuilder", "slowharbor", "plainledger")
"""Three accounts, so three contexts: the default of the pool."""
LOOK_EVERY = 2.0
"""Real seconds between two looks at the processes: a look costs time itself."""
SPEED_GOAL, MEMORY_RATIO, MEMORY_MORE_MB, MEMORY_MB = 0.9, 1.15, 160.0, 512.0
ON_TIME_P99 = 5.0
AS_SLOW_AS_X_MS = 300
"""About what the real site takes for an answer."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        posts: in the race against the bare script, by three contexts together.
        due_at_once: on one account.
        on_time: posts that become due one by one, so many seconds apart.
        kills: of each of browser, page and driver.
    """

    posts: int
    due_at_once: int
    on_time: int
    apart: float
    kills: int


QUICK = Size(posts=90, due_at_once=60, on_time=12, apart=3.0, kills=2)
"""What is measured in a few minutes."""


def size_of(posts: int) -> Size:
    """So many posts due at once. 200 is the whole: 300 in a race, 100 on time, 20 kills of each kind."""
    return Size(
        posts=posts * 3 // 2,
        due_at_once=posts,
        on_time=max(4, posts // 2),
        apart=3.0,
        kills=max(1, posts // 10),
    )


async def bench_posting(size: Size) -> list[Row]:
    """All of it, one after the other."""
    return [
        *await race(size.posts),
        *await race(size.posts, slow_ms=AS_SLOW_AS_X_MS),
        *await due_at_once(size.due_at_once),
        *await due_one_by_one(size.on_time, size.apart),
        *await recoveries(size.kills),
    ]


async def race(posts: int, handles: Sequence[str] = HANDLES, *, slow_ms: int = 0) -> list[Row]:
    """Posts per minute and memory, with as many contexts as accounts on both sides.

    Args:
        slow_ms: what the site takes for each answer. At 0 the processors are all that is measured: no site
            answers so fast, and there is no goal.
    """
    ledger, _, ours = await _system("drain", handles, slow_ms=slow_ms, posts=posts)
    theirs_ledger, theirs = await _bare(posts, handles, slow_ms)
    speed, bare_speed = per_minute(ledger), per_minute(theirs_ledger)
    fast_enough = speed >= SPEED_GOAL * bare_speed
    limit = MEMORY_RATIO * theirs.peak_mb + MEMORY_MORE_MB
    name = f"{len(handles)} contexts, answers after {slow_ms} ms"
    return [
        result(
            f"{name}: posts a minute",
            speed,
            bare_speed,
            f">= {SPEED_GOAL} x" if slow_ms else None,
            met=fast_enough if slow_ms else None,
        ),
        result(f"{name}: CPU s a post", ours.cpu_seconds / posts, theirs.cpu_seconds / posts, None, met=None),
        result(
            f"{name}: peak memory, MB",
            ours.peak_mb,
            theirs.peak_mb,
            f"<= {limit:.0f} and {MEMORY_MB:.0f}",
            met=ours.peak_mb <= min(limit, MEMORY_MB),
        ),
    ]


async def due_at_once(posts: int) -> list[Row]:
    """All out, in order, none doubled: by the network's ledger."""
    ledger, answer, _ = await _system("drain", HANDLES[:1], posts=posts)
    texts = [row["text"] for row in ledger]
    wanted = [text for text, _ in answer.due]
    lost, doubled = len(set(wanted) - set(texts)), len(texts) - len(set(texts))
    swapped = sum(one != other for one, other in zip(texts, wanted, strict=False))
    took = max(float(row["real_at"]) for row in ledger) - answer.due[0][1]
    name = f"{posts} due at once"
    return [
        result(f"{name}: lost", lost, None, "0", met=lost == 0, note="; ".join(answer.unsettled[:3])),
        result(f"{name}: doubled", doubled, None, "0", met=doubled == 0),
        result(f"{name}: out of order", swapped, None, "0", met=swapped == 0),
        result(f"{name}: s until the last is live", took, None, None, met=None),
    ]


async def due_one_by_one(posts: int, apart: float) -> list[Row]:
    """From a post's due time to its being live, with nothing else to do."""
    ledger, answer, _ = await _system("on_time", HANDLES[:1], posts=posts, apart=apart)
    live = {row["text"]: float(row["real_at"]) for row in ledger}
    late = sorted(live[text] - at for text, at in answer.due if text in live)
    p50, p99 = quantile(late, 0.5), quantile(late, 0.99)
    whole = len(late) == posts and late[0] >= 0
    return [
        result("due to live, p50, s", p50, None, None, met=None),
        result("due to live, p99, s", p99, None, f"<= {ON_TIME_P99:g}", met=p99 <= ON_TIME_P99 and whole),
    ]


async def recoveries(kills: int) -> list[Row]:
    """From a kill to the next post that is live, while a post is always due."""
    targets = ("browser", "page", "driver")
    ledger, answer, _ = await _system("recover", HANDLES[:1], kills=kills, targets=targets)
    doubled = len(ledger) - len({row["text"] for row in ledger})
    rows = [result(f"doubled in {3 * kills} kills", doubled, None, "0", met=doubled == 0)]
    for target in targets:
        took = answer.recoveries[target]
        name = f"{target} killed, s to the next post"
        rows.append(result(f"{name}: median", statistics.median(took), None, None, met=None))
        rows.append(result(f"{name}: worst", max(took), None, None, met=None))
    return rows


async def _system(
    scenario: str, handles: Sequence[str], *, slow_ms: int = 0, **more: Any
) -> tuple[list[dict[str, Any]], Answer, Usage]:
    """Run the whole system through a scenario: the ledger, its own words, and what it used."""
    with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
        async with _network(handles, Path(folder) / "network") as network:
            await network.move_levers(slow_ms=slow_ms)
            order = BenchOrder(
                scenario=scenario,
                folder=folder,
                url=network.url,
                model_url=network.model_url,
                sessions={handle: network.sessions[handle] for handle in handles},
                **more,
            )
            await _with_tables(order)
            said, usage = await _watched_process("benchmarks.posting.system", order.to_json())
            rows = await network.ledger_of_all()
    answer = Answer.from_json(said.splitlines()[-1])
    return [row for row in rows if row["text"].startswith("Note ")], answer, usage


async def _with_tables(order: BenchOrder) -> None:
    """Make the database ready, as every start but the first finds it."""
    settings = settings_for(order)
    async with open_database(settings.database_url, settings.database, SystemClock()):
        pass


async def _bare(posts: int, handles: Sequence[str], slow_ms: int) -> tuple[list[dict[str, Any]], Usage]:
    with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
        async with _network(handles, Path(folder)) as network:
            await network.move_levers(slow_ms=slow_ms)
            executable = find_chromium(None)
            order = {
                "url": network.url,
                "handle": handles[0],
                "sessions": [network.sessions[handle] for handle in handles],
                "executable": str(executable) if executable else None,
                "texts": [f"Note {n}: write the first line before you read the news." for n in range(posts)],
                "profile_loads": 0,
                "searches": 0,
                "contexts": len(handles),
                "stay": True,
            }
            _, usage = await _watched_process("benchmarks.posting.bare_script", json.dumps(order))
            return await network.ledger_of_all(), usage


def _network(handles: Sequence[str], folder: Path) -> AbstractAsyncContextManager[LocalNetwork]:
    now = SystemClock().wall()
    return local_network(
        handle=handles[0],
        others=handles[1:],
        seed=7,
        speed=1.0,
        epoch=now,
        origin=now.timestamp(),
        state_dir=folder,
    )


async def _watched_process(module: str, given: str) -> tuple[str, Usage]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with watched(process.pid, every=LOOK_EVERY) as usage:
        said, _ = await process.communicate(given.encode())
    if process.returncode != 0 or not said.strip():
        raise Permanent(f"{module} did not end well.", remedy="Its own words stand above.")
    return said.decode(), usage


def per_minute(ledger: Sequence[dict[str, Any]]) -> float:
    """Posts a minute between the first and the last that are live, by the ledger's real times."""
    times = sorted(float(row["real_at"]) for row in ledger)
    return 60.0 * (len(times) - 1) / (times[-1] - times[0])


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sorted values lie; infinite where there are none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("inf")


def result(
    measure: str, ours: float, peer: float | None, goal: str | None, *, met: bool | None, note: str = ""
) -> Row:
    """One line of the bench; ``note`` says more where a goal was not met."""
    line: Row = {
        "measure": measure,
        "ours": round(ours, 3),
        "peer": None if peer is None else round(peer, 3),
        "ratio": round(ours / peer, 3) if peer else None,
        "goal": goal,
        "met": met,
    }
    return line | ({"note": note} if note else {})
