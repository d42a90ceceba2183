"""Seeded lives of a posting process that dies, freezes and meets faults anywhere: once each, nothing lost.

Real databases, the real publisher, reconciler and sweep; only the network and the clock are ours. A death is
an exception that no code of ours catches, raised before or after any commit and between any two steps of
a publication. ``STONECHAT_SEEDS`` sets how many lives are tried.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from stonechat.config.settings import DatabaseSettings
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import receipts
from stonechat.database.repositories.receipts import Attempt
from stonechat.posting import owner_decisions
from stonechat.posting.attachments import attach
from stonechat.posting.lookup import Patience
from stonechat.posting.reconciler import Reconciler
from tests.support.clock import ManualClock
from tests.support.network import FakeNetwork, Fault
from tests.support.pictures import png, ready
from tests.support.posting import ACCOUNT, SETTINGS, Desk, MortalDatabase, RunContext, desk_on, piece

SEEDS = int(os.environ.get("STONECHAT_SEEDS", "20"))
FAULTS = [fault for fault in Fault if fault not in (Fault.AUTOMATED, Fault.FORBIDDEN, Fault.HANGS_AFTER)]


class Death(BaseException):
    """The process ends here: nothing of ours may catch it."""


@dataclass
class Life:
    """When this process dies, counted in steps, or freezes, counted in pauses; None for never.

    ``goes_on`` is how many seconds later it works again, and again, where it neither died nor froze.
    """

    dies_at: int | None = None
    freezes_at: int | None = None
    goes_on: tuple[int, ...] = ()
    steps: list[str] = field(default_factory=list)
    pauses: int = 0
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    thawed: asyncio.Event = field(default_factory=asyncio.Event)

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self.dies_at is not None and len(self.steps) >= self.dies_at:
            self.dies_at = 0  # a dead process stays dead
            raise Death(name)

    async def pause(self, _where: str) -> None:
        self.pauses += 1
        if self.freezes_at == self.pauses:
            self.frozen.set()
            await self.thawed.wait()


class World:
    """One account's queue on a network, and the processes that work on it, one after the other."""

    def __init__(
        self, database: Database, clock: ManualClock, account: Account, reconciler: type[Reconciler]
    ) -> None:
        self.database = database
        self.clock = clock
        self.account = account
        self.reconciler = reconciler
        self.network = FakeNetwork(clock)
        self.runs = 0
        self.pictured: set[str] = set()
        self.zombies: list[tuple[asyncio.Task[Any], Life]] = []
        self.context = self.fresh_context()

    def fresh_context(self) -> RunContext:
        self.runs += 1
        return RunContext(self.clock, self.account.id, run_id=f"{self.account.id}/run-{self.runs}")

    def desk(self, life: Life) -> Desk:
        """A process that has just started."""
        self.network = replace(
            self.network, step=life.step, pause=life.pause, ledger=self.network.ledger, calls=[]
        )
        mortal: Any = MortalDatabase(self.database, life.step)
        return replace(
            desk_on(self.database, self.clock, settings=SETTINGS, network=self.network, checkpoint=life.step),
            database=mortal,
            reconciler_type=self.reconciler,
        )

    async def live(self, life: Life, *, resumed: bool) -> Life:
        """One process: looks up what is unclear, publishes what is due, until done, dead or frozen."""
        if not resumed:
            self.context = self.fresh_context()
        task = asyncio.create_task(self._work(self.desk(life), life.goes_on))
        frozen = asyncio.create_task(life.frozen.wait())
        done, _ = await asyncio.wait({task, frozen}, return_when=asyncio.FIRST_COMPLETED)
        frozen.cancel()
        if task in done:
            died = task.exception()
            if died is not None and not isinstance(died, Death):
                raise died
        else:
            self.zombies.append((task, life))
        return life

    async def _work(self, desk: Desk, goes_on: tuple[int, ...] = ()) -> None:
        await desk.sweep().sweep(self.context)
        await desk.sweep().reconcile(self.fresh_context())
        for seconds in goes_on:
            await self.clock.advance(seconds=seconds)
            await desk.sweep().sweep(self.fresh_context())
            await desk.sweep().reconcile(self.fresh_context())

    async def thaw(self) -> None:
        """Every frozen process wakes up and goes on as if no time had passed."""
        for task, life in self.zombies:
            life.thawed.set()
            await asyncio.wait({task})
            died = task.exception()
            if died is not None and not isinstance(died, Death):
                raise died
        self.zombies.clear()

    async def settle(self, pieces: list[Content]) -> None:
        """A process that does not die any more, until everything is posted."""
        desk = self.desk(Life())
        for _ in range(40):
            self.context = self.fresh_context()
            await self._work(desk)
            await self.look_by_hand(pieces)
            states = [(await self._find(one.id)).state for one in pieces]
            if all(state is ContentState.POSTED for state in states):
                return
            await self.clock.advance(seconds=75)
        raise AssertionError(f"not everything was posted: {states}")

    async def look_by_hand(self, pieces: list[Content]) -> None:
        """The owner's part: who was asked about a post looks at the profile, and says what is true there."""
        for one in pieces:
            if (await self._find(one.id)).state is not ContentState.FAILED:
                continue
            there = {post.text: post.id for post in self.network.ledger}
            live = [there[part] for part in one.parts if part in there]
            async with self.database.begin("test.by_hand") as connection:
                now = self.clock.now()
                if len(live) == len(one.parts):
                    await owner_decisions.found_live(connection, one.id, live, who="owner", now=now)
                else:
                    await receipts.confirm_parts(connection, one, dict(enumerate(live)), now=now)
                    await owner_decisions.queue_again(connection, one.id, who="owner", now=now, why="looked")

    async def check(self, pieces: list[Content]) -> None:
        """The network's ledger holds each part exactly once, in the right thread, and we know its id."""
        wanted = sorted(part for one in pieces for part in one.parts)
        assert sorted(post.text for post in self.network.ledger) == wanted
        by_text = {post.text: post for post in self.network.ledger}
        for one in pieces:
            answered = one.in_reply_to
            async with self.database.read("test.parts") as connection:
                known = await receipts.confirmed_parts(connection, one.id)
            for number, part in enumerate(one.parts):
                assert by_text[part].in_reply_to == answered
                assert by_text[part].quoted_id == (one.quote_of if number == 0 else None)
                assert known[number] == by_text[part].id
                alts = [one.alt for one in by_text[part].pictures]
                assert alts == ([part] if part in self.pictured else [])
                answered = by_text[part].id
            assert (await self._find(one.id)).post_id == known[0]

    async def _find(self, content_id: str) -> Content:
        return await desk_on(self.database, self.clock).find(content_id)


@asynccontextmanager
async def world(url: str) -> AsyncIterator[tuple[Database, ManualClock]]:
    clock = ManualClock()
    async with open_database(url, DatabaseSettings(), clock) as database:
        yield database, clock


async def new_world(
    database: Database, clock: ManualClock, name: str, reconciler: type[Reconciler] = Reconciler
) -> World:
    account = replace(ACCOUNT, id=f"x:{name}", handle=name)
    made = World(database, clock, account, reconciler)
    await desk_on(database, clock).add_account(account)
    return made


def some_pieces(place: World, rng: random.Random) -> list[Content]:
    """One to three pieces of content, due now."""
    made = []
    for number in range(rng.randint(1, 3)):
        parts = [f"{place.account.handle} {number}.{part}" for part in range(rng.choice((1, 1, 2, 3, 5)))]
        reply = len(parts) == 1 and rng.random() < 0.3
        quote = len(parts) == 1 and not reply and rng.random() < 0.4
        made.append(
            piece(
                f"{place.account.id}/{number}",
                *parts,
                due_at=place.clock.now(),
                account=place.account,
                kind=ContentKind.REPLY if reply else ContentKind.QUOTE if quote else None,
                in_reply_to="7" if reply else None,
                quote_of="8" if quote else None,
            )
        )
    return made


async def add_picture(place: World, one: Content) -> None:
    """A picture on the last part, described with that part's own text."""
    async with place.database.begin("test.attach") as connection:
        await attach(
            connection,
            one.id,
            ready(png(7)),
            one.parts[-1],
            part=len(one.parts) - 1,
            who="owner",
            now=place.clock.now(),
            refuse=lambda _pictures: "",
        )
    place.pictured.add(one.parts[-1])


async def one_life_after_another(place: World, rng: random.Random) -> None:
    pieces = some_pieces(place, rng)
    await desk_on(place.database, place.clock).queue(*pieces)
    for one in pieces:
        if rng.random() < 0.4:
            await add_picture(place, one)
    place.network.faults = [rng.choice(FAULTS) for _ in range(rng.randint(0, 4))]
    place.network.delay = timedelta(seconds=rng.choice((0, 0, 5)))
    place.network.folds = rng.random() < 0.5
    resumed = False
    for _ in range(rng.randint(1, 5)):
        life = Life(
            dies_at=rng.randint(1, 45) if rng.random() < 0.8 else None,
            freezes_at=rng.randint(1, 3) if rng.random() < 0.3 else None,
            goes_on=rng.choice(((), (), (40,), (70, 35, 35))),
        )
        await place.live(life, resumed=resumed)
        resumed = rng.random() < 0.5
        await place.clock.advance(seconds=rng.choice((0, 1, 7, 25, 70)))
        if rng.random() < 0.5:
            await place.thaw()
    await place.clock.advance(seconds=rng.choice((0, 90)))
    await place.thaw()
    await place.settle(pieces)
    await place.check(pieces)


async def test_whatever_dies_or_freezes_each_post_is_live_exactly_once(any_database_url: str) -> None:
    async with world(any_database_url) as (database, clock):
        for seed in range(SEEDS):
            place = await new_world(database, clock, f"robin{seed}")
            try:
                await one_life_after_another(place, random.Random(seed))
            except Exception as exc:
                raise AssertionError(f"seed {seed}") from exc


async def test_a_death_at_every_single_step_of_a_thread_is_survived(sqlite_url: str) -> None:
    """Exhaustive, not drawn: the process dies at step 1, then at step 2, and so on to the last."""
    async with world(sqlite_url) as (database, clock):
        step, reached_the_end = 0, False
        while not reached_the_end:
            step += 1
            place = await new_world(database, clock, f"wren{step}")
            thread = piece(
                f"t{step}", f"{step} One.", f"{step} Two.", due_at=clock.now(), account=place.account
            )
            await desk_on(database, clock).queue(thread)
            life = await place.live(Life(dies_at=step), resumed=False)
            reached_the_end = life.dies_at != 0
            await place.settle([thread])
            await place.check([thread])
        assert step > 15


class Hasty(Patience):
    """One safeguard removed: absence is believed at once, while a frozen publisher may still click."""

    def left(self, content_id: str, tries: Sequence[Attempt], steady: float) -> timedelta:
        return timedelta()


class HastyReconciler(Reconciler):
    patience_type = Hasty


async def test_without_the_grace_period_the_same_lives_double_a_post(sqlite_url: str) -> None:
    """The simulation is sharp enough to notice a missing safeguard."""
    async with world(sqlite_url) as (database, clock):
        for seed in range(200):
            place = await new_world(database, clock, f"robin{seed}", HastyReconciler)
            try:
                await one_life_after_another(place, random.Random(seed))
            except AssertionError:
                texts = [post.text for post in place.network.ledger]
                assert len(texts) > len(set(texts))
                return
    raise AssertionError("200 lives without the safeguard, and nothing was doubled")
