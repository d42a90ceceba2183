"""The boot from its first step to its last: opens everything in order, closes in reverse."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from stonechat.browser import BrowserPool
from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.cache import FallbackCache
from stonechat.config.settings import Settings
from stonechat.content.costs import statement
from stonechat.core.clock import Clock, DrivenClock
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Mode
from stonechat.core.network import Network
from stonechat.core.redaction import Secrets
from stonechat.core.supervision import running_loops
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.queue_cache import FreshQueue
from stonechat.dashboard.view_models import GoingLive
from stonechat.database import Database
from stonechat.jobs import JobService, open_jobs, runs_url_beside
from stonechat.learning.learner import Learner
from stonechat.learning.reports import LearningReports
from stonechat.monitoring import HealthBoard, Meters
from stonechat.monitoring.figures import Figures
from stonechat.monitoring.loop_lag import LoopLag
from stonechat.posting.queue import queue_rows
from stonechat.resilience import Breakers, open_breakers
from stonechat.startup import health_checks
from stonechat.startup.allocator import keep_one_heap, set_start_aside
from stonechat.startup.boot import Boot
from stonechat.startup.boot_context import BootContext, open_base
from stonechat.startup.build_browser import start_browser
from stonechat.startup.build_content import Writing
from stonechat.startup.build_foundations import start_cache, start_database, start_health_server
from stonechat.startup.build_layers import Layers, open_layers
from stonechat.startup.build_sessions import session_import_of, start_vault
from stonechat.startup.figures_gauges import add_figures
from stonechat.startup.live_checklist import checklist, rules_to_accept
from stonechat.startup.pacing import driven

CLOSE_LIMIT = {True: timedelta(seconds=2), False: timedelta(seconds=7)}
"""Real time that runs at work may take to end, in the demo and elsewhere; the rest goes on later."""


@dataclass(frozen=True, slots=True)
class Stonechat:
    """Everything that runs, for those who start it: the commands and the tests."""

    settings: Settings
    clock: Clock
    events: EventStream
    database: Database
    cache: FallbackCache
    pool: BrowserPool | None
    breakers: Breakers
    board: HealthBoard
    meters: Meters
    networks: Mapping[str, Network]
    writing: Writing
    learner: Learner
    jobs: JobService
    accounts: tuple[Account, ...]
    data: DashboardData
    address: str


@asynccontextmanager
async def open_stonechat(
    settings: Settings,
    clock: Clock,
    events: EventStream,
    rng: random.Random,
    *,
    extra: bool = False,
    secrets: Secrets | None = None,
) -> AsyncIterator[Stonechat]:
    """Boot: health server, database, cache, browser pool, job manager, monitors; undone in reverse.

    Args:
        extra: this process adds a host to a Stonechat that runs elsewhere: health, but no pages.
        secrets: what logs hide; it learns of each log-in that is read while this runs.

    Raises:
        ConfigError: a setting can never work; whatever was started is stopped again.
        Transient: the database did not come up within ``DATABASE_START_LIMIT``, or the port is taken.
    """
    keep_one_heap()
    async with Boot(clock, events) as boot:
        base = await open_base(boot, settings, clock, events, rng, extra=extra, secrets=secrets)
        dashboard = await start_health_server(base)
        database = await start_database(base)
        cache = await start_cache(base, database)
        breakers = await boot.enter(open_breakers(database, clock, events, rng))
        vault = await start_vault(base, database)
        pool = await start_browser(base, breakers, vault)
        async with boot.step("job manager"):
            layers = await open_layers(base, database, cache, pool, breakers, vault)
            jobs = await _start_jobs(base, database, layers)
            await breakers.sync()  # one that another process left open is open here from the first call
            _connect(base, database, breakers, layers, jobs, vault)
        async with boot.step("monitors"):
            await _start_monitors(base, database, breakers, jobs)
        for account in () if extra else base.served:
            jobs.wake("content.plan", clock.now(), account.id)
        await _end_boot(base)
        yield Stonechat(
            settings=settings,
            clock=clock,
            events=events,
            database=database,
            cache=cache,
            pool=pool,
            breakers=breakers,
            board=base.board,
            meters=base.meters,
            networks=layers.networks,
            writing=layers.writing,
            learner=layers.learner,
            jobs=jobs,
            accounts=base.served,
            data=base.data,
            address=dashboard.address,
        )


async def _end_boot(base: BootContext) -> None:
    """From now on it is ready; a clock that is driven begins to go."""
    boot = base.boot
    boot.on_close(base.board.stop)
    boot.on_close(set_start_aside())
    boot.ready = True
    if isinstance(base.clock, DrivenClock) and not base.extra:
        await boot.enter(driven(base.clock, base.events))


async def _start_jobs(base: BootContext, database: Database, layers: Layers) -> JobService:
    settings = base.settings
    jobs = await base.boot.enter(
        open_jobs(
            settings.jobs,
            database,
            base.clock,
            base.events,
            jobs=layers.jobs,
            accounts=lambda: [account.id for account in base.served],
            is_down=base.board.is_down,
            runs_url=settings.jobs.engine_url or runs_url_beside(settings.database_url),
            close_limit=CLOSE_LIMIT[settings.startup.mode is Mode.DEMO],
        )
    )
    several = "s" if len(base.served) != 1 else ""
    base.boot.say(f"{len(layers.jobs)} jobs, {len(base.served)} account{several}")
    return jobs


def _connect(
    base: BootContext,
    database: Database,
    breakers: Breakers,
    layers: Layers,
    jobs: JobService,
    vault: EncryptedSessionStore,
) -> None:
    """Show all of this on the pages from now on, and look at it for alerts."""
    text_rules = base.networks.text_rules
    queue = FreshQueue(base.clock, lambda: queue_rows(database, layers.rules, text_rules, base.clock))
    base.boot.on_close(base.events.subscribe(queue.hear))
    account_ids = [account.id for account in base.served]
    base.alerting.connect(jobs=jobs.troubled, breakers=breakers.status)
    base.data.connect(
        breakers=breakers,
        runner=jobs,
        learning=LearningReports(database, base.settings.learning.maturity),
        costs=lambda: statement(database, layers.writing.budget, account_ids, base.clock.now()),
        queue=queue,
        outdate=queue.outdate,
        spacing=base.settings.posting.min_spacing,
        drafter=layers.writing.drafter,
        networks=base.networks,
        going_live=GoingLive(
            lambda: checklist(base.settings, database, base.clock),
            rules_to_accept(base.settings, base.networks),
        ),
        session_import=session_import_of(base.settings, base.networks, vault, base.served),
    )


async def _start_monitors(
    base: BootContext, database: Database, breakers: Breakers, jobs: JobService
) -> None:
    answers = health_checks.DatabaseAnswers()
    health_checks.check_answers(base.board, answers)
    health_checks.check_jobs(base.board, jobs, answers)
    health_checks.check_posting(base.board, database, base.clock, base.settings, answers)
    health_checks.check_breakers(base.board, breakers)
    health_checks.add_gauges(base.meters, database, breakers, base.board)
    settings, clock = base.settings, base.clock
    figures = Figures(database, clock, grace=settings.posting.grace, maturity=settings.learning.maturity)
    lag = LoopLag(clock)
    add_figures(base.meters, figures, lag)
    base.alerting.connect(figures=figures, lag=lag)
    base.data.connect(figures=figures)
    await base.boot.enter(running_loops({"figures": figures.run, "loop lag": lag.run}, clock, base.events))
