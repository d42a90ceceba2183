"""The content layer put together for tests: real database, real endpoint, a learner that draws by chance."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from stonechat.config.settings import DatabaseSettings
from stonechat.content.arms import Arms, load_arms
from stonechat.content.budget import Budget, BudgetLimits
from stonechat.content.content_store import ContentStore
from stonechat.content.planner import Choose, Planner, PlanSettings
from stonechat.content.post_claims import Claims
from stonechat.content.prices import Price, PriceTable
from stonechat.content.quoting import Quoting
from stonechat.content.replies import Replier, ReplySettings
from stonechat.content.review.injection_screen import hostile
from stonechat.content.voice import load_voice
from stonechat.content.writing.endpoint_client import open_client
from stonechat.content.writing.fallback import FallbackChain, RetryPatience
from stonechat.content.writing.judge import ModelJudge
from stonechat.content.writing.model_writer import ModelWriter
from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.content.writing.prompts import Prompts
from stonechat.core.clock import Clock
from stonechat.core.events import Event, EventStream, Stamped
from stonechat.core.model import Account, Choice, Opportunity
from stonechat.core.states import OpportunityState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, opportunities
from stonechat.database.spool.spool import Spool
from stonechat.jobs.execution.step_results import from_json, to_json
from tests.support.model_endpoint import ModelEndpoint, model_endpoint
from tests.support.text_rules import PlainRules

T = TypeVar("T")
ACCOUNT = Account(id="x:quietbuilder", network="x_web", handle="quietbuilder", posts_per_day=8)


@dataclass(slots=True)
class Run:
    """A job's context whose steps are remembered by name, as the engine does."""

    clock: Clock
    run_id: str = "content.plan/x:quietbuilder@1"
    account_id: str | None = ACCOUNT.id
    attempt: int = 1
    remembered: dict[str, Any] = field(default_factory=dict)
    woken: list[tuple[str, datetime]] = field(default_factory=list)

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


@dataclass(slots=True)
class Studio:
    """Everything a test of the content layer needs."""

    database: Database
    clock: Clock
    endpoint: ModelEndpoint
    planner: Planner
    replier: Replier
    drafter: WritingPipeline
    content_store: ContentStore
    budget: Budget
    spool: Spool
    arms: Arms
    heard: list[Event]
    account: Account
    runs: int = 0

    def run(self, job: str = "content.plan") -> Run:
        self.runs += 1
        return Run(self.clock, run_id=f"{job}/{self.account.id}@{self.runs}", account_id=self.account.id)


def uniform(arms: Arms, rng: random.Random) -> Choose:
    """A learner that knows nothing."""

    async def choose(account_id: str, count: int, new: Collection[tuple[str, str]]) -> list[Choice]:
        learned = arms.learned()
        share = 1.0
        for levels in learned.values():
            share /= len(levels)
        return [
            Choice({name: rng.choice(levels) for name, levels in learned.items()}, share, True, 0)
            for _ in range(count)
        ]

    return choose


async def plain_rules(_account: Account) -> PlainRules:
    """The same for every account."""
    return PlainRules()


@asynccontextmanager
async def studio(
    folder: Path,
    clock: Clock,
    *,
    url: str = "",
    account: Account = ACCOUNT,
    limits: BudgetLimits = BudgetLimits(),
    models: Sequence[str] = ("m-large",),
    patience: RetryPatience = RetryPatience(first=timedelta(milliseconds=5), cap=timedelta(milliseconds=20)),
    plan: PlanSettings = PlanSettings(),
    replies: ReplySettings = ReplySettings(invited_only=False),
    timeout: timedelta = timedelta(seconds=5),
    seed: int = 1,
    prices: Mapping[str, Price] | None = None,
    model_url: str = "",
    screen: Callable[[str, str], str | None] = hostile,
    arms: Arms | None = None,
    judges: Sequence[str] = (),
    held_share: float = 0.0,
    limits_of_database: DatabaseSettings = DatabaseSettings(),
    on: Database | None = None,
) -> AsyncIterator[Studio]:
    """Open everything: on a database of its own, or on the one that is given."""
    rng = random.Random(seed)
    heard: list[Event] = []
    events = EventStream(clock)
    events.subscribe(lambda stamped: _hear(heard, stamped))
    arms = arms or load_arms()
    spool = Spool(folder / "spool")
    async with (
        (
            open_database(url or f"sqlite:///{folder}/content.db", limits_of_database, clock)
            if on is None
            else nullcontext(on)
        ) as database,
        model_endpoint() as endpoint,
        open_client(model_url or endpoint.url, "key-for-tests", timeout) as client,
    ):
        async with database.begin("test.account") as connection:
            await accounts.put(connection, account, clock.now())
        budget = Budget(database, clock, events, limits, PriceTable(Price(1.0, 2.0), prices or {}))
        writers = [ModelWriter(client, model, timeout) for model in models]
        content_store = ContentStore(
            database,
            clock,
            rng,
            events,
            lambda _: arms,
            spacing=timedelta(minutes=20),
            lead=timedelta(minutes=5),
            held_share=held_share,
        )
        judging = [ModelWriter(client, model, timeout) for model in judges]
        drafter = WritingPipeline(
            database=database,
            clock=clock,
            events=events,
            spool=spool,
            chain=FallbackChain(writers, budget, clock, events, patience),
            prompts=Prompts(arms),
            content_store=content_store,
            rules_of=plain_rules,
            voice=load_voice(),
            judge=ModelJudge(FallbackChain(judging, budget, clock, events, patience)) if judging else None,
            held_share=held_share,
        )
        claims = Claims(database, clock, spool, screen=screen)
        yield Studio(
            database=database,
            clock=clock,
            endpoint=endpoint,
            planner=Planner(
                database,
                clock,
                rng,
                events,
                lambda _: arms,
                content_store,
                drafter,
                uniform(arms, rng),
                Quoting(claims),
                plan,
            ),
            replier=Replier(database, clock, rng, arms, drafter, claims, replies),
            drafter=drafter,
            content_store=content_store,
            budget=budget,
            spool=spool,
            arms=arms,
            heard=heard,
            account=account,
        )


def _hear(heard: list[Event], stamped: Stamped) -> None:
    heard.append(stamped.event)


async def offer(
    database: Database,
    clock: Clock,
    posts: Sequence[str],
    *,
    invited: bool = True,
    account_id: str = ACCOUNT.id,
) -> None:
    """Open opportunities ``o0``, ``o1`` … (posts 9000, 9001 …), each by its own author, best first."""
    found = [
        Opportunity(
            id=f"o{number}",
            account_id=account_id,
            post_id=str(9000 + number),
            author=f"reader{number}",
            text=text,
            url="u",
            posted_at=clock.now() - timedelta(minutes=5),
            found_at=clock.now(),
            state=OpportunityState.FOUND,
            source="mentions" if invited else "search",
            invited=invited,
            score=float(len(posts) - number),
        )
        for number, text in enumerate(posts)
    ]
    async with database.begin("test.offer") as connection:
        await opportunities.add(connection, found)
