"""Processes that publish on a real network and kill themselves (SIGKILL) at a given step.

``python -m tests.support.posting_lives JSON``: everything is imported once, then each life is a fork of
its own. The first life of a kind counts the steps of one publication; then one life for each step dies
there; the last ones live until all is posted. The local network's ledger is the judge, not this script.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Keyboard, Locator

from stonechat.browser import BrowserPool, open_browser_pool
from stonechat.browser.sessions import GivenSessions
from stonechat.config.settings import BrowserSettings, ContentSettings, DatabaseSettings
from stonechat.content.budget import Budget, BudgetLimits
from stonechat.content.prices import prices_of
from stonechat.core.clock import Clock, ScaledClock
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Approval, Content, ContentKind, LatePolicy
from stonechat.core.network import NetworkPost
from stonechat.core.states import ContentState
from stonechat.database import open_database
from stonechat.database.repositories import opportunities
from stonechat.harvesting.candidate_filter import CandidateFilter, opportunities_from
from stonechat.networks.x_picture_limits import refuse_pictures
from stonechat.posting.attachments import attach
from tests.support.bluesky import bluesky_at
from tests.support.mastodon import mastodon_at, token_of
from tests.support.network import foreign_post
from tests.support.networks import x_session, x_site
from tests.support.pictures import png, ready
from tests.support.posting import SETTINGS, Desk, MortalDatabase, desk_on, piece
from tests.support.x_api import x_api_at
from tests.support.x_web import MeasuringXWeb

Step = Callable[[str], None]

SHORT = SETTINGS.model_copy(
    update={
        "lease": timedelta(seconds=30),
        "click_within": timedelta(seconds=8),
        "publish_timeout": timedelta(seconds=25),
        "reconcile_grace": timedelta(seconds=1),
        "author_cooldown": timedelta(),
        "per_hour": 500,
        "replies_per_day": 500,
    }
)


@dataclass(frozen=True)
class Plan:
    """What the script was told.

    Attributes:
        pages: also die between every two steps on the page, not only around commits.
        every: of the steps found, die at each ``every``-th.
    """

    database: str
    base_url: str
    session: str
    handle: str
    folder: str
    origin: float
    kinds: tuple[str, ...]
    pages: bool = True
    every: int = 1
    adapter: str = "x_web"

    @property
    def account(self) -> Account:
        return Account(
            f"{self.adapter}:{self.handle}",
            self.adapter,
            self.handle,
            approval=Approval.NONE,
            late_policy=LatePolicy.PUBLISH,
        )


class SteppingPage:
    """A page (or a part of one) that says when each awaited call begins and ends."""

    def __init__(self, target: Any, step: Step, name: str) -> None:
        self._target = target
        self._step = step
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        name = f"{self._name}.{attribute}"
        if isinstance(value, Locator | Keyboard):
            return SteppingPage(value, self._step, name)
        if not callable(value) or attribute in ("on", "remove_listener"):
            return value

        def call(*args: Any, **named: Any) -> Any:
            result = value(*args, **named)
            if isinstance(result, Locator):
                return SteppingPage(result, self._step, name)
            return self._awaited(result, name) if inspect.isawaitable(result) else result

        return call

    async def _awaited(self, result: Any, name: str) -> Any:
        self._step(f"{name} begins")
        answer = await result
        self._step(f"{name} ended")
        return answer


class SteppingPool:
    """The browser pool, its pages watched step by step."""

    def __init__(self, pool: BrowserPool, step: Step) -> None:
        self._pool = pool
        self._step = step

    @asynccontextmanager
    async def lease(self, account_id: str, **named: Any) -> AsyncIterator[Any]:
        async with self._pool.lease(account_id, **named) as lease:
            self._step("page leased")
            yield _Lease(SteppingPage(lease.page, self._step, "page"))
        self._step("page given back")


@dataclass
class _Lease:
    page: SteppingPage


class Steps:
    """Counts the steps once armed, and ends the process, as kill -9 does, at the one that is due."""

    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.armed = False
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        if not self.armed:
            return
        self.names.append(name)
        if self.dies_at is not None and len(self.names) >= self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)


@asynccontextmanager
async def open_desk(plan: Plan, steps: Steps) -> AsyncIterator[Desk]:
    """A posting layer on the real database, and on a real browser where the network is read with one."""
    clock = ScaledClock(1.0, datetime.fromtimestamp(plan.origin, UTC), plan.origin)
    folder = Path(plan.folder)
    async with open_database(plan.database, DatabaseSettings(), clock) as database:
        mortal: Any = MortalDatabase(database, steps)
        desk = desk_on(mortal, clock, settings=SHORT, checkpoint=steps)
        if plan.adapter != "x_web":
            yield replace(desk, network=_by_api(plan, clock, mortal, desk.events))
            return
        saved = GivenSessions({plan.account.id: x_session(plan.session)}, x_site(plan.base_url))
        settings = BrowserSettings(call_timeout=timedelta(seconds=10))
        async with open_browser_pool(
            settings, clock, desk.events, sessions=saved, root=folder / "browser"
        ) as pool:
            watched: Any = SteppingPool(pool, steps) if plan.pages else pool
            network: Any = MeasuringXWeb(watched, clock, desk.events, base_url=plan.base_url)
            yield replace(desk, network=network)


def _by_api(plan: Plan, clock: Clock, database: Any, events: EventStream) -> Any:
    """A network that needs no browser; ``plan.session`` holds what it lets the account in by."""
    if plan.adapter == "bluesky":
        return bluesky_at(plan.base_url, clock, password=plan.session)
    if plan.adapter == "x_api":  # where each call's price is two commits more
        budget = Budget(database, clock, events, BudgetLimits(), prices_of(ContentSettings()))
        return x_api_at(plan.base_url, token_of(plan.session), clock, spending=budget)
    return mastodon_at(plan.base_url, token_of(plan.session), clock)


async def answered_post(plan: Plan, desk: Desk) -> NetworkPost:
    """Somebody's post that replies answer: the same for every life."""
    remembered = Path(plan.folder) / "answered"
    if not remembered.exists():
        by_mentions = plan.adapter == "x_api"  # which answers nobody else
        reading = (
            desk.network.mentions(plan.account) if by_mentions else desk.network.search(plan.account, "the")
        )
        ours = {plan.account.handle.lower(), ""}
        found = next(post for post in (await reading).posts if post.author.lower() not in ours)
        remembered.write_text(f"{found.id} {found.author}")
    post_id, author = remembered.read_text().split()
    return foreign_post(post_id, author, "…", datetime.now(UTC))


async def add_opportunity(plan: Plan, desk: Desk, post: NetworkPost) -> str:
    """The opportunity that a reply comes from: it knows whom the reply answers."""
    sieve = CandidateFilter(freshness=timedelta(days=1), invited=True)
    found = opportunities_from([post], plan.account, sieve, source="mentions", now=datetime.now(UTC))
    async with desk.database.begin("test.opportunity") as connection:
        await opportunities.add(connection, found)
    return found[0].id


def texts_of(name: str) -> tuple[str, ...]:
    """Texts of the kinds that X alters: composed letters, bare domains, signs, marks, a list behind a tag."""
    if name.startswith("thread"):
        return (
            f"{name}, one: Cafe\u0301, see README.md & docs.rs.",
            f"{name}, two \n&amp; 1\ufe0f\u20e3 for @quietbuilder",
        )
    return (
        f"{name} at the Cafe\u0301: main.rs < www.example.org/?a={len(name)}&b \u200f(\u2460) #sleep\n#focus",
    )


def a_piece(
    plan: Plan, kind: str, number: int, answered: str | None = None, opportunity_id: str | None = None
) -> Content:
    """One publication of its kind with a text of its own."""
    now = datetime.now(UTC)
    name = f"{kind} {number}"
    parts = texts_of(name)
    shape = {"reply": ContentKind.REPLY, "quote": ContentKind.QUOTE}.get(kind)
    return piece(
        name,
        *parts,
        due_at=now,
        account=plan.account,
        kind=shape,
        in_reply_to=answered if kind == "reply" else None,
        quote_of=answered if kind == "quote" else None,
        opportunity_id=opportunity_id,
    )


async def add_picture(desk: Desk, name: str, part: int) -> None:
    """A picture on that part, described with its name."""
    async with desk.database.begin("test.attach") as connection:
        await attach(
            connection,
            name,
            ready(png(50 + part)),
            f"{name}, drawn",
            part=part,
            who="owner",
            now=datetime.now(UTC),
            refuse=refuse_pictures,
        )


async def live(plan: Plan, kind: str, number: int, dies_at: int | None) -> list[str]:
    """One process: takes over what earlier ones left, then publishes one piece, or dies at a step of it."""
    steps = Steps(dies_at)
    async with open_desk(plan, steps) as desk:
        account = plan.account
        await desk.add_account(account)
        await desk.reconciler().recover(account, owner="the sweep")
        if kind in ("reply", "quote"):
            post = await answered_post(plan, desk)
            await desk.queue(a_piece(plan, kind, number, post.id, await add_opportunity(plan, desk, post)))
        else:
            await desk.queue(a_piece(plan, kind, number))
        if kind in ("picture", "thread", "quote"):
            await add_picture(desk, f"{kind} {number}", 1 if kind == "thread" else 0)
        steps.armed = True
        await desk.publisher().publish(account, f"{kind} {number}", owner="the sweep")
    return steps.names


async def settle(plan: Plan, ids: list[str]) -> list[str]:
    """A process that is left alone: looks up and publishes until everything is posted."""
    async with open_desk(plan, Steps(None)) as desk:
        account = plan.account
        end = time.monotonic() + 600
        while time.monotonic() < end:
            await desk.reconciler().recover(account, owner="the sweep")
            await desk.reconciler().reconcile(account, desk.network)
            states = {one: (await desk.find(one)).state for one in ids}
            left = [one for one, state in states.items() if state is not ContentState.POSTED]
            if not left:
                return []
            if any(states[one] is ContentState.UNCONFIRMED for one in left):
                await asyncio.sleep(0.5)  # what goes out now only pushes the profile's past out of sight
                continue
            for one in left:
                await desk.publisher().publish(account, one, owner="the sweep")
    return [f"{one}: {states[one].value}" for one in left]


def fork(work: Callable[[], Any]) -> tuple[Any, bool]:
    """Run ``work`` in a process of its own; its JSON-able result, and whether it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = json.dumps(asyncio.run(work()))
            with os.fdopen(writer, "w") as out:
                out.write(answer)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as source:
        answer = source.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None, True
    if status != 0:
        raise SystemExit(f"a life ended with {status}")
    return json.loads(answer), False


def main() -> None:
    """All lives, one after the other; prints what was killed where."""
    told = json.loads(sys.argv[1])
    plan = Plan(**{**told, "kinds": tuple(told["kinds"])})
    killed: dict[str, list[str]] = {}
    ids: list[str] = []
    for kind in plan.kinds:
        names, _ = fork(lambda kind=kind: live(plan, kind, 0, None))  # type: ignore[misc]
        ids.append(f"{kind} 0")
        killed[kind] = []
        print(f"{kind}: {len(names)} steps", file=sys.stderr, flush=True)  # noqa: T201
        for step in range(1, len(names) + 1, plan.every):
            _, died = fork(lambda kind=kind, step=step: live(plan, kind, step, step))  # type: ignore[misc]
            ids.append(f"{kind} {step}")
            if died:
                killed[kind].append(names[step - 1])
    unsettled, _ = fork(lambda: settle(plan, ids))
    print(json.dumps({"killed": killed, "ids": ids, "unsettled": unsettled}))  # noqa: T201


if __name__ == "__main__":
    main()
