"""What each layer is asked, in the background, about its health. The answers stand on the board."""

from __future__ import annotations

from datetime import timedelta

from stonechat.cache import FallbackCache
from stonechat.config.settings import Settings
from stonechat.core.clock import Clock
from stonechat.core.states import BreakerState, LayerState, SessionState
from stonechat.database import Database
from stonechat.database.connection.latency import BOUNDS
from stonechat.database.repositories import accounts
from stonechat.jobs import Health, JobService
from stonechat.monitoring import HealthBoard, Meters, ProbeResult, degraded, down, ok
from stonechat.monitoring.health_board import Check
from stonechat.monitoring.outcome import posts_flow
from stonechat.resilience import Breakers
from stonechat.startup.boot import Boot

LATE = frozenset({Health.LATE.value})
FAILING = frozenset({Health.FAILING.value})
LETS_THROUGH = frozenset({BreakerState.CLOSED, BreakerState.FORCED_CLOSED})


def check_startup(board: HealthBoard, boot: Boot) -> None:
    """Layer 1: every step of the boot is done."""

    async def check() -> ProbeResult:
        if boot.ready:
            return ok(f"{len(boot.steps)} steps done")
        step = boot.steps[-1] if boot.steps else None
        return degraded(f"starting: {step.name} {step.detail}".strip() if step else "starting")

    board.register("startup", check, timedelta(seconds=5))


SLOW_REMEDY = (
    "Publishing goes first meanwhile, and it ends by itself when the load does. Look at the server's load, "
    "its disk and its locks; /status names the slowest work, /metrics has the times of each task."
)


def check_database(board: HealthBoard, database: Database) -> None:
    """Layer 6: it answers, and soon, and nobody sits on a connection."""

    async def check() -> ProbeResult:
        await database.ping()
        state = database.pool()
        long = [str(one) for one in state.held_too_long(database.hold_limit)]
        said = f"{state.in_use} of {state.size} connections in use"
        if long:
            return degraded(f"held too long: {', '.join(long)}", said)
        pace = database.pace()
        return degraded(str(pace), said, SLOW_REMEDY) if pace.overloaded else ok(said)

    board.register("database", check, timedelta(seconds=5), timeout=timedelta(seconds=8))


def check_cache(board: HealthBoard, meters: Meters, cache: FallbackCache) -> None:
    """Layer 7: Redis serves where it is wanted, and every connection is given back."""

    async def check() -> ProbeResult:
        health = cache.health()
        if health.degraded:
            return degraded(f"{health.cause} {health.remedy}".strip(), "in-process meanwhile")
        if health.leak:
            return degraded(f"a connection to Redis was never given back: {health.leak}", "taken back")
        return ok(health.serving)

    def connections() -> dict[tuple[str, ...], float]:
        pool = cache.health().connections
        return {("size",): pool.size, ("in_use",): pool.in_use, ("taken_back",): pool.taken_back}

    def calls() -> dict[tuple[str, ...], float]:
        health = cache.health()
        return {
            ("all",): health.calls,
            ("failed",): health.failures,
            ("hit",): health.hits,
            ("missed",): health.misses,
        }

    board.register("cache", check, timedelta(seconds=5))
    meters.gauge("cache_connections", "The connection pool to Redis.", connections, ("what",))
    meters.gauge("cache_calls", "Calls to the cache since the start, and reads by outcome.", calls, ("what",))


def check_jobs(board: HealthBoard, jobs: JobService) -> None:
    """Layer 2 by whether runs start in time; the layers 3, 8, 9 and 10 by how their own jobs do.

    A job that fails is its layer's trouble, not the job manager's: otherwise one lost browser would be told
    as two incidents. A critical job in trouble means *down*, another *degraded*.
    """

    def of(prefix: str, ill_states: frozenset[str]) -> Check:
        async def check() -> ProbeResult:
            every = [one for one in await jobs.status() if one.name.startswith(prefix)]
            ill = [one for one in every if one.state in ill_states]
            said = f"{len(every)} schedules"
            if not ill:
                return ok(said)
            worst = next((one for one in ill if one.critical), ill[0])
            cause = f"{worst.name} is {worst.state}: {worst.why}"
            return down(cause, said) if worst.critical else degraded(cause, said)

        return check

    board.register("jobs", of("", LATE), timedelta(seconds=10))
    for layer in ("content", "scraping", "harvesting", "learning"):
        board.register(layer, of(f"{layer}.", LATE | FAILING), timedelta(seconds=10), name="jobs")


def check_posting(board: HealthBoard, database: Database, clock: Clock, settings: Settings) -> None:
    """Layer 4, judged by its outcome: posts that are due go out."""
    board.register("posting", posts_flow(database, clock, grace=settings.posting.grace))

    async def session() -> ProbeResult:
        async with database.read("monitoring.sessions") as connection:
            rows = [await accounts.session(connection, one.id) for one in await accounts.every(connection)]
        ill = [row for row in rows if row.state is not SessionState.VALID]
        if not ill:
            return ok(f"{len(rows)} valid")
        cause = f"{ill[0].account_id} is {ill[0].state.value}: {ill[0].why}"
        return down(cause) if len(ill) == len(rows) else degraded(cause)

    board.register("session", session, timedelta(seconds=5))


def check_breakers(board: HealthBoard, breakers: Breakers) -> None:
    """The model and the network, by their breakers."""

    def of(name: str) -> Check:
        async def check() -> ProbeResult:
            all_of_it = [one for one in breakers.status() if one.name.split("/")[0] == name]
            shut = [one for one in all_of_it if one.state not in LETS_THROUGH]
            if not shut:
                return ok()
            cause = f"{shut[0].name} breaker is {shut[0].state.value}: {shut[0].why}"
            return down(cause) if len(shut) == len(all_of_it) else degraded(cause)

        return check

    board.register("model", of("model"), timedelta(seconds=3))
    board.register("network", of("network"), timedelta(seconds=3))


def add_gauges(meters: Meters, database: Database, breakers: Breakers, board: HealthBoard) -> None:
    """Numbers that are read at each scrape."""

    def layers() -> dict[tuple[str, ...], float]:
        return {(one.layer,): float(one.state is LayerState.OK) for one in board.layers()}

    def connections() -> dict[tuple[str, ...], float]:
        state = database.pool()
        return {
            ("size",): state.size,
            ("in_use",): state.in_use,
            ("waiting",): state.waiting,
            ("held_too_long",): len(state.held_too_long(database.hold_limit)),
        }

    def waits() -> dict[tuple[str, ...], float]:
        state = database.pool()
        return {
            ("so_far",): state.waited.total_seconds(),
            ("longest_now",): state.waiting_longest.total_seconds(),
        }

    def counted() -> dict[tuple[str, ...], float]:
        state = database.pool()
        return {("taken",): state.waits, ("asked_again",): state.repeated}

    def shut() -> dict[tuple[str, ...], float]:
        return {(one.name,): float(one.state not in LETS_THROUGH) for one in breakers.status()}

    meters.gauge("layer_ok", "1 where the layer does its work.", layers, ("layer",))
    meters.gauge("database_connections", "The connection pool.", connections, ("what",))
    meters.gauge("database_wait_seconds", "Real time waited for a connection.", waits, ("what",))
    meters.gauge("database_connections_since_start", "Connections given out.", counted, ("what",))
    meters.histogram(
        "database_transaction_seconds",
        "Real time that a transaction waited for the database: opening, locks, statements, commit.",
        lambda: {(task,): (one.counts, one.seconds) for task, one in database.times().items()},
        BOUNDS,
        ("task",),
    )
    meters.gauge(
        "database_slow_since_start",
        "Transactions that waited for the database for longer than DATABASE_SLOW.",
        lambda: {(task,): one.slow for task, one in database.times().items() if one.slow},
        ("task",),
    )
    meters.gauge("breaker_open", "1 where the breaker lets nothing through.", shut, ("breaker",))
