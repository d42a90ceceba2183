"""Reads the posts that are due: by the newest of the profile, older ones by search, what is left one by one.

Each way costs one page load for as many posts as it shows; a page for one post is the last resort.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stonechat.core.clock import Clock
from stonechat.core.errors import PageChanged, Permanent, Transient
from stonechat.core.events import EventStream, MetricsRead, PostVanished, SelectorMoved
from stonechat.core.model import Account, ContentKind, Snapshot
from stonechat.core.network import Network, Timeline
from stonechat.database import Database
from stonechat.database.repositories import doubtful_readings, unseen_posts
from stonechat.database.repositories.receipts import LivePost
from stonechat.database.spool.spooled_store import SpooledStore
from stonechat.networks.reading_budget import Purpose, ReadingBudget
from stonechat.networks.session_trouble import noting_trouble
from stonechat.scraping.agenda import Agenda
from stonechat.scraping.reading import Reading, read_timeline
from stonechat.scraping.reading_plan import DuePost, depth

MORE = 5
"""So many posts more than wanted are asked for: what was published meanwhile stands above them."""

SINGLES = 4
"""Most posts that one run opens one by one."""

MISSED_TWICE = 2
"""After so many reads without it a post is opened, to see whether it is gone."""

OwnPostsQuery = Callable[[str, datetime, datetime], str]
"""The search for what a handle posted between two moments, in a network's own syntax."""


@dataclass
class ReadResult:
    """What a run has read so far: ids of posts that were shown, and why it stopped, if it did."""

    shown: set[str] = field(default_factory=set)
    doubtful: int = 0
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class PostReader:
    """Reads what an account's agenda asks for, within its budget of page loads.

    Attributes:
        page_posts: how many of the newest posts one load of the profile reaches at most.
    """

    database: Database
    clock: Clock
    events: EventStream
    store: SpooledStore[Snapshot]
    budget: ReadingBudget
    page_posts: int

    async def read(
        self,
        account: Account,
        network: Network,
        agenda: Agenda,
        pressing: Sequence[DuePost],
        query: OwnPostsQuery | None,
    ) -> ReadResult:
        """Read ``pressing``, and whatever the same pages show besides.

        Raises:
            SessionTrouble, PageChanged, Transient: nothing was read, and why.
        """
        done = ReadResult()
        await self._newest(account, network, agenda, [one.post for one in pressing], done)
        if query is not None:
            await self._older(account, network, agenda, _left(pressing, done), query, done)
        await self._singly(account, network, agenda, _left(pressing, done), done)
        return done

    async def _newest(
        self, account: Account, network: Network, agenda: Agenda, wanted: Sequence[LivePost], done: ReadResult
    ) -> None:
        replies = any(one.kind == ContentKind.REPLY for one in wanted)
        live = agenda.of_kind(replies=replies)
        reachable = live[: self.page_posts]
        reach = depth(reachable, {one.post_id for one in wanted})
        if reach == 0 or not await self._granted(account, done):
            return
        ask = network.own_replies if replies else network.own_posts
        await self._take(
            account, network, agenda, live, lambda: ask(account, limit=reach + MORE), done, whole=True
        )

    async def _older(
        self,
        account: Account,
        network: Network,
        agenda: Agenda,
        left: Sequence[LivePost],
        query: OwnPostsQuery,
        done: ReadResult,
    ) -> None:
        """One search for what was posted between the oldest and the newest of them."""
        reachable = {one.post_id for one in agenda.live[: self.page_posts]}
        deep = [one for one in left if one.post_id not in reachable]
        if len(deep) <= 1 or done.stopped or not await self._granted(account, done):
            return
        since = min(one.posted_at for one in deep) - timedelta(minutes=2)
        until = max(one.posted_at for one in deep) + timedelta(minutes=2)
        between = [one for one in agenda.live if since <= one.posted_at <= until]
        words = query(account.handle, since, until)
        await self._take(
            account,
            network,
            agenda,
            between,
            lambda: network.search(account, words, limit=len(between) + MORE),
            done,
        )

    async def _singly(
        self, account: Account, network: Network, agenda: Agenda, left: Sequence[LivePost], done: ReadResult
    ) -> None:
        lost = [
            one
            for one in agenda.live
            if one.post_id not in done.shown
            and one.post_id in agenda.unseen
            and agenda.unseen[one.post_id].misses >= MISSED_TWICE
        ]
        for one in list(dict.fromkeys([*left, *lost]))[:SINGLES]:
            if done.stopped or not await self._granted(account, done):
                return
            try:
                async with noting_trouble(self.database, self.clock, self.events, account, network):
                    timeline = await network.own_thread(account, one.post_id)
            except Permanent:
                await self._gone(account, agenda, one, done)
                continue
            except (Transient, PageChanged) as failure:
                if not done.shown:
                    raise
                done.stopped = failure.what
                return
            await self._keep(account, agenda, [one], timeline, done)

    async def _take(
        self,
        account: Account,
        network: Network,
        agenda: Agenda,
        live: Sequence[LivePost],
        ask: Callable[[], Awaitable[Timeline]],
        done: ReadResult,
        *,
        whole: bool = False,
    ) -> None:
        """One read of many posts; ``whole`` ones show everything back to their oldest post."""
        async with noting_trouble(self.database, self.clock, self.events, account, network):
            started = self.clock.now()
            timeline = await ask()
            reading = self._judge(account, agenda, live, timeline, started)
            if whole and reading.wrong:
                raise _untrusted(reading, timeline.source)
        if not reading.wrong:
            await self._store(account, network, reading, timeline.source, done, whole=whole)

    async def _keep(
        self,
        account: Account,
        agenda: Agenda,
        live: Sequence[LivePost],
        timeline: Timeline,
        done: ReadResult,
    ) -> None:
        shown = [one for one in live if any(post.id == one.post_id for post in timeline.posts)]
        reading = self._judge(account, agenda, shown, timeline, self.clock.now())
        await self._store(account, None, reading, timeline.source, done, whole=False)

    def _judge(
        self,
        account: Account,
        agenda: Agenda,
        live: Sequence[LivePost],
        timeline: Timeline,
        started: datetime,
    ) -> Reading:
        return read_timeline(
            timeline,
            live,
            agenda.latest,
            account_id=account.id,
            started=started,
            at=self.clock.now(),
            doubted=agenda.doubted,
        )

    async def _store(
        self,
        account: Account,
        network: Network | None,
        reading: Reading,
        source: str,
        done: ReadResult,
        *,
        whole: bool,
    ) -> None:
        await self.store.keep(reading.snapshots)
        shown = {one.post_id for one in reading.snapshots} | {one.post_id for one in reading.doubtful}
        async with self.database.begin("scraping.beside") as connection:
            await doubtful_readings.append(connection, reading.doubtful)
            await unseen_posts.note_seen(connection, account.id, shown)
            if whole:
                missed = [(one.post_id, one.content_id) for one in reading.missed]
                await unseen_posts.note_missed(connection, account.id, missed, now=self.clock.now())
        if network is not None:
            for count in reading.lost:
                missing = f"own posts: {count}"
                self.events.emit(SelectorMoved(account_id=account.id, network=network.name, missing=missing))
        self.events.emit(MetricsRead(account_id=account.id, posts=len(reading.snapshots), source=source))
        done.shown |= shown
        done.doubtful += len(reading.doubtful)

    async def _gone(self, account: Account, agenda: Agenda, one: LivePost, done: ReadResult) -> None:
        """Its own page says that the post is gone; the second time it is believed, told, and read no more."""
        now = self.clock.now()
        if one.post_id not in agenda.unseen:
            async with self.database.begin("scraping.missed") as connection:
                await unseen_posts.note_missed(
                    connection, account.id, [(one.post_id, one.content_id)], now=now
                )
            return
        done.shown.add(one.post_id)
        async with self.database.begin("scraping.gone") as connection:
            news = await unseen_posts.note_gone(connection, account.id, one.post_id, one.content_id, now=now)
        if news:
            self.events.emit(
                PostVanished(account_id=account.id, content_id=one.content_id, post_id=one.post_id)
            )

    async def _granted(self, account: Account, done: ReadResult) -> bool:
        done.stopped = await self.budget.take(account, Purpose.METRICS)
        return not done.stopped


def _left(pressing: Sequence[DuePost], done: ReadResult) -> list[LivePost]:
    return [one.post for one in pressing if one.post.post_id not in done.shown]


def _untrusted(reading: Reading, source: str) -> PageChanged:
    return PageChanged(
        f"own posts ({source})",
        f"The read of own posts cannot be trusted: {reading.wrong}.",
        meaning="No metric was stored from it; the next read takes up where the last good one stopped.",
        remedy="If it lasts, the page or its answers have changed: "
        "`stonechat jobs run scraping.selectors --wait 120` checks each part.",
    )
