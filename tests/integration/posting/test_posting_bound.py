"""No text is ever clicked more often than the bound, whatever the network answers, shows or stores.

Seeded lives of one account on a network without any manners: each click may be taken or not, answered or not,
refused with any code; each look at the profile may show everything, nothing, another form of the text, or
places without posts. The real publisher, reconciler, sweep and gate run on a real database. The default is
what ``make test`` has time for; ``STONECHAT_SEEDS=10000`` tries all.
"""

from __future__ import annotations

import os
import random
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from stonechat.config.settings import DatabaseSettings
from stonechat.core.errors import Permanent, SessionTrouble, Transient, Unknown
from stonechat.core.events import PostReconciled, PostRefused
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.network import (
    NetworkPost,
    Posted,
    Publication,
    PublishOutcome,
    Refused,
    Timeline,
    Unconfirmed,
)
from stonechat.core.states import ContentState, SessionState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts
from stonechat.posting import owner_decisions
from tests.support.clock import ManualClock
from tests.support.network import FakeNetwork
from tests.support.posting import ACCOUNT, SETTINGS, Desk, RunContext, desk_on, piece

SEEDS = int(os.environ.get("STONECHAT_SEEDS", "60"))
CODES = (187, 88, 344, 185, 226, 326, 32, 188, 214, 220, 324, 131, 0, 99999)
TEXTS = (
    "Cafe\u0301 talk closes at six.",
    "See README.md and main.rs first.",
    "www.example.org/a?b=1#c is up",
    "Tea & toast < cake",
    "@wren begins with a handle",
    "Two\n\nlines #tag\nand @more",
    "Write &amp; and &lt;b&gt; \n x\u00b2, \uff03tag",
    "\U0001f468\u200d\U0001f469 \u05e9\u05dc\u05d5\u05dd \u200f(1\ufe0f\u20e3) example.org/?a=1",
    "plain",
)
STORES: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: unicodedata.normalize("NFC", text),
    lambda text: unicodedata.normalize("NFKD", text),
    lambda text: f"\u200f{text}\u200e".replace(" ", " \u2069"),
    lambda text: text.replace("README.md", "https://t.co/a1").replace("main.rs", "https://t.co/b2"),
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;"),
    lambda text: " ".join(text.split()),
    lambda text: text.upper(),
    lambda _text: "something else altogether",
)
LIVE_ON_THE_SITE = ("posted", "lost answer", "raises after", "unknown after", "posted under another text")
NOT_TAKEN = ("not taken", "declined", "coded", "coded", "forbidden", "session", "timed out")
UNCLICKED = ("no browser", "refused", "session before")


@dataclass
class Rude(FakeNetwork):
    """A site whose every answer and every look is drawn; ``clicks`` counts what was sent, by text."""

    rng: random.Random = field(default_factory=random.Random)
    clicks: Counter[str] = field(default_factory=Counter)
    outcomes: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    refuses_duplicates: bool = True

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        fate = self.rng.choice(self.outcomes)
        match fate:
            case "no browser":
                raise Transient("There is no free browser context.")
            case "refused":
                return Refused("the button stays disabled", retry_after=timedelta(seconds=30))
            case "session before":
                raise SessionTrouble(SessionState.EXPIRED, "logged out")
        assert before_click is not None
        ids: list[str] = []
        answers = publication.reply_to
        for number, part in enumerate(publication.parts):
            before_click()
            self.clicks[part] += 1
            taken = fate in LIVE_ON_THE_SITE or (number == 0 and len(publication.parts) > 1)
            if taken and self.refuses_duplicates and part in {self.wrote[one.id] for one in self.ledger}:
                return Unconfirmed("Status is a duplicate. (error 187)", tuple(ids), duplicate=True)
            if not taken:
                return self._said(fate, tuple(ids))
            answers = self._append(account, part, answers, publication, number)
            self.wrote[answers] = part
            ids.append(answers)
        return self._answered(fate, account, tuple(ids))

    @property
    def wrote(self) -> dict[str, str]:
        """What was sent, by the id that the site gave it."""
        return self._wrote

    _wrote: dict[str, str] = field(default_factory=dict)

    def _answered(self, fate: str, account: Account, ids: tuple[str, ...]) -> PublishOutcome:
        if fate == "lost answer":
            return Unconfirmed("the answer was lost")
        if fate == "raises after":
            raise Transient("The page crashed.")
        if fate == "unknown after":
            raise Unknown("it may have happened")
        return Posted(ids, self._url(account, ids[0]))

    def _said(self, fate: str, ids: tuple[str, ...]) -> PublishOutcome:
        code = self.rng.choice(CODES)
        match fate:
            case "declined":
                return Refused("rate limit", retry_after=timedelta(minutes=3), confirmed=ids)
            case "forbidden":
                return Refused("too long", permanent=True, confirmed=ids)
            case "session":
                return Refused("locked", session=SessionState.LOCKED, confirmed=ids)
            case "timed out":
                raise TimeoutError
            case "coded":
                return Unconfirmed(f"error {code}", ids, duplicate=code == 187)
            case _:
                return Unconfirmed("no answer came", ids)

    def _timeline(self, account: Account, limit: int, *, replies: bool) -> Timeline:
        look = self.rng.choice(self.looks)
        if look == "fails":
            raise Transient("The profile does not answer.")
        self.healthy, self.shrunken = look != "unhealthy", look == "shrunken"
        seen = super()._timeline(account, limit, replies=replies)
        if look == "without posts":
            hollow = tuple(replace(one, text="") for one in seen.posts)
            return replace(seen, posts=(), unread=hollow)
        if look == "stale":
            return replace(seen, posts=seen.posts[len(seen.posts) // 2 :])
        return seen

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        if self.rng.choice(self.looks) == "fails":
            raise Permanent("The post is gone.")
        return await super().own_thread(account, post_id, author=author)


def some_pieces(rng: random.Random, account: Account, clock: ManualClock) -> list[Content]:
    made = []
    for number in range(rng.randint(1, 2)):
        texts = [f"{rng.choice(TEXTS)} {number}.{part}" for part in range(rng.choice((1, 1, 1, 3)))]
        reply = len(texts) == 1 and rng.random() < 0.3
        made.append(
            piece(
                f"{account.id}/{number}",
                *texts,
                due_at=clock.now(),
                account=account,
                kind=ContentKind.REPLY if reply else None,
                in_reply_to="7" if reply else None,
            )
        )
    return made


def rude_network(rng: random.Random, clock: ManualClock) -> Rude:
    every = LIVE_ON_THE_SITE + NOT_TAKEN + UNCLICKED
    looks = ("whole", "shrunken", "unhealthy", "without posts", "stale", "fails")
    return Rude(
        clock,
        rng=rng,
        outcomes=tuple(rng.sample(every, rng.randint(1, len(every)))),
        looks=tuple(rng.sample(looks, rng.randint(1, len(looks)))),
        refuses_duplicates=rng.random() < 0.5,
        rewrite=rng.choice(STORES),
        folds=rng.random() < 0.5,
        delay=timedelta(seconds=rng.choice((0, 0, 45))),
    )


async def one_life(database: Database, clock: ManualClock, seed: int) -> tuple[Desk, list[Content]]:
    rng = random.Random(seed)
    account = replace(ACCOUNT, id=f"x:robin{seed}", handle=f"robin{seed}")
    settings = SETTINGS.model_copy(
        update={"resends": rng.randint(0, 2), "reconcile_limit": timedelta(minutes=10)}
    )
    network = rude_network(rng, clock)
    desk = desk_on(database, clock, settings=settings, network=network)
    await desk.add_account(account)
    pieces = some_pieces(rng, account, clock)
    await desk.queue(*pieces)
    sweep = desk.sweep()
    for run in range(rng.randint(4, 10)):
        await sweep.sweep(RunContext(clock, account.id, run_id=f"{seed}/{run}"))
        await sweep.reconcile(RunContext(clock, account.id, run_id=f"{seed}/{run}"))
        await clock.advance(seconds=rng.choice((20, 60, 60, 400)))
        async with database.begin("test.session") as connection:
            await accounts.set_session(
                connection, account.id, SessionState.VALID, now=clock.now(), why="logged in again"
            )
    return desk, pieces


async def test_no_text_is_clicked_more_often_than_the_bound(sqlite_url: str) -> None:
    clock = ManualClock()
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        for seed in range(SEEDS):
            desk, pieces = await one_life(database, clock, seed)
            assert isinstance(desk.network, Rude)
            most = 1 + desk.settings.resends
            worst = desk.network.clicks.most_common(1)
            assert max((count for _, count in worst), default=0) <= most, f"seed {seed}: {worst}"
            assert pieces
            for one in pieces:
                now = await desk.find(one.id)
                if now.state is ContentState.FAILED:
                    told = [*desk.told_of(PostReconciled), *desk.told_of(PostRefused)]
                    assert any(getattr(event, "content_id", "") == one.id for event in told), f"seed {seed}"
                    assert now.why, f"seed {seed}: a human is asked, and not told why"


async def never_taken(database: Database, clock: ManualClock, name: str, **more: object) -> Desk:
    """A site that takes nothing and shows a whole, empty profile, worked at for a day."""
    account = replace(ACCOUNT, id=f"x:{name}", handle=name)
    network = Rude(clock, outcomes=("not taken",), looks=("whole",))
    settings = SETTINGS.model_copy(update=more)
    desk = desk_on(database, clock, settings=settings, network=network)
    await desk.add_account(account)
    await desk.queue(piece(name, f"Hello from {name}.", due_at=clock.now(), account=account))
    await work(desk, account)
    return desk


async def work(desk: Desk, account: Account) -> None:
    sweep = desk.sweep()
    for _ in range(12):
        await sweep.sweep(RunContext(desk.clock, account.id))
        await sweep.reconcile(RunContext(desk.clock, account.id))
        await desk.clock.advance(hours=1)  # type: ignore[attr-defined]


async def test_each_bound_is_kept_to_the_click_and_a_human_is_asked(sqlite_url: str) -> None:
    clock = ManualClock()
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        for resends in (0, 1, 2):
            desk = await never_taken(database, clock, f"wren{resends}", resends=resends)
            assert isinstance(desk.network, Rude)
            assert desk.network.clicks.total() == 1 + resends
            asked = await desk.find(f"wren{resends}")
            assert asked.state is ContentState.FAILED
            assert "look at the profile" in asked.why
            told = [one.verdict for one in desk.told_of(PostReconciled)]  # type: ignore[attr-defined]
            assert told == ["absent"] * resends + ["undecided"]


async def test_a_humans_yes_begins_the_count_anew(sqlite_url: str) -> None:
    clock = ManualClock()
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        desk = await never_taken(database, clock, "tern")
        assert isinstance(desk.network, Rude)
        account = replace(ACCOUNT, id="x:tern", handle="tern")
        async with database.begin("test") as connection:
            await owner_decisions.queue_again(
                connection, "tern", who="owner", now=clock.now(), why="not there"
            )
        await work(desk, account)
        assert desk.network.clicks.total() == 4
        assert (await desk.find("tern")).state is ContentState.FAILED


async def test_a_duplicate_that_nothing_shows_goes_to_a_human_after_one_click(sqlite_url: str) -> None:
    clock = ManualClock()
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        account = replace(ACCOUNT, id="x:knot", handle="knot")
        network = Rude(clock, outcomes=("posted",), looks=("whole",))
        network.ledger.append(
            NetworkPost("1", "somebody", clock.now(), "Said before.")
        )  # so that the site takes it for a duplicate, and our profile does not show it
        network.wrote["1"] = "Said before."
        desk = desk_on(database, clock, network=network)
        await desk.add_account(account)
        await desk.queue(piece("knot", "Said before.", due_at=clock.now(), account=account))
        await work(desk, account)
        assert network.clicks.total() == 1
        asked = await desk.find("knot")
        assert asked.state is ContentState.FAILED
        assert "has this text already" in asked.why


async def test_every_click_counts_in_the_hourly_limit(sqlite_url: str) -> None:
    clock = ManualClock()
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        account = replace(ACCOUNT, id="x:dunlin", handle="dunlin")
        network = Rude(clock, outcomes=("not taken",), looks=("whole",))
        settings = SETTINGS.model_copy(update={"per_hour": 1, "resends": 2})
        desk = desk_on(database, clock, settings=settings, network=network)
        await desk.add_account(account)
        await desk.queue(piece("dunlin", "Hello.", due_at=clock.now(), account=account))
        for _ in range(5):
            await desk.sweep().sweep(RunContext(clock, account.id))
            await desk.sweep().reconcile(RunContext(clock, account.id))
            await clock.advance(minutes=11)
        assert network.clicks.total() == 1
        held = await desk.find("dunlin")
        assert held.state is ContentState.QUEUED
        assert "rate limit" in held.why
