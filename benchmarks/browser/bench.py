"""``stonechat bench browser``: what operations with faults leave behind, and how fast the pool recovers."""

from __future__ import annotations

import asyncio
import random
import statistics
from pathlib import Path
from typing import Any

from benchmarks.browser.recovery import KILLS, recovery_times
from benchmarks.browser.soak import HeldResources, Soaked, light_site, soak
from stonechat.browser.account_context import LeasePriority
from stonechat.browser.chromium import driver_died
from stonechat.browser.opening import open_browser_pool
from stonechat.browser.pool import BrowserPool
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream

Row = dict[str, Any]
SAME = 1.10
"""Memory may stand at most a tenth above where it stood."""
RECOVERS_WITHIN = 3.0
"""Real seconds, as the fault's page asks of a relaunch."""
KILLS_OF_EACH = 20


async def bench_browser(
    folder: Path, *, size: int = 2000, kills: int = KILLS_OF_EACH, seed: int = 1
) -> list[Row]:
    """``size`` operations with every fault, then ``kills`` kills of browser, page and driver each.

    ``peer`` is what was held after the first tenth of the operations; ``ours`` what is held at the end.
    """
    clock = SystemClock()
    settings = BrowserSettings(queue_limit=1000)
    asyncio.get_running_loop().set_exception_handler(_about_killed_drivers)
    async with open_browser_pool(
        settings, clock, EventStream(clock), root=folder / "browser", evidence_folder=folder / "evidence"
    ) as pool:
        soaked = await soak(pool, size, random.Random(seed))
        rows = _held(soaked, len(list((folder / "evidence").glob("*.json"))))
        for name, times in (await _recoveries(pool, kills)).items():
            rows.append(
                _figure(f"s from killing the {name} to the next operation, median", statistics.median(times))
            )
            rows.append(_figure(f"s from killing the {name}, worst of {kills}", max(times), RECOVERS_WITHIN))
    return rows


async def _recoveries(pool: BrowserPool, kills: int) -> dict[str, list[float]]:
    async with light_site() as address:

        async def operation() -> bool:
            async with pool.lease("recovery", priority=LeasePriority.POST, task="recovery") as lease:
                await lease.page.goto(f"{address}/again")
                return await lease.page.inner_text("h1") == "/again"

        return {
            name: await recovery_times(pool, fault, operation, times=kills) for name, fault in KILLS.items()
        }


def _held(soaked: Soaked, records: int) -> list[Row]:
    before, after = soaked.before, soaked.after
    done = sum(soaked.outcomes.values())
    faulty = done - soaked.faults["none"]
    return [
        _same("processes", before, after, 1.0),
        _same("contexts", before, after, 1.0),
        _same("handles", before, after, SAME),
        _same("tasks", before, after, 1.0),
        _same("own_mb", before, after, SAME),
        _same("tree_mb", before, after, SAME),
        _figure("operations", done),
        _figure("operations that met a fault of their own", faulty),
        _figure("operations that succeeded", soaked.outcomes["ok"]),
        _figure("operations that ended in something else than our errors", len(soaked.unexplained), 0.0),
        _figure("records of failures on the disk", records, 50.0),
    ]


def _about_killed_drivers(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Playwright leaves futures behind where its driver is killed, which is what is done here."""
    exc = context.get("exception")
    if not isinstance(exc, Exception) or not driver_died(exc):
        loop.default_exception_handler(context)


_WORDS = {
    "processes": "processes, with ended ones that nobody fetched",
    "contexts": "browser contexts",
    "handles": "open files of all processes",
    "tasks": "tasks of this process",
    "own_mb": "memory of this process, MB",
    "tree_mb": "memory of driver, browser and pages, MB",
}


def _same(what: str, before: HeldResources, after: HeldResources, goal: float) -> Row:
    ours, peer = float(getattr(after, what)), float(getattr(before, what))
    ratio = ours / peer if peer else None
    met = ratio is None or ratio <= goal
    return {
        "measure": _WORDS[what],
        "ours": round(ours, 1),
        "peer": round(peer, 1),
        "ratio": None if ratio is None else round(ratio, 3),
        "goal": goal,
        "met": met,
    }


def _figure(measure: str, ours: float, goal: float | None = None) -> Row:
    """A figure by itself; ``goal`` is the largest that is good."""
    met = None if goal is None else ours <= goal
    return {"measure": measure, "ours": round(ours, 2), "peer": None, "ratio": None, "goal": goal, "met": met}
