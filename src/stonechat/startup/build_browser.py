"""The step of the boot that opens the browser pool, its breaker, its health and its meters."""

from __future__ import annotations

import platform
from datetime import timedelta

from stonechat.browser import POOL_POLICY, BrowserPool, open_browser_pool
from stonechat.browser.health import PoolHealth
from stonechat.browser.sessions import SessionStore
from stonechat.core.states import BreakerState
from stonechat.monitoring import HealthBoard, Meters
from stonechat.monitoring.health_board import ProbeResult, degraded, down, ok
from stonechat.resilience import Breakers, Guarded, breaker_name
from stonechat.startup.boot_context import BootContext


async def start_browser(base: BootContext, breakers: Breakers, sessions: SessionStore) -> BrowserPool | None:
    """The browser pool; None where no account's network uses one.

    A browser that does not start is tried again while the rest runs.

    Its breaker goes by the host's name: another host's browser is none of its business.
    """
    if not any(one.uses_browser for one in base.networks.used(one.network for one in base.served)):
        base.board.register("browser", _not_needed, timedelta(minutes=1))
        return None
    async with base.boot.step("browser pool"):
        pool = await base.boot.enter(
            open_browser_pool(
                base.settings.browser,
                base.clock,
                base.events,
                sessions=sessions,
                evidence_folder=base.settings.startup.data_dir / "evidence",
            )
        )
        name = breaker_name(Guarded.BROWSER, platform.node() or "host")
        pool.guard(breakers.add(name, POOL_POLICY, pool.prove))
        health = pool.health()
        base.boot.say(health.version if health.up else f"not yet: {health.why}; posts wait for it")
        check_browser(base.board, pool, memory_limit_mb=base.settings.browser.memory_limit_mb)
        add_gauges(base.meters, pool)
        base.data.connect(pool=pool.health, evidence=pool.evidence)
    return pool


DEEP = 10
"""More operations than this for each context wait: a queue that grows faster than it is served."""

DEEP_REMEDY = (
    "Publishing goes first meanwhile. Raise BROWSER_CONTEXTS if there is memory, or serve fewer accounts."
)


MEMORY_REMEDY = (
    "It is replaced between two operations. If that does not end it, raise BROWSER_MEMORY_LIMIT_MB or lower "
    "BROWSER_CONTEXTS."
)


async def _not_needed() -> ProbeResult:
    return ok("no account needs one")


def check_browser(
    board: HealthBoard,
    pool: BrowserPool,
    every: timedelta = timedelta(seconds=3),
    *,
    memory_limit_mb: int | None = None,
) -> None:
    """Layer 5: a browser runs and answers, its breaker lets operations through, somebody is served, and it
    keeps to its memory."""

    async def check() -> ProbeResult:
        return judge_pool(pool.health(), memory_limit_mb=memory_limit_mb)

    board.register("browser", check, every)


def judge_pool(health: PoolHealth, *, memory_limit_mb: int | None = None) -> ProbeResult:
    """Down where no operation gets through, whatever the reason; degraded where its means run out."""
    said = f"{health.contexts} of {health.limit} contexts, {health.queue_depth} waiting"
    if not health.up:
        return down(health.why or "no browser runs", said)
    if health.exhausted:
        return down(f"every context is in use: {health.exhausted}", said)
    if health.queue_depth > DEEP * health.limit:
        waits = f"the longest for {health.longest_wait.total_seconds():.0f} s"
        return degraded(
            f"{health.queue_depth} operations wait for {health.limit} contexts, {waits}", said, DEEP_REMEDY
        )
    breaker = health.breaker
    if breaker is not None and breaker.state not in (BreakerState.CLOSED, BreakerState.FORCED_CLOSED):
        return down(f"its breaker is {breaker.state.value.replace('_', ' ')}: {breaker.why}", said)
    used_mb = (health.memory_bytes or 0) / 1_000_000
    if memory_limit_mb is not None and used_mb > memory_limit_mb:
        return degraded(f"it takes {used_mb:.0f} MB, more than {memory_limit_mb} MB", said, MEMORY_REMEDY)
    return ok(said)


def add_gauges(meters: Meters, pool: BrowserPool) -> None:
    """Numbers that are read at each scrape."""

    def browser() -> dict[tuple[str, ...], float]:
        health = pool.health()
        return {
            ("up",): float(health.up),
            ("contexts",): health.contexts,
            ("queued",): health.queue_depth,
            ("longest_wait_seconds",): health.longest_wait.total_seconds(),
            ("restarts",): health.restarts,
            ("processes",): float(health.processes or 0),
            ("memory_bytes",): float(health.memory_bytes or 0),
            ("own_memory_bytes",): float(health.own_bytes or 0),
        }

    meters.gauge("browser", browser)
