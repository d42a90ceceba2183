"""The only place that names concrete classes together: opens everything in boot order, closes in reverse."""

from __future__ import annotations

import asyncio
import platform
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from stonechat.alerting import open_alerting
from stonechat.browser.pool import BrowserPool, open_browser_pool
from stonechat.browser.sessions import SavedSessions, parse_session
from stonechat.cache import FrontCache, open_cache
from stonechat.config.settings import AccountSettings, Settings
from stonechat.content import approval
from stonechat.content.jobs import jobs as content_jobs
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Choice, Mode
from stonechat.core.network import Network
from stonechat.dashboard.data import DashboardData, Edit
from stonechat.dashboard.server import open_dashboard
from stonechat.database import Database, accounts, open_database
from stonechat.database.spool import Spool
from stonechat.harvesting import harvester
from stonechat.harvesting.keeping import OpportunityStore
from stonechat.jobs.declaration import Job
from stonechat.jobs.runner import Runner, engine_url_beside, open_jobs
from stonechat.learning import learner
from stonechat.monitoring import HealthBoard, Meters, open_board
from stonechat.networks.guarded import GuardedNetwork, prove_by_session
from stonechat.networks.x_web.adapter import XWeb
from stonechat.posting import sweep
from stonechat.posting.blocking import blocked_by
from stonechat.posting.conditions import Rules
from stonechat.posting.publisher import Publisher
from stonechat.posting.queue import queue_rows
from stonechat.posting.reconciler import Reconciler
from stonechat.posting.sessions import SessionWatch
from stonechat.resilience import BROWSER_POLICY, POSTING_POLICY, Breakers, Policy, open_breakers
from stonechat.scraping import scraper
from stonechat.scraping.keeping import SnapshotStore
from stonechat.scraping.selectors import selectors_job
from stonechat.startup import checks
from stonechat.startup.boot import Boot
from stonechat.startup.writing import Writing, account_id, bounds_of_edit, open_writing

log = structlog.get_logger("stonechat.startup")

SESSION_RECHECK = timedelta(minutes=10)
"""Account time after which a troubled session is asked about for the first time."""

CLOSE_LIMIT = {True: timedelta(seconds=2), False: timedelta(seconds=10)}
"""Real time that runs at work may take to end, in the demo and elsewhere; the rest goes on later."""

MODEL_POLICY = Policy(consecutive=5)


@dataclass(frozen=True, slots=True)
class Stonechat:
    """Everything that runs, for those who start it: the commands and the tests."""

    settings: Settings
    clock: Clock
    events: EventStream
    database: Database
    cache: FrontCache
    pool: BrowserPool
    breakers: Breakers
    board: HealthBoard
    meters: Meters
    networks: Mapping[str, Network]
    writing: Writing
    learner: learner.Learner
    jobs: Runner
    accounts: tuple[Account, ...]
    data: DashboardData
    address: str


@asynccontextmanager
async def open_stonechat(
    settings: Settings, clock: Clock, events: EventStream, rng: random.Random
) -> AsyncIterator[Stonechat]:
    """Boot: health server, database, cache, browser pool, job manager, monitors; undone in reverse.

    Raises:
        ConfigError: a setting can never work; whatever was started is stopped again.
        Transient: the database did not come up within ``DATABASE_START_LIMIT``, or the port is taken.
    """
    served = tuple(_account(one) for one in settings.accounts)
    meters = Meters()
    async with Boot(clock, events) as boot:
        boot.on_close(_log_stray_errors())
        boot.on_close(events.subscribe(meters.hear))
        board = await boot.enter(open_board(clock, events))
        checks.check_startup(board, boot)
        spool = Spool(settings.startup.data_dir / "spool")
        alerting = await boot.enter(
            open_alerting(
                settings.alerting,
                None,
                clock,
                events,
                board,
                spool=spool,
                pool_low=settings.harvesting.pool_low,
            )
        )
        data = DashboardData(
            clock=clock,
            board=board,
            meters=meters,
            mode=settings.startup.mode.value,
            steps=lambda: boot.steps,
            ready=lambda: boot.ready,
        )
        async with boot.step("health server"):
            dashboard = await boot.enter(open_dashboard(settings.dashboard, data, clock, events))
            boot.say(f"{dashboard.address} {dashboard.note}")
        async with boot.step("database"):
            database = await _open_database(boot, settings, clock)
            async with database.begin("startup.accounts") as connection:
                for account in served:
                    await accounts.put(connection, account, clock.now())
            checks.check_database(board, database)
            data.connect(database=database)
            alerting.connect(database=database)
            boot.say(database.url)
        async with boot.step("cache"):
            cache = await boot.enter(open_cache(settings.cache, clock, events))
            checks.check_cache(board, cache)
            boot.say(cache.health().serving)
        async with boot.step("browser pool"):
            pool = await _open_pool(boot, settings, clock, events, served)
            checks.check_browser(board, pool)
            data.connect(pool=pool.health)
        async with boot.step("job manager"):
            breakers = await boot.enter(open_breakers(database, clock, events, rng))
            bare = _bare_networks(settings, clock, events, pool)
            networks = _guarded(bare, breakers, served)
            layers = await _open_layers(
                boot, settings, database, clock, events, rng, bare, networks, breakers, spool
            )
            runner = await boot.enter(
                open_jobs(
                    settings.jobs,
                    database,
                    clock,
                    events,
                    jobs=layers.jobs,
                    accounts=lambda: [account.id for account in served],
                    is_down=board.is_down,
                    engine_url=settings.jobs.engine_url or engine_url_beside(settings.database_url),
                    close_limit=CLOSE_LIMIT[settings.startup.mode is Mode.DEMO],
                )
            )
            await breakers.sync()  # one that another process left open is open here from the first call
            alerting.connect(jobs=runner.status, breakers=breakers.status)
            data.connect(
                breakers=breakers,
                runner=runner,
                learning=layers.learner.summary,
                queue=lambda: queue_rows(database, layers.rules, networks, clock),
                edit=_editing(database, clock, layers.writing),
            )
            boot.say(f"{len(layers.jobs)} jobs, {len(served)} account{'s' if len(served) != 1 else ''}")
        async with boot.step("monitors"):
            checks.check_jobs(board, runner)
            checks.check_posting(board, database, clock, settings)
            checks.check_breakers(board, breakers)
            checks.add_gauges(meters, database, pool, breakers, board)
        for account in served:
            runner.wake("content.plan", clock.now(), account.id)
        boot.on_close(board.stop)
        boot.ready = True
        yield Stonechat(
            settings=settings,
            clock=clock,
            events=events,
            database=database,
            cache=cache,
            pool=pool,
            breakers=breakers,
            board=board,
            meters=meters,
            networks=networks,
            writing=layers.writing,
            learner=layers.learner,
            jobs=runner,
            accounts=served,
            data=data,
            address=dashboard.address,
        )


@dataclass(frozen=True, slots=True)
class _Layers:
    """Layers 3, 4, 8, 9 and 10, and the jobs that they declare."""

    writing: Writing
    learner: learner.Learner
    rules: Rules
    jobs: tuple[Job, ...]


async def _open_layers(
    boot: Boot,
    settings: Settings,
    database: Database,
    clock: Clock,
    events: EventStream,
    rng: random.Random,
    bare: Mapping[str, XWeb],
    networks: Mapping[str, Network],
    breakers: Breakers,
    spool: Spool,
) -> _Layers:
    factors: dict[str, tuple[str, ...]] = {}
    learning = learner.Learner(database, events, settings.learning, lambda _account: factors)

    async def choose(account_id: str, count: int, _at: Sequence[datetime]) -> list[Choice]:
        return await learning.choose(account_id, rng, clock.now(), count)

    writing = await boot.enter(
        open_writing(
            settings,
            database,
            clock,
            events,
            rng,
            spool=spool,
            networks=networks,
            choose=choose,
            guard=breakers.add("model", MODEL_POLICY).call,
            rank=learning.rank,
        )
    )
    factors.update(writing.arms.learned())
    guards = [breakers.get(f"{kind}/{name}") for name in networks for kind in ("network", "posting")]
    rules = Rules(settings.posting, settings.startup.mode, blocked_by(guards, clock))
    sweeping = sweep.Sweep(
        database=database,
        clock=clock,
        networks=networks,
        rules=rules,
        publisher=Publisher(database, networks, clock, events, rules, host=platform.node() or "host"),
        reconciler=Reconciler(database, clock, events, settings.posting),
        watch=SessionWatch(database, clock, events, every=SESSION_RECHECK),
        events=events,
    )
    scraping = scraper.Scraper(
        database, clock, networks, events, settings.scraping, SnapshotStore(database, spool)
    )
    harvesting = harvester.Harvester(
        database, clock, networks, events, settings.harvesting, OpportunityStore(database, spool)
    )
    declared = (
        *content_jobs(writing.planner, writing.replier),
        *sweep.jobs(sweeping),
        *scraper.jobs(scraping),
        selectors_job(database, {name: network.check_selectors for name, network in bare.items()}),
        *harvester.jobs(harvesting),
        *learner.jobs(learning),
    )
    return _Layers(writing, learning, rules, declared)


def _editing(database: Database, clock: Clock, writing: Writing) -> Edit:
    """An edited text passes the same review as a written one."""

    async def edit(content_id: str, who: str, parts: Sequence[str]) -> None:
        bounds = await bounds_of_edit(writing.drafter, database, content_id)
        await approval.edit(database, clock, content_id, who, parts, bounds=bounds)

    return edit


def _bare_networks(
    settings: Settings, clock: Clock, events: EventStream, pool: BrowserPool
) -> dict[str, XWeb]:
    """The adapters themselves, by name."""
    if all(account.network != XWeb.name for account in settings.accounts):
        return {}
    return {XWeb.name: XWeb(pool, clock, events, base_url=settings.x_web.base_url)}


def _guarded(bare: Mapping[str, XWeb], breakers: Breakers, served: Sequence[Account]) -> dict[str, Network]:
    """Each adapter behind its two breakers, which probe by asking about an account's session."""
    networks: dict[str, Network] = {}
    for name, network in bare.items():
        first = next(account for account in served if account.network == name)
        prove = partial(prove_by_session, network, first)
        networks[name] = GuardedNetwork(
            network,
            site=breakers.add(f"network/{name}", BROWSER_POLICY, prove),
            publishing=breakers.add(f"posting/{name}", POSTING_POLICY, prove),
        )
    return networks


def _log_stray_errors() -> Callable[[], None]:
    """What nobody awaited goes to the log, not to the terminal; returns the function that ends it."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def log_it(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        log.warning("stray error", message=context.get("message"), error=repr(context.get("exception")))

    loop.set_exception_handler(log_it)
    return lambda: loop.set_exception_handler(before)


async def _open_database(boot: Boot, settings: Settings, clock: Clock) -> Database:
    """The database; a server that is away is waited for, with growing pauses, up to the limit.

    Raises:
        ConfigError: the address can never work.
        Transient: the limit has passed.
    """
    limit = clock.monotonic() + settings.database.start_limit.total_seconds()
    pause = 0.5
    while True:
        try:
            return await boot.enter(open_database(settings.database_url, settings.database, clock))
        except Transient as away:
            if clock.monotonic() + pause > limit:
                raise
            boot.wait(away.what)
            await clock.sleep_real(timedelta(seconds=pause))
            pause = min(pause * 2, 10.0)


async def _open_pool(
    boot: Boot, settings: Settings, clock: Clock, events: EventStream, served: Sequence[Account]
) -> BrowserPool:
    folder = settings.startup.data_dir
    given = {}
    if settings.x_web.session_b64 is not None:
        session = parse_session(settings.x_web.session_b64.get_secret_value())
        given = {account.id: session for account in served if account.network == "x_web"}
    pool = await boot.enter(
        open_browser_pool(
            settings.browser,
            clock,
            events,
            sessions=SavedSessions(folder / "sessions", given, settings.x_web.base_url),
            evidence_folder=folder / "evidence",
        )
    )
    health = pool.health()
    boot.say(health.version if health.up else f"not yet: {health.why}; posts wait for it")
    return pool


def _account(given: AccountSettings) -> Account:
    return Account(
        id=account_id(given),
        network=given.network,
        handle=given.handle,
        timezone=given.timezone,
        posts_per_day=given.posts_per_day,
        approval=given.approval,
        late_policy=given.late_policy,
    )
