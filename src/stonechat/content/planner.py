"""Keeps each account's queue filled ahead of time, and its reserve stocked."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from stonechat.content.arms import ArmsOf
from stonechat.content.content_store import ContentStore
from stonechat.content.errors import BudgetUsedUp, NoModel
from stonechat.content.quoting import Quoting
from stonechat.content.slots import schedule
from stonechat.content.slots.slot_allocation import Layout, Placed
from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, WriterFellBack
from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Choice, ContentKind
from stonechat.database import Database
from stonechat.database.repositories import accounts, drafts, slots
from stonechat.jobs import JobContext, Work

Choose = Callable[[str, int, Collection[tuple[str, str]]], Awaitable[Sequence[Choice]]]
"""The learner's choices for an account: how many, and which (factor, level) pairs are held at a floor."""

_ROUNDS = 3
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How far and how much is planned. Account time.

    Attributes:
        horizon: the queue holds this much ahead.
        reserve_days: how many days' worth of posts the reserve holds.
        reserve_window: without a model, the rhythm is kept from the reserve for so long ahead.
        restock: most reserve drafts written in one run.
        low: share of a full queue below which the queue check plans by itself.
    """

    horizon: timedelta = timedelta(hours=24)
    reserve_days: float = 2.0
    reserve_window: timedelta = timedelta(hours=6)
    restock: int = 4
    low: float = 0.5


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of one assignment: ``stored``, ``kept`` (spooled), ``rejected`` or ``deferred``."""

    outcome: str
    why: str = ""
    retry_seconds: float | None = None


class Planner:
    """Plans for one account at a time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rng: random.Random,
        events: EventStream,
        arms_of: ArmsOf,
        content_store: ContentStore,
        drafter: WritingPipeline,
        choose: Choose,
        quoting: Quoting,
        settings: PlanSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rng = rng
        self._events = events
        self._arms_of = arms_of
        self._content_store = content_store
        self._drafter = drafter
        self._choose = choose
        self._quoting = quoting
        self._settings = settings

    async def plan(self, context: JobContext) -> Work:
        """Fill the queue up to the horizon; what cannot be written now is deferred, never dropped."""
        account = await self._account(context)
        missing = await self.missing(account)
        if not missing:
            return Work(note="the queue is full")
        orders = await context.step(
            "choose", lambda: self._orders(account, missing, context.run_id), list[Assignment]
        )
        done, deferred = 0, None
        for number, order in enumerate(orders, 1):
            result = await context.step(f"write {number}", partial(self._fill, account, order), Filled)
            done += result.outcome in {"stored", "kept"}
            if result.outcome == "deferred":
                deferred = result
                break
        if deferred is None:
            return Work(done, missing)
        why = deferred.why
        drawn = await context.step("reserve", lambda: self.keep_rhythm(account, context.run_id, why), int)
        if deferred.retry_seconds:
            again = self._clock.now() + timedelta(seconds=deferred.retry_seconds)
            context.wake("content.plan", again, account.id)
        return Work(done + drawn, missing, deferred.why)

    async def check(self, context: JobContext) -> Work:
        """Store what waits in the spool, top up a low queue, stock the reserve."""
        account = await self._account(context)
        recovered = await self._drafter.recover({account.id: account})
        work = Work(recovered, recovered)
        if await self.missing(account) > self._full(account) * (1 - self._settings.low):
            planned = await self.plan(context)
            work = Work(work.done + planned.done, work.due + planned.due, planned.note)
        stocked = await self._restock(account, context)
        return Work(work.done + stocked.done, work.due + stocked.due, work.note or stocked.note)

    async def missing(self, account: Account) -> int:
        """How many posts the queue lacks. What is overdue (posting is held) counts as ahead: no money is
        spent on more while a backlog waits."""
        rhythm = self._content_store.rhythm(account, self._drafter.voice_of(account.id))
        taken, now = await self._content_store.booked(account.id), self._clock.now()
        async with self._database.read("content.overdue") as connection:
            backlog = await slots.overdue(connection, account.id, now)
        return max(0, schedule.wanted(rhythm, taken, now, self._settings.horizon) - backlog)

    async def keep_rhythm(self, account: Account, run_id: str, why: str = "") -> int:
        """Draw from the reserve until no gap in the coming hours breaks the rhythm; how many were drawn."""
        voice = self._drafter.voice_of(account.id)
        rhythm = self._content_store.rhythm(account, voice)
        drawn = 0
        while True:
            earliest = self._content_store.earliest()
            until = earliest + self._settings.reserve_window
            taken = await self._content_store.booked(account.id)
            due_at = schedule.next_in_rhythm(rhythm, taken, earliest=earliest, until=until)
            if due_at is None:
                break
            content_id = stable_id("reserve", run_id, due_at.isoformat())
            if await self._content_store.draw(account, voice, due_at, content_id) is None:
                break
            drawn += 1
        if drawn:
            self._events.emit(WriterFellBack(account_id=account.id, to="reserve", why=why))
        return drawn

    async def _orders(self, account: Account, missing: int, run_id: str) -> list[Assignment]:
        """Assignments for what is missing, earliest first."""
        taken = await self._content_store.booked(account.id)
        layout, new = self._layout(account), await self._new_levels(account.id)
        placed: list[Placed] = []
        left: list[Choice] = []
        for _ in range(_ROUNDS):
            lacking = missing - len(placed)
            if not lacking:
                break
            choices = await self._choose(account.id, lacking, new)
            known = [*taken, *(one.booked for one in placed)]
            more, left = layout.place(choices, known, self._rng)
            placed += more
        for choice in left[: missing - len(placed)]:
            known = [*taken, *(one.booked for one in placed)]
            moved = layout.displace(choice, known, self._rng)
            placed += [moved] if moved else []
        placed.sort(key=lambda one: one.due_at)
        return [
            self._order(account, one, stable_id("slot", run_id, str(number)))
            for number, one in enumerate(placed)
        ]

    async def _new_levels(self, account_id: str) -> frozenset[tuple[str, str]]:
        """Levels that have not proven themselves in posts that went live."""
        async with self._database.read("content.tried") as connection:
            arms = await slots.tried(connection, account_id)
        return self._arms_of(account_id).unproven(Counter(pair for arm in arms for pair in arm.items()))

    def _layout(self, account: Account) -> Layout:
        rhythm = self._content_store.rhythm(account, self._drafter.voice_of(account.id))
        until = self._clock.now() + max(self._settings.horizon, _DAY)
        return Layout(self._arms_of(account.id), rhythm, self._content_store.earliest(), until)

    def _order(self, account: Account, one: Placed, assignment_id: str) -> Assignment:
        choice = one.choice
        arms = self._arms_of(account.id)
        arm = arms.completed(choice.arm, self._rng)
        return Assignment(
            id=assignment_id,
            account_id=account.id,
            purpose=Purpose.SLOT,
            kind=arms.kind(arm, self._rng),
            arm=arm,
            propensity=one.propensity,
            holdout=choice.holdout,
            model_version=choice.model_version,
            due_at=one.due_at,
        )

    async def _fill(self, account: Account, order: Assignment) -> Filled:
        assignment = await self._quoting.aimed(account, order)
        try:
            outcome = await self._drafter.write(account, assignment)
        except (BudgetUsedUp, NoModel) as exc:
            await self._quoting.return_it(assignment, exc.what)
            # the endpoint counts in real time, the schedule in account time
            speed = self._clock.speed if isinstance(exc, NoModel) else 1.0
            wait = exc.retry_after.total_seconds() * speed if exc.retry_after else None
            return Filled("deferred", exc.what, wait)
        await self._quoting.settle(assignment, outcome)
        if outcome.spooled:
            return Filled("kept", "; ".join(outcome.why))
        return Filled("stored") if outcome.stored else Filled("rejected", "; ".join(outcome.why))

    async def _restock(self, account: Account, context: JobContext) -> Work:
        target = math.ceil(self._settings.reserve_days * account.posts_per_day)
        async with self._database.read("content.reserve.size") as connection:
            present = await drafts.reserve_size(connection, account.id)
        lacking = min(target - present, self._settings.restock)
        if lacking <= 0:
            return Work()
        choices = await context.step(
            "choose reserve", lambda: self._stock(account, lacking, context), list[Assignment]
        )
        done, run_id = 0, f"{context.run_id}/check"
        for number, order in enumerate(choices, 1):
            result = await context.step(f"stock {number}", partial(self._fill, account, order), Filled)
            done += result.outcome in {"stored", "kept"}
            if result.outcome == "deferred":
                drawn = await context.step(
                    "rhythm", partial(self.keep_rhythm, account, run_id, result.why), int
                )
                return Work(done + drawn, lacking, result.why)
        return Work(done, lacking)

    async def _stock(self, account: Account, count: int, context: JobContext) -> list[Assignment]:
        arms = self._arms_of(account.id)
        choices = await self._choose(account.id, count, await self._new_levels(account.id))
        return [
            Assignment(
                id=stable_id("stock", context.run_id, str(number)),
                account_id=account.id,
                purpose=Purpose.RESERVE,
                kind=_keepable(arms.kind(choice.arm, self._rng)),
                arm=arms.completed(choice.arm, self._rng),
            )
            for number, choice in enumerate(choices)
        ]

    def _full(self, account: Account) -> float:
        return account.posts_per_day * (self._settings.horizon / _DAY)

    async def _account(self, context: JobContext) -> Account:
        return await find_account(self._database, context.account_id)


async def find_account(database: Database, account_id: str | None) -> Account:
    """The account a run is for.

    Raises:
        Transient: it is not in the database (yet), or the database is away.
    """
    async with database.read("content.account") as connection:
        account = await accounts.find(connection, account_id or "")
    if account is not None:
        return account
    raise Transient(
        f"There is no account {account_id!r}.",
        remedy="Check ACCOUNT_HANDLE and the accounts in the settings.",
    )


def _keepable(kind: ContentKind) -> ContentKind:
    """A quote would be stale by the time it is drawn from the reserve."""
    return ContentKind.SINGLE if kind is ContentKind.QUOTE else kind
