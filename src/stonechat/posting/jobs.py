"""The jobs of this layer: what is due goes out, what is unclear is looked up, sessions are asked about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.core.events import Event, EventStream
from stonechat.core.model import Account
from stonechat.core.network import Network
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, slots
from stonechat.jobs import Job, JobContext, JobPriority, Missed, Resource, Work
from stonechat.posting import owner_decisions
from stonechat.posting.gate import Hold, decide, holds_everything
from stonechat.posting.gate_input import Rules, conditions_of, read_rows
from stonechat.posting.publish_result import PublishVerdict, Tried
from stonechat.posting.publisher import Publisher, hold
from stonechat.posting.receipt_audit import Checker
from stonechat.posting.reconciler import Reconciler
from stonechat.posting.session_watch import SessionWatch

SWEEP = "posting.sweep"
RECONCILE = "posting.reconcile"
SESSION = "posting.session"
AT_ONCE = 20
"""Most pieces of content that one run of the sweep takes up, and that it looks at in one transaction."""

PAUSE = timedelta(seconds=20)
"""Real time before the sweep goes on after the network failed it."""

_DONE = frozenset(
    {PublishVerdict.POSTED, PublishVerdict.REHEARSED, PublishVerdict.ENDED, PublishVerdict.MOVED}
)
_UNCLEAR = frozenset({PublishVerdict.UNCONFIRMED, PublishVerdict.LOST})
_TROUBLE = frozenset({PublishVerdict.REFUSED, PublishVerdict.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class HeldContent:
    """Why some of what is due is held, and until when (account time) if that is known."""

    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DueContent:
    """What a look at the queue found at account time ``at``: what may go, and why the rest is held."""

    at: datetime
    ids: tuple[str, ...]
    held: tuple[HeldContent, ...]


@dataclass(slots=True)
class _Due:
    """What a look at the queue has come to so far.

    Attributes:
        held: the reasons, each once.
        last: slot and id of the last piece that was looked at.
        all_held: one of the reasons holds everything.
    """

    ids: list[str] = field(default_factory=list)
    held: list[HeldContent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    last: tuple[datetime, str] | None = None
    all_held: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """Publishes what is due for one account, in order, one after the other."""

    database: Database
    clock: Clock
    networks: Mapping[str, Network]
    rules: Rules
    publisher: Publisher
    reconciler: Reconciler
    watch: SessionWatch
    events: EventStream
    checker: Checker | None = None

    async def sweep(self, ctx: JobContext) -> Work:
        """One run of ``posting.sweep``: every effect is a step of its own, decided on rows alone."""
        account = await self._account(ctx)
        unclear = await ctx.step("recover", lambda: self.reconciler.recover(account, owner=ctx.run_id), int)
        due = await ctx.step("due", lambda: self._due(account), DueContent)
        results: list[Tried] = []
        for content_id in due.ids:
            publish = self._publish(account, content_id, ctx)
            results.append(await ctx.step(f"publish/{content_id}", publish, Tried))
            if results[-1].verdict in _TROUBLE:
                break
        await self._wake(ctx, account, due, results)
        if unclear or any(one.verdict in _UNCLEAR for one in results):
            await self.reconciler.watch(account)
            ctx.wake(RECONCILE, self.clock.now(), account.id)
        return work_of(results, [one.why for one in due.held])

    async def reconcile(self, ctx: JobContext) -> Work:
        """One run of ``posting.reconcile``."""
        account = await self._account(ctx)
        await self.reconciler.recover(account)
        seen = await self.reconciler.reconcile(account, self._network(account))
        if self.checker is not None and not seen.waiting:
            await self.checker.check(account, self._network(account))
        decided = seen.posted + seen.absent + seen.undecided
        if seen.absent:
            ctx.wake(SWEEP, self.clock.now(), account.id)
        if seen.again is not None:
            wait = max(seen.again - self.clock.wall(), timedelta(seconds=1))
            ctx.wake(RECONCILE, self.clock.now() + wait * self.clock.speed, account.id)
        note = f"{seen.posted} found, {seen.absent} absent, {seen.waiting} still open" if decided else ""
        return Work(done=decided, due=decided, note=note)

    async def session(self, ctx: JobContext) -> Work:
        """One run of ``posting.session``: nothing to do while the session is valid."""
        account = await self._account(ctx)
        async with self.database.read("posting.session") as connection:
            before = await accounts.session(connection, account.id)
        valid = await self.watch.check(account, self._network(account), ctx.tick)
        if valid and before.state.value != "valid":
            ctx.wake(SWEEP, self.clock.now(), account.id)
            ctx.wake(RECONCILE, self.clock.now(), account.id)
            return Work(done=1, due=1, note="the session is valid again")
        return Work()

    def _publish(self, account: Account, content_id: str, ctx: JobContext) -> Callable[[], Awaitable[Tried]]:
        async def publish() -> Tried:
            result = await self.publisher.publish(account, content_id, owner=ctx.run_id)
            if result.verdict is PublishVerdict.LOST:  # perhaps to this very run, before it was resumed
                await self.reconciler.recover(account, owner=ctx.run_id)
            return result.remembered()

        return publish

    async def _due(self, account: Account) -> DueContent:
        """Ids of what is due and what the gate would act on, and why the rest is held."""
        now = self.clock.now()
        async with self.database.begin("posting.expire") as connection:
            expiry = self.rules.settings.approval_expiry
            missed = await owner_decisions.expire(connection, account.id, expiry=expiry, now=now)
            asked = await owner_decisions.hold_back(connection, account, now=now)
        seen = _Due(events=[*missed, *asked])
        while await self._look(account, now, seen):
            continue
        for event in seen.events:
            self.events.emit(event)
        return DueContent(now, tuple(seen.ids), tuple(seen.held))

    async def _look(self, account: Account, now: datetime, seen: _Due) -> bool:
        """Look at the next pieces that are due; whether there may be more that can go.

        What is held for a reason of its own must not stand before what can go, however much of it there is.
        """
        network, speed = self._network(account), self.clock.speed
        async with self.database.begin("posting.due") as connection:
            page = await content.due(connection, account.id, now, after=seen.last, limit=AT_ONCE)
            if not page:
                return False
            rows = await read_rows(connection, self.rules, page, now)
            for piece in page:
                found = conditions_of(rows, self.rules, account, piece, network, now, speed=speed)
                seen.last = (piece.due_at, piece.id)
                match decide(piece, account, found):
                    case Hold(why, until, reschedule=False):
                        reason = HeldContent(why, until)
                        seen.held += [] if reason in seen.held else [reason]
                        seen.events += await hold(connection, piece, why)
                        seen.all_held = seen.all_held or holds_everything(found)
                    case _:
                        seen.ids.append(piece.id)
                if len(seen.ids) == AT_ONCE:
                    return False
        return len(page) == AT_ONCE and not seen.all_held

    async def _wake(
        self, ctx: JobContext, account: Account, due: DueContent, results: Sequence[Tried]
    ) -> None:
        """Ask for the next run: at the next slot, when a hold ends, or soon where more is due."""
        async with self.database.read("posting.next") as connection:
            upcoming = await content.next_due(connection, account.id, after=due.at)
        until = [*(one.until for one in results), *(one.until for one in due.held)]
        times = [at for at in until if at is not None]
        if upcoming is not None:
            times.append(upcoming)
        if results and results[-1].verdict in _TROUBLE:
            times = [self.clock.now() + PAUSE * self.clock.speed]
        elif any(one.verdict is PublishVerdict.LOST for one in results) or (
            len(due.ids) == AT_ONCE and any(one.verdict in _DONE for one in results)
        ):
            times.append(self.clock.now())
        if times:
            ctx.wake(SWEEP, max(min(times), self.clock.now()), account.id)

    async def _account(self, ctx: JobContext) -> Account:
        async with self.database.read("posting.account") as connection:
            account = await accounts.find(connection, ctx.account_id or "")
        if account is None:
            raise Permanent(f"There is no account {ctx.account_id!r}.")
        return account

    def _network(self, account: Account) -> Network:
        return self.networks[account.network]


async def next_due(connection: AsyncConnection, after: Mapping[str, datetime]) -> dict[str, datetime]:
    """By account: when its next queued content may be tried, after the moment given."""
    return await slots.next_due_of_each(connection, after)


def work_of(results: Sequence[Tried], held_before: Sequence[str] = ()) -> Work:
    """What a sweep did: what the gate held was not due; what failed or is unclear was."""
    counted = [one for one in results if one.verdict not in (PublishVerdict.HELD, PublishVerdict.LOST)]
    done = sum(one.verdict in _DONE for one in counted)
    held = {one.why for one in results if one.verdict is PublishVerdict.HELD} | set(held_before)
    return Work(done=done, due=len(counted), note="; ".join(sorted(held))[:300])


def jobs(sweep: Sweep) -> tuple[Job, ...]:
    """The declarations of this layer's jobs."""
    return (
        Job(
            name=SWEEP,
            run=sweep.sweep,
            every=timedelta(minutes=5),
            spread=timedelta(minutes=5),
            upcoming=next_due,
            missed=Missed.LATEST,
            timeout=timedelta(minutes=10),
            resource=Resource.BROWSER,
            priority=JobPriority.POST,
            critical=True,
            useful="what was due and not held went out",
        ),
        Job(
            name=RECONCILE,
            run=sweep.reconcile,
            every=timedelta(minutes=5),
            spread=timedelta(minutes=5),
            resource=Resource.BROWSER,
            priority=JobPriority.POST,
            critical=True,
            useful="what was unclear is decided",
        ),
        Job(
            name=SESSION,
            run=sweep.session,
            every=timedelta(minutes=5),
            spread=timedelta(minutes=5),
            resource=Resource.BROWSER,
            priority=JobPriority.POST,
            useful="a troubled session was asked about when it was time to",
        ),
    )
