"""What each layer is asked, in the background, about its health. The answers stand on the board."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from stonechat.browser.session_store import EncryptedSessionStore, SessionLocked
from stonechat.cache import FallbackCache
from stonechat.config.settings import Settings
from stonechat.core.clock import Clock
from stonechat.core.errors import SessionTrouble, Transient
from stonechat.core.states import BreakerState, ContentState, LayerState, SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, functional_check
from stonechat.jobs import Health, JobService, JobStatus
from stonechat.monitoring import HealthBoard, Meters, ProbeResult, degraded, down, ok
from stonechat.monitoring.health_board import Check, CheckNotMade
from stonechat.monitoring.outcome import posts_flow
from stonechat.resilience import Breakers, Guarded, kind_of
from stonechat.startup.boot import Boot

LATE = frozenset({Health.LATE.value})
FAILING = frozenset({Health.FAILING.value})
AHEAD = (ContentState.QUEUED, ContentState.POSTING, ContentState.AWAITING_APPROVAL, ContentState.UNCONFIRMED)
LETS_THROUGH = frozenset({BreakerState.CLOSED, BreakerState.FORCED_CLOSED})


def check_startup(board: HealthBoard, boot: Boot) -> None:
    """Layer 1: every step of the boot is done."""

    async def check() -> ProbeResult:
        if boot.ready:
            return ok(f"{len(boot.steps)} steps done")
        step = boot.steps[-1] if boot.steps else None
        return degraded(f"starting: {step.name} {step.detail}".strip() if step else "starting")

    board.register("startup", check, timedelta(seconds=5))


def check_keys(board: HealthBoard, vault: EncryptedSessionStore, account_ids: Sequence[str]) -> None:
    """Layer 5: this host has the key of every session that it is to use. Others may have it all the same."""

    async def check() -> ProbeResult:
        for account_id in account_ids:
            try:
                await vault.load(account_id)
            except SessionLocked as locked:
                return degraded(f"{locked.what} {locked.remedy}")
            except (SessionTrouble, Transient):
                continue  # told where it is the account's, or the database's
        return ok()

    board.register("browser", check, timedelta(seconds=30), name="session keys")


SLOW_REMEDY = (
    "Publishing goes first meanwhile, and it ends by itself when the load does. Look at the server's load, "
    "its disk and its locks; /status names the slowest work, /metrics has the times of each task."
)


REFUSED_REMEDY = (
    "Something changed the schema or the rights of the database's user: compare it with a backup "
    "(`stonechat restore` into an empty database), or grant what is missing. Work waits meanwhile."
)

ANSWER_LIMIT = timedelta(seconds=6)
"""Real time within which the database answers what a check asks it."""

POOL_WAIT = timedelta(seconds=5)
"""Whoever waits longer for a connection of a full pool waits too long (real time)."""

CONNECT_REMEDY = (
    "Look who holds the server's connections (`SELECT application_name, count(*) FROM pg_stat_activity "
    "GROUP BY 1`), or raise its max_connections."
)


class DatabaseAnswers:
    """What the checks of other layers asked the database and got no answer to.

    Such a check says nothing about its own layer: the database is to be named, not what was asked through it.
    """

    def __init__(self) -> None:
        self._missing: dict[str, str] = {}

    def missing(self) -> str:
        """What is not answered now; empty where all is."""
        return "; ".join(f"{what}: {why}" for what, why in sorted(self._missing.items()))

    def through(self, what: str, check: Check) -> Check:
        """``check``, whose answer comes from the database; ``what`` it asks."""

        async def asked() -> ProbeResult:
            try:
                async with asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                    result = await check()
            except (Transient, DBAPIError, TimeoutError) as exc:
                why = f"no answer within {ANSWER_LIMIT.total_seconds():g} s"
                if isinstance(exc, Transient):
                    why = exc.what.rstrip(".")
                elif isinstance(exc, DBAPIError):
                    why = str(exc.orig).splitlines()[0]
                self._missing[what] = why
                raise CheckNotMade(f"the database does not say: {why}") from exc
            self._missing.pop(what, None)
            return result

        return asked


def check_database(board: HealthBoard, database: Database) -> None:
    """Layer 6: it answers and soon, every table is read and a row written, a connection is made and none is
    sat on."""

    async def pool() -> ProbeResult:
        await database.ping()
        state = database.pool()
        long = [str(one) for one in state.held_too_long(database.hold_limit)]
        said = f"{state.in_use} of {state.size} connections in use"
        if state.in_use >= state.size and state.waiting_longest >= POOL_WAIT:
            waits = f"{state.waiting} wait, the longest for {state.waiting_longest.total_seconds():.0f} s"
            held = ", ".join(str(holder) for holder in state.holders)
            why = f"all {state.size} connections are in use and {waits}; held by {held}"
            return down(why, said, "Raise DATABASE_POOL_SIZE if this recurs.", usable=True)
        if long:
            return degraded(f"held too long: {', '.join(long)}", said)
        refused, latency = database.refused(), database.latency()
        if refused.too_many:
            return degraded(str(refused), said, REFUSED_REMEDY)
        return degraded(str(latency), said, SLOW_REMEDY) if latency.overloaded else ok(said)

    async def connect() -> ProbeResult:
        try:
            await database.connect_anew()
        except Transient as exc:
            return down(f"it takes no new connection: {exc.what}", "", CONNECT_REMEDY, usable=True)
        return ok()

    async def write() -> ProbeResult:
        try:
            await functional_check.write_row(database, limit=ANSWER_LIMIT)
        except Transient as exc:
            long = ", ".join(str(one) for one in database.pool().held_too_long(database.hold_limit))
            return down(f"{exc.what} Held too long by us: {long}" if long else exc.what, usable=True)
        return ok()

    async def read() -> ProbeResult:
        try:
            await functional_check.read_tables(database, limit=ANSWER_LIMIT)
        except Transient as exc:
            return down(exc.what, usable=True)
        return ok()

    within = ANSWER_LIMIT + timedelta(seconds=2)
    board.register("database", pool, timedelta(seconds=5), timeout=within)
    board.register("database", write, timedelta(seconds=10), timeout=within, name="write")
    board.register("database", read, timedelta(seconds=10), timeout=within, name="read")
    board.register("database", connect, timedelta(seconds=15), timeout=within, name="connect")


def check_answers(board: HealthBoard, answers: DatabaseAnswers) -> None:
    """Layer 6, by what the checks of the others asked it."""

    async def check() -> ProbeResult:
        missing = answers.missing()
        return down(f"it does not answer: {missing}", usable=True) if missing else ok()

    board.register("database", check, timedelta(seconds=3), name="answers")


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
    meters.gauge("cache_connections", connections)
    meters.gauge("cache_calls", calls)
    meters.add(cache.failed_calls)


def check_jobs(board: HealthBoard, jobs: JobService, answers: DatabaseAnswers) -> None:
    """Layer 2 by whether runs start in time; the layers 3, 8, 9 and 10 by how their own jobs do.

    A job that fails is its layer's trouble, not the job manager's: otherwise one lost browser would be told
    as two incidents. A critical job in trouble means *down*, another *degraded*. What failed while something
    that the layer needs was down says nothing about the layer.
    """

    def is_evidence(layer: str, job: JobStatus) -> bool:
        ended = job.last.ended_at if job.last is not None else None
        if job.state not in FAILING or ended is None:
            return True
        return not board.explains_failure(layer, ended)

    def of(layer: str, ill_states: frozenset[str]) -> Check:
        async def check() -> ProbeResult:
            mine = [one for one in await jobs.troubled() if layer in ("jobs", one.name.split(".")[0])]
            ill = [one for one in mine if one.state in ill_states and is_evidence(layer, one)]
            said = f"{jobs.schedules('' if layer == 'jobs' else layer)} schedules"
            if not ill:
                return ok(said)
            worst = next((one for one in ill if one.critical), ill[0])
            cause = f"{worst.name} is {worst.state}: {worst.why}"
            return down(cause, said) if worst.critical else degraded(cause, said)

        return answers.through(f"how the jobs of {layer} do", check)

    every, within = timedelta(seconds=10), ANSWER_LIMIT + timedelta(seconds=2)
    board.register("jobs", of("jobs", LATE), every, timeout=within)
    for layer in ("content", "scraping", "harvesting", "learning"):
        board.register(layer, of(layer, LATE | FAILING), every, timeout=within, name="jobs")


def check_posting(
    board: HealthBoard, database: Database, clock: Clock, settings: Settings, answers: DatabaseAnswers
) -> None:
    """Layer 4, judged by its outcome: what was planned went out. And whether anything is planned."""
    within = ANSWER_LIMIT + timedelta(seconds=2)
    flow = posts_flow(database, clock, disabled=settings.posting.disabled)
    board.register("posting", answers.through("which posts went out", flow), timeout=within)

    async def stock() -> ProbeResult:
        async with database.read("monitoring.stock") as connection:
            ahead = await content.count_of_each(connection, AHEAD)
            empty = [one.id for one in await accounts.every(connection) if one.id not in ahead]
        return degraded(f"nothing is queued for {', '.join(empty)}") if empty else ok()

    board.register("content", answers.through("what is queued", stock), timeout=within, name="stock")

    async def session() -> ProbeResult:
        async with database.read("monitoring.sessions") as connection:
            rows = await accounts.sessions(connection)
        ill = [row for row in rows if row.state is not SessionState.VALID]
        if not ill:
            return ok(f"{len(rows)} valid")
        cause = f"{ill[0].account_id} is {ill[0].state.value}: {ill[0].why}"
        return down(cause) if len(ill) == len(rows) else degraded(cause)

    board.register("session", answers.through("how the sessions are", session), timeout=within)


def check_breakers(board: HealthBoard, breakers: Breakers) -> None:
    """The model, network and publishing, by their breakers; publishing forced shut shows as an outcome."""

    def of(kind: Guarded) -> Check:
        async def check() -> ProbeResult:
            all_of_it = [one for one in breakers.status() if kind_of(one.name) == kind]
            shut = [one for one in all_of_it if one.state not in LETS_THROUGH]
            if not shut:
                return ok()
            cause = f"{shut[0].name} breaker is {shut[0].state.value}: {shut[0].why}"
            return down(cause) if len(shut) == len(all_of_it) else degraded(cause)

        return check

    async def publishing() -> ProbeResult:
        mine = [one for one in breakers.status() if kind_of(one.name) == Guarded.POSTING]
        shut = [one for one in mine if one.state in (BreakerState.OPEN, BreakerState.HALF_OPEN)]
        return down(f"no post goes out through {shut[0].name}: {shut[0].why}") if shut else ok()

    board.register("model", of(Guarded.MODEL), timedelta(seconds=3))
    board.register("network", of(Guarded.NETWORK), timedelta(seconds=3))
    board.register("posting", publishing, timedelta(seconds=3), name="breaker")


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

    meters.gauge("layer_ok", layers)
    meters.gauge("database_connections", connections)
    meters.gauge("database_wait_seconds", waits)
    meters.gauge("database_connections_since_start", counted)
    meters.add(*database.meters())
    meters.gauge("breaker_open", shut)
