"""The jobs of this layer: search for posts worth a reply, mentions, and authors worth watching."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from stonechat.config.settings import HarvestingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import PageChanged, Permanent, SessionTrouble, StonechatError, Transient
from stonechat.core.events import EventStream, OpportunitiesFound
from stonechat.core.model import Account, Opportunity
from stonechat.core.network import Network, NetworkPost, Profile, Timeline
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import (
    accounts,
    answered_replies,
    harvest_sources,
    opportunities,
    receipts,
)
from stonechat.database.spool.spool import Spool
from stonechat.database.spool.spooled_store import SpooledStore
from stonechat.harvesting.candidate_filter import CandidateFilter, Interests, opportunities_from, why_not
from stonechat.harvesting.recently_seen import Recent
from stonechat.harvesting.sources import Source, next_sources, sources_of
from stonechat.harvesting.stop_requests import wants_no_bots, wants_no_replies
from stonechat.jobs import Job, JobContext, JobPriority, Missed, Resource, Work
from stonechat.networks.plugin import Capability, NetworkPlugin
from stonechat.networks.reading_budget import ReadingBudget, ReadPurpose
from stonechat.networks.session_trouble import noting_trouble

SEARCH = "harvesting.search"
MENTIONS = "harvesting.mentions"
ACCOUNTS = "harvesting.accounts"
MENTIONED = Source("mentions", "")
AUTHORS_OF = timedelta(days=3)
"""Authors of opportunities of that long are looked at."""

AUTHORS_A_RUN = 2
"""Profiles that one run of the account discovery opens."""

SEARCHES_A_RUN = 3
"""Searches of one run while the pool is below its low mark; above it one."""


@dataclass(frozen=True, slots=True)
class Harvester:
    """Keeps the pool of reply opportunities between its low and high mark."""

    database: Database
    clock: Clock
    networks: Mapping[str, Network]
    events: EventStream
    settings: HarvestingSettings
    store: SpooledStore[Opportunity]
    recent: Recent
    budget: ReadingBudget
    plugins: Mapping[str, NetworkPlugin] = field(default_factory=dict)
    interests_of: Callable[[str], Interests] = lambda _account: Interests()

    async def search(self, ctx: JobContext) -> Work:
        """One run of ``harvesting.search``: the sources whose turn it is, no more than the pool needs."""
        return await self._harvest(ctx, invited=False)

    async def mentions(self, ctx: JobContext) -> Work:
        """One run of ``harvesting.mentions``: those who spoke to us first; never held back by a full pool."""
        return await self._harvest(ctx, invited=True)

    async def conversation(self, account: Account, one: Opportunity) -> Sequence[NetworkPost]:
        """The posts of the conversation that ``one`` stands in, before it is answered; requests to stop in
        them are heard. None where it cannot be read now.
        """
        plugin = self.plugins.get(account.network)
        query = plugin.conversation_query if plugin is not None else None
        if query is None or one.conversation_id is None or one.conversation_id == one.post_id:
            return ()
        if await self.budget.take(account, ReadPurpose.THREADS):
            return ()
        network = self.networks[account.network]
        try:
            async with noting_trouble(self.database, self.clock, self.events, account, network):
                timeline = await network.search(account, query(one.conversation_id))
        except (Transient, PageChanged, SessionTrouble):
            return ()
        await self._hear(account, timeline, invited=True)
        return timeline.posts

    async def authors(self, ctx: JobContext) -> Work:
        """One run of ``harvesting.accounts``: opens the profiles of the best authors that are not known."""
        account, network, held = await self._begin(ctx)
        if held:
            return Work(note=held)
        async with self.database.read("harvesting.authors") as connection:
            found = await opportunities.authors_seen(
                connection, account.id, since=self.clock.now() - AUTHORS_OF, limit=3 * AUTHORS_A_RUN
            )
        seen = await self.recent.readable(account.network, found, AUTHORS_A_RUN)
        return await ctx.step("profiles", lambda: self._look_at(account, network, seen), Work)

    async def _harvest(self, ctx: JobContext, *, invited: bool) -> Work:
        account, network, held = await self._begin(ctx)
        held = held or self._not_offered(account, invited=invited)
        await self.store.catch_up()
        now = self.clock.now()
        async with self.database.begin("harvesting.expire") as connection:
            await opportunities.expire(
                connection, account.id, posted_before=now - self.settings.freshness, now=now
            )
            pool = await opportunities.pool_size(connection, account.id)
        if held or (pool >= self.settings.pool_high and not invited):
            return Work(note=held or f"the pool holds {pool}, enough for now")
        sources = [MENTIONED] if invited else await self._next_sources(account, pool)
        return await ctx.step(
            "read", lambda: self._from_sources(account, network, sources, invited=invited), Work
        )

    async def _next_sources(self, account: Account, pool: int) -> list[Source]:
        async with self.database.read("harvesting.sources") as connection:
            watched = await opportunities.watched(connection, account.id)
            records = await harvest_sources.of_account(connection, account.id)
        sources = sources_of(
            self.settings.queries,
            watched,
            viral_likes=self.settings.viral_likes,
            language=self.interests_of(account.id).language,
        )
        low = pool < self.settings.pool_low
        return next_sources(
            sources,
            {(one.source, one.query): one for one in records},
            self.clock.now(),
            limit=SEARCHES_A_RUN if low else 1,
            hurry=1.0 if low else 0.5,
        )

    def _not_offered(self, account: Account, *, invited: bool) -> str:
        """Why the account's network is not asked for this; empty where it is."""
        plugin = self.plugins.get(account.network)
        if plugin is None or (Capability.MENTIONS in plugin.capabilities if invited else plugin.seeks_posts):
            return ""
        return f"{plugin.name} {'shows no mentions' if invited else 'is not searched for posts to answer'}"

    async def _from_sources(
        self, account: Account, network: Network, sources: Sequence[Source], *, invited: bool
    ) -> Work:
        """Ask each source in turn: one that fails is followed by the next; only all failing is failing."""
        failures: list[StonechatError] = []
        new = asked = 0
        held = ""
        for source in sources:
            held = await self.budget.take(account, ReadPurpose.MENTIONS if invited else ReadPurpose.SEARCH)
            if held:
                break
            asked += 1
            try:
                timeline = await self._ask(account, network, source)
            except SessionTrouble:
                raise
            except (Transient, PageChanged) as failure:
                failures.append(failure)
                continue
            new += await self._keep(account, source, timeline, invited=invited)
            if not invited and await self._pool(account) >= self.settings.pool_high:
                break
        if failures and len(failures) == asked:
            raise failures[-1]
        pool = await self._pool(account)
        name = sources[0].name if sources else "none"
        self.events.emit(OpportunitiesFound(account_id=account.id, source=name, new=new, pool=pool))
        low = f", below {self.settings.pool_low}" if pool < self.settings.pool_low else ""
        failed = f"; {len(failures)} of {asked} sources failed" if failures else ""
        note = f"{new} new, the pool holds {pool}{low}{failed}{'; ' + held if held else ''}"
        return Work(done=asked - len(failures), due=asked, note=note)

    async def _ask(self, account: Account, network: Network, source: Source) -> Timeline:
        async def read() -> Timeline:
            async with noting_trouble(self.database, self.clock, self.events, account, network):
                if not source.query:
                    timeline = await network.mentions(account)
                else:
                    timeline = await network.search(account, source.query)
            if not timeline.posts and not timeline.complete:
                raise Transient(
                    f"{source.name} came back empty from a read that was not whole.",
                    meaning="It says nothing about what there is to find.",
                    remedy="The next source is asked, and this one again at its next tick.",
                )
            return timeline

        if not source.query:
            return await read()
        return await self.recent.timeline(account.network, source.query, account.id, read)

    async def _keep(self, account: Account, source: Source, timeline: Timeline, *, invited: bool) -> int:
        """Store what is worth a reply; where nothing is that was not seen before, nothing is asked."""
        now = self.clock.now()
        await self._hear(account, timeline, invited=invited)
        seen = await self.recent.seen(account.id)
        own = self.settings
        sieve = CandidateFilter(
            own.freshness,
            source.least_likes,
            invited,
            known=frozenset(seen),
            followers=(own.author_followers_min, own.author_followers_max),
            interests=self.interests_of(account.id),
        )
        posts = [post for post in timeline.posts if not why_not(post, account, sieve, now)]
        found: list[Opportunity] = []
        if posts:
            ids = [post.id for post in posts]
            conversations = {post.conversation_id for post in posts if post.conversation_id}
            async with self.database.read("harvesting.known") as connection:
                out = await opportunities.opted_out(connection, account.id)
                known = await opportunities.known_posts(connection, account.id, ids)
                taken = await opportunities.conversations(connection, account.id, conversations)
                ours = await receipts.known_among(connection, account.id, conversations)
            sieve = replace(sieve, shut_out=out, known=known, taken=taken, ours=ours)
            found = opportunities_from(posts, account, sieve, source=source.name, now=now)
            ids = [*seen, *sorted(known), *(one.post_id for one in found)]
        new = await self.store.keep(found)
        if found:
            await self.recent.remember(account.id, ids, own.freshness)
        with suppress(Transient):  # counts of a source decide only when it is asked again
            async with self.database.begin("harvesting.source") as connection:
                await harvest_sources.note(
                    connection, account.id, source.name, source.query, found=new, now=now
                )
        return new

    async def _hear(self, account: Account, timeline: Timeline, *, invited: bool) -> None:
        """Remember whoever asks us, or every automated account, to stay away; before anything is stored."""
        asks = wants_no_replies if invited else wants_no_bots
        others = [post for post in timeline.posts if post.author.casefold() != account.handle.casefold()]
        silent = (
            post.author.casefold()
            for post in others
            if post.author_blocks_us or asks(post.text) or wants_no_bots(post.author_bio)
        )
        authors = sorted(set(silent))
        if not authors and not invited:
            return
        async with self.database.begin("harvesting.stop") as connection:
            known = await opportunities.opted_out(connection, account.id) if authors else set()
            for author in authors:
                if author not in known:
                    await opportunities.opt_out(connection, account.id, author, now=self.clock.now())
            if invited:
                await answered_replies.note(connection, account.id, others, now=self.clock.now())

    async def _look_at(self, account: Account, network: Network, seen: Sequence[tuple[str, float]]) -> Work:
        looked = failed = watched = 0
        held = ""
        for handle, worth in seen:
            held = await self.budget.take(account, ReadPurpose.PROFILES)
            if held:  # the others wait for another run: none of them was due in this one
                break
            try:
                profile = await self._profile(account, network, handle)
            except SessionTrouble:
                raise
            except (Transient, PageChanged):
                failed += 1
                continue
            except Permanent:  # no such account any more: an answer, and nothing to do
                await self.recent.note_unreadable(account.network, handle)
                continue
            looked += 1
            now = self.clock.now()
            async with self.database.begin("harvesting.watch") as connection:
                if profile.blocks_us or wants_no_bots(profile.bio):
                    await opportunities.opt_out(connection, account.id, handle, now=now)
                    continue
                watched += await opportunities.watch_author(
                    connection,
                    account.id,
                    handle,
                    found_at=now,
                    followers=profile.followers,
                    score=author_score(worth, profile.followers),
                )
        note = f"{watched} new authors watched{'; ' + held if held else ''}"
        return Work(done=looked, due=looked + failed, note=note)

    async def _profile(self, account: Account, network: Network, handle: str) -> Profile:
        async def read() -> Profile:
            async with noting_trouble(self.database, self.clock, self.events, account, network):
                return await network.profile(account, handle)

        return await self.recent.profile(account.network, handle, read)

    async def _pool(self, account: Account) -> int:
        async with self.database.read("harvesting.pool") as connection:
            return await opportunities.pool_size(connection, account.id)

    async def _begin(self, ctx: JobContext) -> tuple[Account, Network, str]:
        """The account, its network, and why it cannot be read now (empty where it can)."""
        async with self.database.read("harvesting.account") as connection:
            account = await accounts.find(connection, ctx.account_id or "")
            if account is None:
                raise Permanent(f"There is no account {ctx.account_id!r}.")
            session = await accounts.session(connection, account.id)
        held = "" if session.state is SessionState.VALID else f"the session is {session.state.value}"
        return account, self.networks[account.network], held


def author_score(worth: float, followers: int | None) -> float:
    """What watching an author is worth: what their posts were worth, and on a log scale who listens."""
    return round(worth + math.log10(1 + (followers or 0)), 4)


def opportunity_store(database: Database, spool: Spool) -> SpooledStore[Opportunity]:
    """Adds opportunities; a post that is in the table already is left as it stands."""
    return SpooledStore(database, spool, "opportunities", Opportunity, opportunities.add)


def jobs(harvester: Harvester) -> tuple[Job, ...]:
    """The declarations of this layer's jobs."""

    def job(name: str, run: Callable[[JobContext], Awaitable[Work]], every: int) -> Job:
        return Job(
            name=name,
            run=run,
            every=timedelta(minutes=every),
            spread=timedelta(minutes=every),
            jitter=timedelta(minutes=every / 2),
            missed=Missed.LATEST,
            needs=frozenset({"database", "browser"}),
            resource=Resource.BROWSER,
            priority=JobPriority.HARVEST,
            useful="each source answered",
        )

    return (
        job(SEARCH, harvester.search, 30),
        job(MENTIONS, harvester.mentions, 40),
        job(ACCOUNTS, harvester.authors, 180),
    )
