"""A posting layer on a real SQLite file and a network in memory, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings, PostingSettings
from stonechat.core.clock import Clock
from stonechat.core.events import Event, EventStream, Stamped
from stonechat.core.model import Account, Approval, Content, ContentKind, LatePolicy, Mode
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content
from stonechat.jobs.execution.step_results import from_json, to_json
from stonechat.posting.gate_input import Blockers, Rules, nothing_blocked
from stonechat.posting.jobs import Sweep
from stonechat.posting.publish_result import Checkpoint, carry_on
from stonechat.posting.publisher import Publisher
from stonechat.posting.receipt_audit import Checker
from stonechat.posting.reconciler import Reconciler
from stonechat.posting.session_watch import SessionWatch
from tests.support.clock import ManualClock
from tests.support.network import FakeNetwork

T = TypeVar("T")

SETTINGS = PostingSettings(
    min_spacing=timedelta(),
    per_hour=100,
    per_day=500,
    reply_spacing=timedelta(),
    lease=timedelta(seconds=60),
    click_within=timedelta(seconds=20),
    publish_timeout=timedelta(seconds=30),
    reconcile_grace=timedelta(seconds=10),
    reconcile_limit=timedelta(hours=2),
)
"""Limits wide open, so that a test that is not about them does not meet them."""

ACCOUNT = Account("x:robin", "x_web", "robin", approval=Approval.NONE, late_policy=LatePolicy.PUBLISH)


@dataclass
class RunContext:
    """A job's context that runs each step and remembers what was asked for."""

    clock: Clock
    account_id: str | None = ACCOUNT.id
    run_id: str = "run-1"
    attempt: int = 1
    woken: list[tuple[str, datetime]] = field(default_factory=list)
    remembered: dict[str, object] = field(default_factory=dict)

    @property
    def tick(self) -> datetime:
        return self.clock.now()

    async def step(self, name: str, run: Callable[[], Awaitable[T]], result: type[T] | None = None) -> T:
        if name not in self.remembered:
            self.remembered[name] = to_json(await run(), result)
        value: T = from_json(name, self.remembered[name], result)
        return value

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        self.woken.append((job, at))


class MortalDatabase:
    """The database as a process has it that may die just before or just after any commit.

    Args:
        step: called before and after each commit, with its name; ends the process where it should end.
    """

    def __init__(self, database: Database, step: Callable[[str], None]) -> None:
        self._database = database
        self._step = step

    @asynccontextmanager
    async def begin(self, task: str) -> AsyncIterator[AsyncConnection]:
        async with self._database.begin(task) as connection:
            yield connection
            self._step(f"{task}: before the commit")
        self._step(f"{task}: after the commit")

    async def repeated(self, task: str, work: Callable[[AsyncConnection], Awaitable[T]], **how: Any) -> T:
        async def stepped(connection: AsyncConnection) -> T:
            done = await work(connection)
            self._step(f"{task}: before the commit")
            return done

        result = await self._database.repeated(task, stepped, **how)
        self._step(f"{task}: after the commit")
        return result

    def read(self, task: str) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._database.read(task)


@dataclass
class Desk:
    """Everything that a posting test touches."""

    database: Database
    clock: Clock
    network: FakeNetwork
    settings: PostingSettings
    mode: Mode
    blocked: Blockers
    checkpoint: Checkpoint
    events: EventStream
    told: list[Event]
    reconciler_type: type[Reconciler] = Reconciler
    _reconcilers: list[Reconciler] = field(default_factory=list, init=False, repr=False)

    @property
    def rules(self) -> Rules:
        return Rules(self.settings, self.mode, self.blocked)

    def publisher(self) -> Publisher:
        """A publisher as a process that has just started would have it."""
        return Publisher(
            self.database,
            {self.network.name: self.network},
            self.clock,
            self.events,
            self.rules,
            host="host-1",
            checkpoint=self.checkpoint,
        )

    def reconciler(self) -> Reconciler:
        """The one that this process has; it remembers what it has seen."""
        if not self._reconcilers:
            made = self.reconciler_type(self.database, self.clock, self.events, self.settings)
            self._reconcilers.append(made)
        return self._reconcilers[0]

    def sweep(self) -> Sweep:
        watch = SessionWatch(self.database, self.clock, self.events, every=timedelta(minutes=5))
        return Sweep(
            self.database,
            self.clock,
            {self.network.name: self.network},
            self.rules,
            self.publisher(),
            self.reconciler(),
            watch,
            self.events,
            Checker(self.database, self.clock, self.events, self.settings),
        )

    async def add_account(self, account: Account) -> None:
        async with self.database.begin("test.account") as connection:
            await accounts.put(connection, account, self.clock.now())

    async def queue(self, *pieces: Content) -> None:
        async with self.database.begin("test.queue") as connection:
            for piece in pieces:
                await content.add(connection, piece, who="test")

    async def find(self, content_id: str) -> Content:
        async with self.database.read("test.find") as connection:
            piece = await content.find(connection, content_id)
        assert piece is not None
        return piece

    def told_of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]


def desk_on(
    database: Database,
    clock: Clock,
    *,
    settings: PostingSettings = SETTINGS,
    mode: Mode = Mode.DEMO,
    blocked: Blockers = nothing_blocked,
    checkpoint: Checkpoint = carry_on,
    network: FakeNetwork | None = None,
) -> Desk:
    """A desk on an open database."""
    events = EventStream(clock)
    told: list[Event] = []

    def hear(stamped: Stamped) -> None:
        told.append(stamped.event)

    events.subscribe(hear)
    used = network if network is not None else FakeNetwork(clock)
    return Desk(database, clock, used, settings, mode, blocked, checkpoint, events, told)


def piece(
    content_id: str,
    *parts: str,
    due_at: datetime,
    account: Account = ACCOUNT,
    kind: ContentKind | None = None,
    state: ContentState = ContentState.QUEUED,
    in_reply_to: str | None = None,
    opportunity_id: str | None = None,
    quote_of: str | None = None,
) -> Content:
    """A piece of content."""
    shape = kind or (ContentKind.THREAD if len(parts) > 1 else ContentKind.SINGLE)
    return Content(
        id=content_id,
        account_id=account.id,
        kind=shape,
        state=state,
        parts=parts,
        due_at=due_at,
        created_at=due_at,
        state_since=due_at,
        in_reply_to=in_reply_to,
        opportunity_id=opportunity_id,
        quote_of=quote_of,
    )


@asynccontextmanager
async def open_desk(url: str, *owners: Account, **more: Any) -> AsyncIterator[Desk]:
    """A desk for these accounts on a database of its own, on a clock that stands still."""
    clock = ManualClock()
    async with open_database(url, DatabaseSettings(), clock) as database:
        desk = desk_on(database, clock, network=FakeNetwork(clock), **more)
        for owner in owners:
            await desk.add_account(owner)
        yield desk
