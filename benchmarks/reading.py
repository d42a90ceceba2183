"""How much is read of a network for an account, and whether every post has its reading when learning asks.

The real jobs of reading and harvesting run on a real database against a network in memory, at the times at
which their schedules would run them. A page load is a call of the network. *One page a post* is what the
same readings would cost with a page for each.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from stonechat.cache.memory import InProcessCache
from stonechat.config.settings import DatabaseSettings, HarvestingSettings, ReadingSettings, ScrapingSettings
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Content, ContentKind, Metrics
from stonechat.core.network import NetworkPost, Profile, Timeline
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content, metrics, receipts
from stonechat.database.schema.tables import content_metadata
from stonechat.database.spool.spool import Spool
from stonechat.harvesting import jobs as harvesting
from stonechat.harvesting.recently_seen import Recent
from stonechat.jobs.job import Job
from stonechat.jobs.scheduling.schedules import schedule_of
from stonechat.networks.reading_budget import ReadingBudget
from stonechat.networks.registry import installed
from stonechat.scraping import jobs as scraping
from stonechat.scraping.reading_plan import reading_moments

_START = datetime(2026, 1, 5, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MATURITY = 48 * _HOUR
_WITHIN = 6 * _HOUR
"""Learning calls a post overdue that has no reading so long after maturity."""
REPLIES_A_DAY = 20
DAYS = 10
"""Days lived through; posts of the first week are looked at, loads from the third day on."""


async def bench_reading(rates: tuple[int, ...] = (8, 20, 48), *, seed: int = 1) -> list[dict[str, Any]]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}`` for each number of posts a day."""
    rows: list[dict[str, Any]] = []
    for rate in rates:
        rows += (await _live(rate, random.Random(seed))).rows(rate)
    return rows


@dataclass
class _Clock:
    """Account time that the bench drives; real time stands still."""

    at: datetime = _START
    speed: float = 1.0

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - _START).total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(0)

    async def sleep_real(self, duration: timedelta) -> None:
        await asyncio.sleep(0)


@dataclass
class _Context:
    """One run of a job; every step runs once."""

    clock: _Clock
    account_id: str
    run_id: str = "bench"
    attempt: int = 1

    @property
    def tick(self) -> datetime:
        return self.clock.now()

    async def step(self, _name: str, run: Any, _result: Any = None) -> Any:
        return await run()

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        raise AssertionError("reading wakes no other job")


@dataclass
class _Network:
    """A site with one account's posts, twenty a page, and an endless choice of others' posts.

    A profile folds conversations: of five posts it shows the first and the last two.
    """

    clock: _Clock
    rng: random.Random
    name: str = "x_web"
    posts: list[NetworkPost] = field(default_factory=list)
    loads: list[tuple[datetime, str]] = field(default_factory=list)

    def shown(self, kind: str) -> list[NetworkPost]:
        self.loads.append((self.clock.now(), kind))
        now = self.clock.now()
        aged = [(post, now - (post.created_at or now)) for post in self.posts]
        return [replace(post, metrics=_counts(int(post.id), age)) for post, age in reversed(aged)]

    async def own_posts(self, _account: Account, *, limit: int = 40) -> Timeline:
        return _timeline([one for one in self.shown("own_posts") if one.in_reply_to is None], limit)

    async def own_replies(self, _account: Account, *, limit: int = 40) -> Timeline:
        every = self.shown("own_replies")
        folded = frozenset(one.id for one in every if one.conversation_id and int(one.id) % 9 == 0)
        read = _timeline([one for one in every if one.id not in folded], limit)
        return replace(read, folded=folded)

    async def own_thread(self, _account: Account, post_id: str, *, author: str = "") -> Timeline:
        found = [one for one in self.shown("own_thread") if one.id == post_id]
        return Timeline(tuple(found), bool(found), None, "wire")

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        if query.startswith(f"from:{account.handle} since_time:"):
            since, until = (float(word.partition("_time:")[2]) for word in query.split()[1:])
            every = self.shown("own_search")
            found = [one for one in every if one.created_at and since <= one.created_at.timestamp() <= until]
            return Timeline(tuple(found[:limit]), False, None, "wire")
        self.loads.append((self.clock.now(), "search"))
        brings = self.rng.random() < 0.4
        return Timeline(self._others(8 if brings else 0), True, None, "wire")

    async def mentions(self, _account: Account, *, limit: int = 40) -> Timeline:
        self.loads.append((self.clock.now(), "mentions"))
        return Timeline(self._others(1), True, None, "wire")

    async def profile(self, _account: Account, handle: str) -> Profile:
        self.loads.append((self.clock.now(), "profile"))
        return Profile(handle, handle, 900, 100)

    def _others(self, number: int) -> tuple[NetworkPost, ...]:
        names = (self.rng.randrange(10**9) for _ in range(number))
        said = "Who else thinks about this before breakfast?"
        at, much = self.clock.now() - _HOUR, Metrics(likes=900)
        return tuple(NetworkPost(f"9{one}", f"wren{one}", at, said, much) for one in names)


def _counts(number: int, age: timedelta) -> Metrics:
    likes = int((number % 40) * (1 - 0.5 ** (age / (5 * _HOUR))))
    return Metrics(
        likes=likes, reposts=likes // 9, replies=likes // 12, quotes=0, bookmarks=0, views=60 + 40 * likes
    )


def _timeline(posts: list[NetworkPost], limit: int) -> Timeline:
    shown = posts[: -(-limit // 20) * 20]  # whole answers of twenty
    return Timeline(tuple(shown), True, shown[-1].created_at if shown else None, "wire")


@dataclass(frozen=True, slots=True)
class _Life:
    """What was posted, read and loaded."""

    posted: dict[str, tuple[datetime, ContentKind]]
    read: dict[str, list[datetime]]
    loads: list[tuple[datetime, str]]

    def rows(self, rate: int) -> list[dict[str, Any]]:
        whole = [(at, kind) for at, kind in self.loads if at >= _START + 2 * _DAY]
        days = DAYS - 2
        kinds = Counter(kind for _, kind in whole)
        own = sum(number for kind, number in kinds.items() if kind.startswith("own_")) / days
        moments = reading_moments(_MATURITY, 7 * _DAY)
        singly = (rate + REPLIES_A_DAY) * len(moments)
        searches = kinds["search"] / days
        night = sum(1 <= at.hour < 6 for at, _ in whole)
        at = f"at {rate} posts and {REPLIES_A_DAY} replies a day: "
        return [
            _row(f"{at}posts read at 48 h, %", self._share(replies=False), 98.0, more=True),
            _row(f"{at}replies read at 48 h, %", self._share(replies=True), 98.0, more=True),
            _row(f"{at}page loads for metrics a day", own, singly / 10, peer=singly),
            _row(f"{at}page loads a day", len(whole) / days, 150.0),
            _row(f"{at}searches a day", searches, 60.0),
            _row(f"{at}page loads in quiet hours", float(night), 0.0),
        ]

    def _share(self, *, replies: bool) -> float:
        judged = [
            (post_id, at)
            for post_id, (at, kind) in self.posted.items()
            if (kind is ContentKind.REPLY) is replies and at < _START + 7 * _DAY
        ]
        in_time = [
            post_id
            for post_id, at in judged
            if any(at + _MATURITY <= when <= at + _MATURITY + _WITHIN for when in self.read.get(post_id, ()))
        ]
        return 100 * len(in_time) / len(judged)


async def _live(rate: int, rng: random.Random) -> _Life:
    clock, account = _Clock(), Account("x:bench", "x_web", "bench")
    network = _Network(clock, rng)
    plan = _plan(rate, rng)
    async with _database(clock) as (database, folder):
        async with database.begin("bench.account") as connection:
            await accounts.put(connection, account, clock.now())
        jobs = _jobs(database, clock, network, folder)
        due = [(schedule_of(job, account.id).after(_START), n, job) for n, job in enumerate(jobs)]
        heapq.heapify(due)
        posted: dict[str, tuple[datetime, ContentKind]] = {}
        while due[0][0] < _START + DAYS * _DAY:
            at, number, job = heapq.heappop(due)
            while plan and plan[-1][0] <= at:
                clock.at, kind = plan.pop()
                posted[await _post(database, network, account, kind, clock.at)] = (clock.at, kind)
            clock.at = at
            await job.run(_Context(clock, account.id))
            heapq.heappush(due, (schedule_of(job, account.id).after(at), number, job))
        async with database.read("bench.read") as connection:
            shots = await metrics.every(connection)
    read: dict[str, list[datetime]] = {}
    for shot in shots:
        read.setdefault(shot.post_id, []).append(shot.captured_at)
    return _Life(posted, read, network.loads)


def _plan(rate: int, rng: random.Random) -> list[tuple[datetime, ContentKind]]:
    """When what is posted, the last first: posts by day, around the clock where there are very many."""
    wake = 0 if rate > 30 else 7
    plan = []
    for day in range(DAYS):
        for kind, number in ((ContentKind.SINGLE, rate), (ContentKind.REPLY, REPLIES_A_DAY)):
            hours = (wake + (24 - wake) * (n + rng.random()) / number for n in range(number))
            plan += [(_START + day * _DAY + one * _HOUR, kind) for one in hours]
    return sorted(plan, key=lambda one: one[0], reverse=True)


async def _post(
    database: Database, network: _Network, account: Account, kind: ContentKind, at: datetime
) -> str:
    number = len(network.posts)
    post_id, reply = str(1000 + number), kind is ContentKind.REPLY
    network.posts.append(
        NetworkPost(
            post_id,
            account.handle,
            at,
            f"Number {number}.",
            in_reply_to="1" if reply else None,
            conversation_id="1" if reply else None,
        )
    )
    async with database.begin("bench.post") as connection:
        piece = Content(
            id=f"c{number}",
            account_id=account.id,
            kind=kind,
            state=ContentState.POSTED,
            parts=(f"Number {number}.",),
            due_at=at,
            created_at=at,
            state_since=at,
        )
        await content.add(connection, piece, who="bench")
        await connection.execute(
            update(content_metadata)
            .where(content_metadata.c.id == piece.id)
            .values(post_id=post_id, posted_at=at)
        )
        await receipts.confirm_parts(connection, piece, {0: post_id}, now=at)
    return post_id


@asynccontextmanager
async def _database(clock: _Clock) -> AsyncIterator[tuple[Database, Path]]:
    with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
        async with open_database(f"sqlite:///{folder}/bench.db", DatabaseSettings(), clock) as database:
            yield database, Path(folder)


def _jobs(database: Database, clock: _Clock, network: Any, folder: Path) -> list[Job]:
    events, spool = EventStream(clock), Spool(folder / "spool")
    budget, networks = ReadingBudget(database, clock, ReadingSettings()), {"x_web": network}
    scraper = scraping.Scraper(
        database,
        clock,
        networks,
        events,
        ScrapingSettings(),
        scraping.snapshot_store(database, spool),
        budget,
        _MATURITY,
        installed().plugins,
    )
    harvester = harvesting.Harvester(
        database,
        clock,
        networks,
        events,
        HarvestingSettings(queries=("sleep", "focus", "stress")),
        harvesting.opportunity_store(database, spool),
        Recent(InProcessCache(clock), clock),
        budget,
    )
    return [*scraping.jobs(scraper), *harvesting.jobs(harvester)]


def _row(
    measure: str, ours: float, goal: float, *, peer: float | None = None, more: bool = False
) -> dict[str, Any]:
    ratio = None if peer is None else round(ours / peer, 3)
    met = ours >= goal if more else ours <= goal
    return {
        "measure": measure,
        "ours": round(ours, 1),
        "peer": peer,
        "ratio": ratio,
        "goal": goal,
        "met": met,
    }
