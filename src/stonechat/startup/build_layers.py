"""Layers 3, 4, 8, 9 and 10, put together over what the boot has opened; and the jobs that they declare."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from stonechat.browser.pool import BrowserPool
from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.content.jobs import jobs as content_jobs
from stonechat.core.model import Choice
from stonechat.core.network import Network
from stonechat.core.ports import Cache
from stonechat.database import Database
from stonechat.database.maintenance.retention import Retention
from stonechat.harvesting import jobs as harvester
from stonechat.harvesting.recently_seen import Recent
from stonechat.jobs import Job, runs_url_beside
from stonechat.jobs.jobs import prune_job
from stonechat.learning import learner
from stonechat.networks.guarded import GuardedNetwork, prove_by_session
from stonechat.networks.plugin import Connected, Surroundings
from stonechat.posting import jobs as sweep
from stonechat.posting.blocking import blocked_by
from stonechat.posting.gate_input import Rules
from stonechat.posting.publisher import Publisher
from stonechat.posting.receipt_audit import Checker
from stonechat.posting.reconciler import Reconciler
from stonechat.posting.session_watch import SessionWatch
from stonechat.resilience import (
    BROWSER_POLICY,
    POSTING_POLICY,
    BreakerPolicy,
    Breakers,
    Guarded,
    breaker_name,
    kind_of,
)
from stonechat.scraping import jobs as scraper
from stonechat.scraping.selector_check import selectors_job
from stonechat.startup.boot_context import BootContext
from stonechat.startup.build_content import Writing, open_writing

SESSION_RECHECK = timedelta(minutes=10)
"""Account time after which a troubled session is asked about for the first time."""

MODEL_POLICY = BreakerPolicy(consecutive=5)


@dataclass(frozen=True, slots=True)
class Layers:
    """What the layers do, and when."""

    networks: Mapping[str, Network]
    writing: Writing
    learner: learner.Learner
    rules: Rules
    jobs: tuple[Job, ...]


async def open_layers(
    base: BootContext,
    database: Database,
    cache: Cache,
    pool: BrowserPool | None,
    breakers: Breakers,
    vault: EncryptedSessionStore,
) -> Layers:
    """Every layer; what must be closed is entered into the boot."""
    connected = _connected(base, pool)
    networks = _guarded(base, connected, breakers)
    learning, writing = await _open_writing(base, database, breakers)
    rules = _rules(base, breakers, networks)
    declared = (
        *content_jobs(writing.planner, writing.replier),
        *sweep.jobs(_sweep(base, database, networks, rules, vault)),
        *_reading_jobs(base, database, cache, connected, networks),
        *learner.jobs(learning),
        _prune_job(base, database),
    )
    return Layers(networks, writing, learning, rules, declared)


async def _open_writing(
    base: BootContext, database: Database, breakers: Breakers
) -> tuple[learner.Learner, Writing]:
    """Layers 10 and 3: the learner chooses and ranks, the writer tells it which factors there are."""
    factors: dict[str, Mapping[str, tuple[str, ...]]] = {}
    learning = learner.Learner(database, base.events, base.settings.learning, factors.__getitem__)

    async def choose(account_id: str, count: int, new: Collection[tuple[str, str]]) -> list[Choice]:
        return await learning.choose(account_id, base.rng, base.clock.now(), count, new)

    writing = await base.boot.enter(
        open_writing(
            base.settings,
            database,
            base.clock,
            base.events,
            base.rng,
            spool=base.spool,
            text_rules=base.networks.text_rules,
            choose=choose,
            guard_of=lambda name: breakers.add(name, MODEL_POLICY).call,
            rank=learning.rank,
        )
    )
    factors.update({account.id: writing.arms_of(account.id).learned() for account in base.served})
    return learning, writing


def _prune_job(base: BootContext, database: Database) -> Job:
    """Layer 6 forgets by policy."""
    settings = base.settings
    retention = Retention(database, base.clock, settings.retention, maturity=settings.learning.maturity)
    runs_url = settings.jobs.engine_url or runs_url_beside(settings.database_url)
    return prune_job(retention, runs_url, settings.retention.runs)


def _rules(base: BootContext, breakers: Breakers, networks: Mapping[str, Network]) -> Rules:
    guards = [breakers.get(one.name) for one in breakers.status() if kind_of(one.name) == Guarded.BROWSER]
    kinds = (Guarded.NETWORK, Guarded.POSTING)
    guards += [breakers.get(breaker_name(kind, name)) for name in networks for kind in kinds]
    return Rules(base.settings.posting, base.settings.startup.mode, blocked_by(guards, base.clock))


def _sweep(
    base: BootContext,
    database: Database,
    networks: Mapping[str, Network],
    rules: Rules,
    vault: EncryptedSessionStore,
) -> sweep.Sweep:
    """Layer 4."""
    clock, events = base.clock, base.events
    return sweep.Sweep(
        database=database,
        clock=clock,
        networks=networks,
        rules=rules,
        publisher=Publisher(database, networks, clock, events, rules, host=platform.node() or "host"),
        reconciler=Reconciler(database, clock, events, base.settings.posting),
        watch=SessionWatch(database, clock, events, every=SESSION_RECHECK, mark=vault.mark),
        events=events,
        checker=Checker(database, clock, events, base.settings.posting),
    )


def _reading_jobs(
    base: BootContext,
    database: Database,
    cache: Cache,
    connected: Mapping[str, Connected],
    networks: Mapping[str, Network],
) -> tuple[Job, ...]:
    """Layers 8 and 9."""
    settings, clock, events = base.settings, base.clock, base.events
    scraping = scraper.Scraper(
        database, clock, networks, events, settings.scraping, scraper.snapshot_store(database, base.spool)
    )
    harvesting = harvester.Harvester(
        database,
        clock,
        networks,
        events,
        settings.harvesting,
        harvester.opportunity_store(database, base.spool),
        Recent(cache, clock),
        base.networks.plugins,
    )
    checks = {name: one.check_selectors for name, one in connected.items() if one.check_selectors}
    return (
        *scraper.jobs(scraping),
        selectors_job(database, checks),
        *harvester.jobs(harvesting),
    )


def _connected(base: BootContext, pool: BrowserPool | None) -> dict[str, Connected]:
    """The networks of the accounts that are served, by name."""
    surroundings = Surroundings(base.settings, base.clock, base.events, pool)
    used = base.networks.used(account.network for account in base.served)
    return {plugin.name: plugin.connect(surroundings) for plugin in used}


def _guarded(base: BootContext, connected: Mapping[str, Connected], breakers: Breakers) -> dict[str, Network]:
    """Each adapter behind its two breakers. The site's probes by asking about an account's session; that of
    publishing has the next due post as its probe."""
    networks: dict[str, Network] = {}
    for name, network in ((name, one.network) for name, one in connected.items()):
        prove = partial(prove_by_session, network, *(one for one in base.served if one.network == name))
        networks[name] = GuardedNetwork(
            network,
            base.networks.text_rules[name],
            site=breakers.add(breaker_name(Guarded.NETWORK, name), BROWSER_POLICY, prove),
            publishing=breakers.add(breaker_name(Guarded.POSTING, name), POSTING_POLICY),
        )
    return networks
