"""One circuit breaker as the layers use it: ``async with breaker.call(): …``."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.clock import Clock
from stonechat.core.errors import NotTried, PageChanged, StonechatError, Transient, Unknown
from stonechat.core.events import BreakerChanged, EventStream
from stonechat.core.states import BreakerState
from stonechat.resilience.host_view import CallResult, Now, Rejection, Ticket, View
from stonechat.resilience.state_machine import BreakerPolicy, Record
from stonechat.resilience.store import BreakerStore

ProbeFunction = Callable[[], Awaitable[None]]
"""Returns where all is well, raises where it is not; cancelled when its lease runs out."""

COUNTED: tuple[type[StonechatError], ...] = (Transient, Unknown, PageChanged)
"""Which of our errors count against the guarded thing: a refusal of one text or one session does not.

Every exception that is not ours counts.
"""


UNTRIED_PAUSE = timedelta(seconds=2)
"""Real time before the next probe where the last one could not even be tried."""


class BreakerOpen(NotTried):
    """The call was not made: the breaker ``breaker`` is open."""

    def __init__(self, record: Record, retry_after: timedelta | None) -> None:
        super().__init__(
            f"The breaker {record.name!r} is {record.state.value.replace('_', ' ')}: {record.why}.",
            meaning="The work waits; nothing was tried.",
            remedy="It tries again by itself and closes when a try succeeds."
            if retry_after is not None
            else f"Forced by {record.who}; `stonechat breakers release {record.name}` ends it.",
            retry_after=retry_after,
        )
        self.breaker = record.name


def judge(exc: StonechatError) -> CallResult:
    """What one of our errors says about what is guarded; a call may bring a judge of its own."""
    if isinstance(exc, NotTried):
        return (
            CallResult.CANCELLED
        )  # what this call needs has no room or another breaker, and counts for itself
    # Any other answer means that what is guarded did answer; the trouble lies elsewhere.
    return CallResult.FAILED if isinstance(exc, COUNTED) else CallResult.PASSED


class GuardedCall:
    """A call under way. Say how it went where that is a value and not an exception."""

    def __init__(self, probing: bool) -> None:
        self.probing = probing
        self.result = CallResult.PASSED
        self.why = ""

    def failed(self, why: str) -> None:
        """This call counts as a failure."""
        self.result, self.why = CallResult.FAILED, why

    def says_nothing(self) -> None:
        """This call tells nothing about what is guarded: it counts neither as a failure nor as a success."""
        self.result = CallResult.CANCELLED


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """What the pages and alerts show. ``since`` is real time; durations are real time.

    Attributes:
        opened_at: real time at which it first opened, or was forced open; it has not closed since. None
            where it is closed.
        open_for: how long ago that is; probes in between do not start it anew.
        probe_overdue: for how long a background probe was due and not taken.
        stuck: open longer than the policy's ``stuck_after``, by itself or by force.
    """

    name: str
    state: BreakerState
    since: datetime
    why: str
    who: str
    calls: int
    failures: int
    consecutive: int
    rejected: int
    openings: int
    opened_at: datetime | None
    open_for: timedelta
    retry_after: timedelta | None
    probe_overdue: timedelta
    stuck: bool


class Breaker:
    """Made by :meth:`Breakers.add`. Safe to use from many tasks."""

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy,
        *,
        owner: str,
        clock: Clock,
        events: EventStream,
        rng: random.Random,
        store: BreakerStore | None,
        probe: ProbeFunction | None,
    ) -> None:
        self.name = name
        self.policy = policy
        self._clock = clock
        self._events = events
        self._rng = rng
        self._store = store
        self._probe = probe
        self._view = View(name, policy, owner, self._now())
        self._announced = self._view.record
        self._saving = asyncio.Lock()
        self._probing: asyncio.Task[None] | None = None
        self._rejected = 0

    @property
    def state(self) -> BreakerState:
        """The state as this host knows it now."""
        return self._view.record.state

    @property
    def allows(self) -> bool:
        """Whether a call would be admitted now, be it as the probe; asks without taking anything."""
        if self.state in (BreakerState.CLOSED, BreakerState.FORCED_CLOSED):
            return True
        return self._probe is None and self._view.may_probe(self._now())

    @asynccontextmanager
    async def call(self, judge: Callable[[StonechatError], CallResult] = judge) -> AsyncIterator[GuardedCall]:
        """Guard one call: its failure counts (as ``judge`` says), its cancellation does not.

        Where the breaker has no probe of its own, a call that comes when the wait is over is the probe.

        Raises:
            BreakerOpen: the call must not be made now.
        """
        ticket = await self._admit()
        call = GuardedCall(ticket.probe is not None)
        outcome, why = CallResult.CANCELLED, ""
        try:
            yield call
            outcome, why = call.result, call.why
        except StonechatError as exc:
            outcome, why = judge(exc), str(exc)
            raise
        except Exception as exc:
            outcome, why = CallResult.FAILED, str(exc) or type(exc).__name__
            raise
        finally:
            await self._settle(ticket, outcome, why)

    def status(self) -> BreakerStatus:
        """Everything that the pages and alerts show."""
        now, record = self._now(), self._view.record
        counts = self._view.counts(now)
        open_for = timedelta() if record.opened_at is None else max(now.wall - record.opened_at, timedelta())
        return BreakerStatus(
            name=self.name,
            state=record.state,
            since=record.since,
            why=record.why,
            who=record.who,
            calls=counts.calls,
            failures=counts.failures,
            consecutive=counts.consecutive,
            rejected=self._rejected,
            openings=record.openings,
            opened_at=record.opened_at,
            open_for=open_for,
            retry_after=record.wait if record.state is BreakerState.OPEN else None,
            probe_overdue=self._view.overdue(now) if self._probe is not None else timedelta(),
            stuck=open_for >= self.policy.stuck_after,
        )

    async def tick(self) -> None:
        """Expire a lost probe, save what is unsaved, start a probe that is due. Called by the registry."""
        self._view.expire(self._now())
        if self._view.unsaved:
            await self.save()
        if self._probe is None or (self._probing is not None and not self._probing.done()):
            return
        ticket = self._view.take_probe(self._now())
        if ticket is not None and await self.save():
            self._probing = asyncio.create_task(self._run_probe(ticket), name=f"breaker.probe.{self.name}")

    async def store_first(self) -> None:
        """Nobody has stored this breaker yet: store it as it stands; who was first elsewhere holds."""
        if self._store is not None and not self._view.unsaved:
            await self._store.save(self._view.record, self._view.stored)

    def learn(self, record: Record) -> None:
        """The store holds ``record``; taken over where it is news and nothing of ours is unsaved."""
        if not self._view.unsaved and record.version != self._view.stored:
            self._view.adopt(record, self._now())
            self._announce()

    async def save(self) -> bool:
        """Store the change by compare-and-set; False where another host was first (theirs holds then)."""
        self._announce()
        if self._store is None:
            self._view.stored = self._view.record.version
            return True
        async with self._saving:
            record, expected = self._view.record, self._view.stored
            if record.version == expected:
                return True
            try:
                if await self._store.save(record, expected):
                    self._view.stored = record.version
                    return True
                theirs = (await self._store.load()).get(self.name)
            except Transient:
                return True  # the store is away: this host's own view holds until it is back
            if theirs is None:
                self._view.stored = 0  # the row is gone: the next save writes it anew
            else:
                self._view.adopt(theirs, self._now())
                self._announce()
            return False

    async def aclose(self) -> None:
        """Give back the probe under way, if any, and store what is not stored yet."""
        if self._probing is not None and not self._probing.done():
            self._probing.cancel()
            await asyncio.wait({self._probing}, timeout=1)
        await self.save()

    async def _admit(self) -> Ticket:
        answer = self._view.admit(self._now(), may_probe=self._probe is None)
        if isinstance(answer, Ticket) and answer.probe is not None and not await self.save():
            answer = self._view.admit(self._now(), may_probe=False)  # another host took the probe
        if isinstance(answer, Rejection):
            self._rejected += 1
            raise BreakerOpen(self._view.record, answer.retry_after)
        return answer

    async def _settle(self, ticket: Ticket, outcome: CallResult, why: str) -> None:
        self._view.settle(ticket, outcome, self._now(), why=why)
        if self._view.unsaved:
            # shielded: a cancelled caller must not leave its probe's lease to run out
            await asyncio.shield(asyncio.ensure_future(self.save()))

    async def _run_probe(self, ticket: Ticket) -> None:
        assert self._probe is not None  # noqa: S101 - tick starts it only then
        work = asyncio.ensure_future(self._probe())
        outcome, why = CallResult.CANCELLED, ""
        try:
            done, _ = await asyncio.wait({work}, timeout=self.policy.probe_lease.total_seconds())
            if not done:
                outcome, why = CallResult.FAILED, "the probe did not end within its time"
            elif work.cancelled():
                outcome = CallResult.CANCELLED
            elif isinstance(exc := work.exception(), NotTried):
                # Nothing was learned. Asked again soon, so that it closes as soon as what it needs is back.
                await self._clock.sleep_real(min(UNTRIED_PAUSE, self.policy.probe_lease / 4))
            elif exc is not None:
                outcome, why = CallResult.FAILED, str(exc) or type(exc).__name__
            else:
                outcome = CallResult.PASSED
        finally:
            work.cancel()  # not waited for: a probe that ignores this must not hold us
            await self._settle(ticket, outcome, why)

    def _announce(self) -> None:
        record, before = self._view.record, self._announced
        self._announced = record
        if record.state is not before.state:
            self._events.emit(
                BreakerChanged(breaker=self.name, before=before.state, after=record.state, why=record.why)
            )

    def _now(self) -> Now:
        return Now(self._clock.wall(), self._clock.monotonic(), self._rng.random())
