"""Layers 3, 4, 8, 9 and 10, put together over what the boot has opened; and the jobs that they declare."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from stonechat.browser.pool import BrowserPool
from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.content.jobs import jobs as content_jobs
from stonechat.core.model import Account, Choice
from stonechat.core.network import Network, TextRules
from stonechat.core.ports import Cache
from stonechat.database import Database
from stonechat.database.maintenance.retention import Retention
from stonechat.harvesting import jobs as harvester
from stonechat.harvesting.candidate_filter import Interests
from stonechat.harvesting.recently_seen import Recent
from stonechat.jobs import Job, runs_url_beside
from stonechat.jobs.jobs import prune_job
from stonechat.learning import learner
from stonechat.networks.guarded import GuardedNetwork, Guards, prove_by_session
from stonechat.networks.plugin import Connected, Surroundings
from stonechat.networks.reading_budget import ReadingBudget
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
    Breaker,
    BreakerPolicy,
    Breakers,
    Guarded,
    breaker_name,
    kind_of,
)
from stonechat.scraping import jobs as scraper
from stonechat.scraping.selector_check import selectors_job
from stonechat.startup.boot_context import BootContext
from stonechat.startup.build_content import Writing, open_budget, open_writing
from stonechat.startup.build_sessions import open_credentials

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
    connected = _connected(base, database, pool)
    guards_of = _guards(base, connected, breakers)
    networks = _guarded(base, connected, guards_of)
    learning, writing = await _open_writing(base, database, breakers, connected)
    rules = _rules(base, breakers, guards_of)
    budget = ReadingBudget(database, base.clock, base.settings.reading)
    harvesting = _harvester(base, database, cache, networks, budget, _interests(writing))
    declared = (
        *content_jobs(writing.planner, replace(writing.replier, read_thread=harvesting.conversation)),
        *sweep.jobs(_sweep(base, database, networks, rules, vault)),
        *_scraping_jobs(base, database, connected, networks, budget),
        *harvester.jobs(harvesting),
        *learner.jobs(learning),
        _prune_job(base, database),
    )
    return Layers(networks, writing, learning, rules, declared)


async def _open_writing(
    base: BootContext, database: Database, breakers: Breakers, connected: Mapping[str, Connected]
) -> tuple[learner.Learner, Writing]:
    """Layers 10 and 3: the learner chooses and ranks, the writer tells it which factors there are."""
    factors: dict[str, Mapping[str, tuple[str, ...]]] = {}
    learning = learner.Learner(database, base.events, base.settings.learning, factors.__getitem__)

    async def choose(account_id: str, count: int, new: Collection[tuple[str, str]]) -> list[Choice]:
        return await learning.choose(account_id, base.rng, base.clock.now(), count, new)

    async def rules_of(account: Account) -> TextRules:
        by_server = connected[account.network].text_of
        return await by_server(account) if by_server else base.networks.text_rules[account.network]

    writing = await base.boot.enter(
        open_writing(
            base.settings,
            database,
            base.clock,
            base.events,
            base.rng,
            spool=base.spool,
            rules_of=rules_of,
            choose=choose,
            guard_of=lambda name: breakers.add(name, MODEL_POLICY).call,
            rank=learning.rank,
            known=base.secrets,
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


def _rules(base: BootContext, breakers: Breakers, guards_of: Callable[[Account], Guards]) -> Rules:
    """What the gate asks: the breakers of the account's own site, and of the browser where it uses that."""
    browser = [breakers.get(one.name) for one in breakers.status() if kind_of(one.name) == Guarded.BROWSER]

    def before(account: Account) -> Sequence[Breaker]:
        guards = guards_of(account)
        own = browser if base.networks[account.network].uses_browser else []
        return (*own, guards.site, guards.publishing)

    return Rules(base.settings.posting, base.settings.startup.mode, blocked_by(before, base.clock))


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


def _scraping_jobs(
    base: BootContext,
    database: Database,
    connected: Mapping[str, Connected],
    networks: Mapping[str, Network],
    budget: ReadingBudget,
) -> tuple[Job, ...]:
    """Layer 8."""
    scraping = scraper.Scraper(
        database,
        base.clock,
        networks,
        base.events,
        base.settings.scraping,
        scraper.snapshot_store(database, base.spool),
        budget,
        base.settings.learning.maturity,
        base.networks.plugins,
    )
    checks = {name: one.check_selectors for name, one in connected.items() if one.check_selectors}
    return (*scraper.jobs(scraping), selectors_job(database, checks))


def _harvester(
    base: BootContext,
    database: Database,
    cache: Cache,
    networks: Mapping[str, Network],
    budget: ReadingBudget,
    interests_of: Callable[[str], Interests],
) -> harvester.Harvester:
    """Layer 9."""
    return harvester.Harvester(
        database,
        base.clock,
        networks,
        base.events,
        base.settings.harvesting,
        harvester.opportunity_store(database, base.spool),
        Recent(cache, base.clock),
        budget,
        base.networks.plugins,
        interests_of,
    )


def _interests(writing: Writing) -> Callable[[str], Interests]:
    """What the posts of others are measured by: the language and the topics of an account's voice."""

    def of(account_id: str) -> Interests:
        voice = writing.drafter.voice_of(account_id)
        words = " ".join((*voice.topics, voice.niche)).casefold().split()
        return Interests(voice.language, frozenset(word for word in words if len(word) > 2))

    return of


def _connected(base: BootContext, database: Database, pool: BrowserPool | None) -> dict[str, Connected]:
    """The networks of the accounts that are served, by name."""
    credentials = open_credentials(base.settings, database, base.clock)
    spending = open_budget(base.settings, database, base.clock, base.events)
    surroundings = Surroundings(base.settings, base.clock, base.events, pool, credentials, spending)
    used = base.networks.used(account.network for account in base.served)
    return {plugin.name: plugin.connect(surroundings) for plugin in used}


def _guards(
    base: BootContext, connected: Mapping[str, Connected], breakers: Breakers
) -> Callable[[Account], Guards]:
    """The two breakers before each account's site: one pair for all that share it. The site's probes by
    asking about an account's session; that of publishing has the next due post as its probe."""

    def site(account: Account) -> str:
        return account.id if base.networks[account.network].many_servers else account.network

    by_site: dict[str, Guards] = {}
    for account in base.served:
        name = site(account)
        if name in by_site:
            continue
        sharing = [one for one in base.served if site(one) == name]
        prove = partial(prove_by_session, connected[account.network].network, *sharing)
        by_site[name] = Guards(
            breakers.add(breaker_name(Guarded.NETWORK, name), BROWSER_POLICY, prove),
            breakers.add(breaker_name(Guarded.POSTING, name), POSTING_POLICY),
        )
    return lambda account: by_site[site(account)]


def _guarded(
    base: BootContext, connected: Mapping[str, Connected], guards_of: Callable[[Account], Guards]
) -> dict[str, Network]:
    """Each adapter with its text rules, behind its accounts' breakers."""
    return {
        name: GuardedNetwork(one.network, base.networks.text_rules[name], guards_of)
        for name, one in connected.items()
    }
