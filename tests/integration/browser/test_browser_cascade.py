"""Cascade C1: the pool is exhausted, breakers open, nothing is posted; one incident names the browser."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.browser import faults
from stonechat.alerting.engine import Alerting
from stonechat.alerting.state_machine import Timing
from stonechat.browser import POOL_POLICY, LeasePriority
from stonechat.config.settings import DatabaseSettings
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.network import Posted, Publication, PublishOutcome
from stonechat.core.ports import AlertMessage
from stonechat.core.states import BreakerState, LayerState
from stonechat.database import Database, open_database
from stonechat.monitoring import HealthBoard, ProbeResult, down, ok
from stonechat.networks.guarded import GuardedNetwork, Guards, prove_by_session
from stonechat.networks.x_web.plugin import PLUGIN
from stonechat.resilience import BROWSER_POLICY, POSTING_POLICY, Breakers, open_breakers
from stonechat.startup.build_browser import check_browser
from stonechat.startup.health_checks import check_breakers
from tests.integration.networks.x_web_support import Bench, open_bench
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

HANDLES = ("quietbuilder", "slowbaker", "oldgarden")
TIMING = Timing(group_wait=timedelta(seconds=10), clear_after=timedelta(seconds=15))


class Inbox:
    """A channel that keeps what it was given."""

    name = "inbox"

    def __init__(self) -> None:
        self.got: list[AlertMessage] = []

    async def send(self, message: AlertMessage) -> None:
        self.got.append(message)


@dataclass
class Scene:
    """A pool on the local network with its breakers, health board and alerting; alerts go by their own clock."""

    bench: Bench
    breakers: Breakers
    board: HealthBoard
    database: Database
    network: GuardedNetwork
    accounts: list[Account]
    inbox: Inbox = field(default_factory=Inbox)
    alert_clock: ManualClock = field(default_factory=ManualClock)
    outcomes: list[PublishOutcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alerting = Alerting(
            [self.inbox], TIMING, self.alert_clock, EventStream(self.alert_clock), self.board, host="h"
        )
        self.alerting.connect(database=self.database, breakers=self.breakers.status)
        self.board.register("posting", self._posting)

    async def _posting(self) -> ProbeResult:
        refused = [one for one in self.outcomes[-3:] if not isinstance(one, Posted)]
        return down(f"{len(refused)} due posts did not go out") if refused else ok()

    async def post(self, account: Account) -> bool:
        number = len(self.outcomes)
        text = f"Note {number} of {account.handle}: write the first line before you read the news."
        outcome = await self.network.publish(account, Publication(parts=(text,)))
        self.outcomes.append(outcome)
        return isinstance(outcome, Posted)

    async def look(self) -> None:
        """Five seconds on the alerts' clock."""
        await self.board.check_all()
        await self.alerting.look()
        await self.alerting.deliver_all()
        await self.alert_clock.advance(seconds=5)

    def states(self) -> dict[str, BreakerState]:
        return {one.name.split("/")[0]: one.state for one in self.breakers.status()}


@contextlib.asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    waits = timedelta(seconds=2)
    async with (
        open_bench(folder, handles=HANDLES, queue_wait=waits) as bench,
        open_database(f"sqlite:///{folder}/x.db", DatabaseSettings(), bench.clock) as database,
        open_breakers(database, bench.clock, EventStream(bench.clock), random.Random(1)) as breakers,
    ):
        accounts = [Account(id=f"x:{handle}", network="x_web", handle=handle) for handle in HANDLES]
        bench.pool.guard(breakers.add("browser/h", POOL_POLICY, bench.pool.prove))
        prove = partial(prove_by_session, bench.network, accounts[0])
        guards = Guards(
            breakers.add("network/x_web", BROWSER_POLICY, prove),
            breakers.add("posting/x_web", POSTING_POLICY),
        )
        network = GuardedNetwork(
            bench.network,
            PLUGIN.text,
            lambda _: guards,
        )
        board = HealthBoard(bench.clock, EventStream(bench.clock))
        check_browser(board, bench.pool)
        check_breakers(board, breakers)
        yield Scene(bench, breakers, board, database, network, accounts)


async def hog(scene: Scene, name: str, over: asyncio.Event) -> None:
    """Holds a context with a page that never answers, again and again."""
    while not over.is_set():
        with contextlib.suppress(Transient):
            limit = timedelta(seconds=3)
            async with scene.bench.pool.lease(
                name, priority=LeasePriority.POST, task="hog", deadline=limit
            ) as lease:
                await faults.hang(lease)
        await asyncio.sleep(0.05)


async def test_an_exhausted_pool_is_one_incident_and_full_speed_returns_within_a_minute(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as stage:
        assert [await stage.post(account) for account in stage.accounts] == [True] * len(HANDLES)
        over = asyncio.Event()
        hogs = [asyncio.create_task(hog(stage, f"hog {number}", over)) for number in range(6)]
        await eventually(lambda: len(stage.bench.pool.health().leases) == 3)

        # Exhausted: nobody is served; that is the browser's trouble and nobody else's.
        posts = [asyncio.create_task(stage.post(account)) for account in stage.accounts]

        async def told() -> bool:
            await stage.look()
            return bool(stage.inbox.got)

        async def exhausted() -> bool:
            await stage.board.check_all()
            return stage.board.layer("browser").state is LayerState.DOWN

        await eventually(exhausted)
        assert "every context is in use" in stage.board.layer("browser").cause
        assert await asyncio.gather(*posts) == [False] * len(HANDLES)
        assert stage.states()["posting"] is BreakerState.CLOSED

        # The hung pages fail one by one: the browser's breaker opens, the others have nothing to count.
        await eventually(lambda: stage.states()["browser"] is BreakerState.OPEN, within=30)
        assert [await stage.post(account) for account in stage.accounts] == [False] * len(HANDLES)
        assert stage.states() | {"browser": None} == {
            "browser": None,
            "network": BreakerState.CLOSED,
            "posting": BreakerState.CLOSED,
        }
        await eventually(told, within=30, every=0.2)
        assert [message.title for message in stage.inbox.got] == ["Browser is down"]
        assert "Posting is down" in stage.inbox.got[0].body

        over.set()
        ended = time.monotonic()
        for one in hogs:
            one.cancel()
        await asyncio.gather(*hogs, return_exceptions=True)

        async def all_post() -> bool:
            return all(await asyncio.gather(*(stage.post(account) for account in stage.accounts)))

        await eventually(all_post, within=60, every=0.2)
        assert time.monotonic() - ended < 60
        assert [await all_post() for _ in range(3)] == [True] * 3
        assert set(stage.states().values()) == {BreakerState.CLOSED}
        for _ in range(8):
            await stage.look()
        assert [message.status for message in stage.inbox.got] == ["firing", "resolved"]
        live = [row for row in stage.bench.ledger() if row.author in HANDLES]
        assert len(live) == sum(isinstance(one, Posted) for one in stage.outcomes)
