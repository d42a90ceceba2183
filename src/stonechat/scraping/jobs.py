"""The jobs of this layer: the metrics of our posts and replies, and how many follow the account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from stonechat.config.settings import ScrapingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import PageChanged, Permanent
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Snapshot
from stonechat.core.network import Network
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts, metrics
from stonechat.database.spool.spool import Spool
from stonechat.database.spool.spooled_store import SpooledStore
from stonechat.jobs import Job, JobContext, JobPriority, Resource, Work
from stonechat.networks.plugin import NetworkPlugin
from stonechat.networks.reading_budget import Purpose, ReadingBudget
from stonechat.networks.session_trouble import noting_trouble
from stonechat.scraping.agenda import load_agenda
from stonechat.scraping.post_reader import PostReader, ReadResult
from stonechat.scraping.reading_plan import DuePost, pressing, reading_moments

METRICS = "scraping.metrics"
ANALYTICS = "scraping.analytics"
EVERY = timedelta(minutes=15)
"""How often it is looked whether a post is due; most looks open no page."""

JITTER = timedelta(minutes=10)
NEXT_LOOK = EVERY + JITTER + timedelta(minutes=5)
"""By then there is another look, and some time to work."""


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """What a profile shows of an account."""

    followers: int
    following: int | None


@dataclass(frozen=True, slots=True)
class Scraper:
    """Reads how our own posts do: at the ages that matter, many from one page.

    Attributes:
        maturity: the age at which learning judges a post.
    """

    database: Database
    clock: Clock
    networks: Mapping[str, Network]
    events: EventStream
    settings: ScrapingSettings
    store: SpooledStore[Snapshot]
    budget: ReadingBudget
    maturity: timedelta = timedelta(hours=48)
    plugins: Mapping[str, NetworkPlugin] = field(default_factory=dict)

    async def posts(self, ctx: JobContext) -> Work:
        """One run of ``scraping.metrics``: the posts and replies whose time runs out, and what is beside."""
        account, network, held = await self._begin(ctx)
        await self.store.catch_up()
        if held:
            return Work(note=held)
        return await ctx.step("read", lambda: self._read(account, network), Work)

    async def _read(self, account: Account, network: Network) -> Work:
        now = self.clock.now()
        if ends := self.budget.quiet_until(account):
            return Work(note=f"quiet hours until {ends:%H:%M} UTC")
        moments = reading_moments(self.maturity, self.settings.follow_for)
        agenda = await load_agenda(self.database, account, now, moments, self.settings.follow_for)
        # what falls due in the night is read before it
        next_look = self.budget.quiet_until(account, now + NEXT_LOOK) or now + NEXT_LOOK
        urgent = pressing(agenda.due, next_look)
        if not urgent:
            return Work(note=f"{len(agenda.due)} of {len(agenda.live)} posts may be read, none has to be yet")
        plugin = self.plugins.get(account.network)
        query = plugin.own_posts_query if plugin is not None else None
        result = await self._reader().read(account, network, agenda, urgent, query)
        done = sum(one.post.post_id in result.shown for one in urgent)
        return Work(done=done, due=len(urgent), note=_note(result, urgent))

    def _reader(self) -> PostReader:
        return PostReader(
            self.database, self.clock, self.events, self.store, self.budget, self.settings.page_posts
        )

    async def analytics(self, ctx: JobContext) -> Work:
        """One run of ``scraping.analytics``: followers and following, one line in the account's series."""
        account, network, held = await self._begin(ctx)
        held = held or await self.budget.take(account, Purpose.METRICS)
        if held:
            return Work(note=held)

        async def read() -> AccountCounts:
            async with noting_trouble(self.database, self.clock, self.events, account, network):
                profile = await network.profile(account, account.handle)
            if profile.followers is None:
                raise PageChanged("profile.followers", "The profile shows no number of followers.")
            return AccountCounts(profile.followers, profile.following)

        counts = await ctx.step("read", read, AccountCounts)

        async def keep() -> None:
            async with self.database.begin("scraping.analytics") as connection:
                await metrics.append_account(
                    connection, account.id, ctx.tick, followers=counts.followers, following=counts.following
                )

        await ctx.step("store", keep)
        return Work(done=1, due=1, note=f"{counts.followers} followers")

    async def _begin(self, ctx: JobContext) -> tuple[Account, Network, str]:
        """The account, its network, and why it cannot be read now (empty where it can)."""
        async with self.database.read("scraping.account") as connection:
            account = await accounts.find(connection, ctx.account_id or "")
            if account is None:
                raise Permanent(f"There is no account {ctx.account_id!r}.")
            session = await accounts.session(connection, account.id)
        held = "" if session.state is SessionState.VALID else f"the session is {session.state.value}"
        return account, self.networks[account.network], held


def _note(result: ReadResult, urgent: list[DuePost]) -> str:
    read = f"{len(result.shown)} posts read for {len(urgent)} that were due"
    doubtful = f"; {result.doubtful} kept apart as implausible" if result.doubtful else ""
    return f"{read}{doubtful}{'; ' + result.stopped if result.stopped else ''}"


def snapshot_store(database: Database, spool: Spool) -> SpooledStore[Snapshot]:
    """Appends snapshots; post and moment are unique, so one that is stored twice counts once."""
    return SpooledStore(database, spool, "snapshots", Snapshot, metrics.append)


def jobs(scraper: Scraper) -> tuple[Job, ...]:
    """The declarations of this layer's jobs."""

    def job(name: str, run: Callable[[JobContext], Awaitable[Work]], every: timedelta, useful: str) -> Job:
        return Job(
            name=name,
            run=run,
            every=every,
            spread=every,
            jitter=JITTER,
            needs=frozenset({"database", "browser"}),
            resource=Resource.BROWSER,
            priority=JobPriority.METRICS,
            useful=useful,
        )

    return (
        job(METRICS, scraper.posts, EVERY, "a reading of each post whose time ran out"),
        job(ANALYTICS, scraper.analytics, timedelta(hours=6), "how many follow the account"),
    )
