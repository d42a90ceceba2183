"""The step of the boot that opens the browser pool, its breaker, its health and its meters."""

from __future__ import annotations

import platform
from datetime import timedelta

from stonechat.browser import POOL_POLICY, BrowserPool, open_browser_pool
from stonechat.browser.health import PoolHealth
from stonechat.browser.sessions import SessionStore
from stonechat.core.states import BreakerState
from stonechat.monitoring import HealthBoard, Meters
from stonechat.monitoring.health_board import ProbeResult, down, ok
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
        check_browser(base.board, pool)
        add_gauges(base.meters, pool)
        base.data.connect(pool=pool.health, evidence=pool.evidence)
    return pool


async def _not_needed() -> ProbeResult:
    return ok("no account needs one")


def check_browser(board: HealthBoard, pool: BrowserPool, every: timedelta = timedelta(seconds=3)) -> None:
    """Layer 5: a browser runs and answers, its breaker lets operations through, and somebody is served."""

    async def check() -> ProbeResult:
        return judge_pool(pool.health())

    board.register("browser", check, every)


def judge_pool(health: PoolHealth) -> ProbeResult:
    """Down where no operation gets through, whatever the reason."""
    said = f"{health.contexts} of {health.limit} contexts, {health.queue_depth} waiting"
    if not health.up:
        return down(health.why or "no browser runs", said)
    if health.exhausted:
        return down(f"every context is in use: {health.exhausted}", said)
    breaker = health.breaker
    if breaker is not None and breaker.state not in (BreakerState.CLOSED, BreakerState.FORCED_CLOSED):
        return down(f"its breaker is {breaker.state.value.replace('_', ' ')}: {breaker.why}", said)
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

    meters.gauge("browser", "The browser pool.", browser, ("what",))
