"""The jobs of this layer: post metrics, reply metrics, and how many follow the account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from stonechat.config.settings import ScrapingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import PageChanged, Permanent
from stonechat.core.events import EventStream, MetricsRead
from stonechat.core.model import Account, ContentKind, Snapshot
from stonechat.core.network import Network
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts, metrics, receipts
from stonechat.database.spool.spool import Spool
from stonechat.database.spool.spooled_store import SpooledStore
from stonechat.jobs import Job, JobContext, JobPriority, Resource, Work
from stonechat.networks.session_trouble import noting_trouble
from stonechat.scraping.reading import Reading, read_timeline

METRICS = "scraping.metrics"
REPLY_METRICS = "scraping.reply_metrics"
ANALYTICS = "scraping.analytics"


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """What a profile shows of an account."""

    followers: int
    following: int | None


@dataclass(frozen=True, slots=True)
class Scraper:
    """Reads how our own posts do. One page a run, never one page a post."""

    database: Database
    clock: Clock
    networks: Mapping[str, Network]
    events: EventStream
    settings: ScrapingSettings
    store: SpooledStore[Snapshot]

    async def posts(self, ctx: JobContext) -> Work:
        """One run of ``scraping.metrics``: a snapshot of every followed post on the profile."""
        return await self._run(ctx, replies=False)

    async def replies(self, ctx: JobContext) -> Work:
        """One run of ``scraping.reply_metrics``."""
        return await self._run(ctx, replies=True)

    async def analytics(self, ctx: JobContext) -> Work:
        """One run of ``scraping.analytics``: followers and following, one line in the account's series."""
        account, network, held = await self._begin(ctx)
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

    async def _run(self, ctx: JobContext, *, replies: bool) -> Work:
        account, network, held = await self._begin(ctx)
        await self.store.catch_up()
        if held:
            return Work(note=held)
        return await ctx.step("read", lambda: self._read(account, network, replies=replies), Work)

    async def _read(self, account: Account, network: Network, *, replies: bool) -> Work:
        async with self.database.read("scraping.live") as connection:
            since = self.clock.now() - self.settings.follow_for
            live = [
                one
                for one in await receipts.live_since(connection, account.id, since)
                if (one.kind == ContentKind.REPLY) == replies
            ]
            latest = await metrics.latest(connection, account.id, [one.post_id for one in live])
        if not live:
            return Work(note="nothing is live yet")
        async with noting_trouble(self.database, self.clock, self.events, account, network):
            ask = network.own_replies if replies else network.own_posts
            started = self.clock.now()
            timeline = await ask(account, limit=self.settings.page_posts)
            at = self.clock.now()
            reading = read_timeline(timeline, live, latest, account_id=account.id, started=started, at=at)
            if reading.wrong:
                raise _untrusted(reading, timeline.source, replies=replies)
        await self.store.keep(reading.snapshots)
        self.events.emit(
            MetricsRead(account_id=account.id, posts=len(reading.snapshots), source=timeline.source)
        )
        stored = len(reading.snapshots)
        return Work(done=stored, due=max(reading.expected, stored), note=_note(reading))

    async def _begin(self, ctx: JobContext) -> tuple[Account, Network, str]:
        """The account, its network, and why it cannot be read now (empty where it can)."""
        async with self.database.read("scraping.account") as connection:
            account = await accounts.find(connection, ctx.account_id or "")
            if account is None:
                raise Permanent(f"There is no account {ctx.account_id!r}.")
            session = await accounts.session(connection, account.id)
        held = "" if session.state is SessionState.VALID else f"the session is {session.state.value}"
        return account, self.networks[account.network], held


def _untrusted(reading: Reading, source: str, *, replies: bool) -> PageChanged:
    where = "own replies" if replies else "own posts"
    return PageChanged(
        f"{where} ({source})",
        f"The read of {where} cannot be trusted: {reading.wrong}.",
        meaning="No metric was stored from it; the next read takes up where the last good one stopped.",
        remedy="If it lasts, the page or its answers have changed: "
        "`stonechat jobs run scraping.selectors --wait 120` checks each part.",
    )


def _note(reading: Reading) -> str:
    if not reading.falls:
        return ""
    one = reading.falls[0]
    more = f" and {len(reading.falls) - 1} more" if len(reading.falls) > 1 else ""
    return (
        f"left out as implausible: {one.count} of {one.post_id} fell from {one.before} to {one.after}{more}"
    )


def snapshot_store(database: Database, spool: Spool) -> SpooledStore[Snapshot]:
    """Appends snapshots; post and moment are unique, so one that is stored twice counts once."""
    return SpooledStore(database, spool, "snapshots", Snapshot, metrics.append)


def jobs(scraper: Scraper) -> tuple[Job, ...]:
    """The declarations of this layer's jobs."""

    def job(name: str, run: Callable[[JobContext], Awaitable[Work]], every: int, useful: str) -> Job:
        return Job(
            name=name,
            run=run,
            every=timedelta(minutes=every),
            spread=timedelta(minutes=every),
            needs=frozenset({"database", "browser"}),
            resource=Resource.BROWSER,
            priority=JobPriority.METRICS,
            useful=useful,
        )

    return (
        job(METRICS, scraper.posts, 15, "a snapshot of each followed post that the profile shows"),
        job(REPLY_METRICS, scraper.replies, 30, "a snapshot of each followed reply that the profile shows"),
        job(ANALYTICS, scraper.analytics, 120, "how many follow the account"),
    )
