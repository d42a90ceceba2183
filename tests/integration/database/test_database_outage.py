"""The database server is gone for a while: told at once, quietly, and found again without help."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import text

from stonechat.cache import open_cache
from stonechat.config.loader import load
from stonechat.config.settings import CacheSettings, DatabaseSettings, LearningSettings, Settings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream
from stonechat.core.states import BreakerState, ContentState, LayerState
from stonechat.database import Database, open_database
from stonechat.learning.learner import Learner
from stonechat.monitoring.outcome import posts_flow
from stonechat.networks.guarded import GuardedNetwork, Guards
from stonechat.resilience import BROWSER_POLICY, POSTING_POLICY, open_breakers
from stonechat.startup.boot import Boot
from stonechat.startup.boot_context import BootContext, open_base
from stonechat.startup.build_foundations import start_database, start_health_server
from tests.support.alerting import Inbox, Watch
from tests.support.clock import ManualClock
from tests.support.network import FakeNetwork
from tests.support.networks import KNOWN
from tests.support.posting import ACCOUNT, RunContext, desk_on, piece
from tests.support.processes import Reaper, free_port
from tests.support.servers import postgres
from tests.support.waiting import eventually
from tests.unit.config.test_loader import GOOD

CLOCK = SystemClock()

AWAY = float(os.environ.get("STONECHAT_OUTAGE_SECONDS", "10"))
"""How long the server is away; the full exercise is 60."""

CALLERS = 20
LINES = 50


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[object]]:
    """Everything that is logged, by the drivers and by us, unthrottled."""
    caplog.set_level(logging.INFO)
    with structlog.testing.capture_logs() as ours:
        yield _Both(caplog.records, ours)


class _Both(list[object]):
    def __init__(self, records: list[logging.LogRecord], ours: Sequence[object]) -> None:
        super().__init__()
        self._records, self._ours = records, ours

    def __len__(self) -> int:
        return len(self._records) + len(self._ours)


async def test_a_server_that_is_away_is_told_at_once_and_found_again(
    reaper: Reaper, lines: list[object]
) -> None:
    with postgres(reaper) as server:
        settings = DatabaseSettings(pool_size=8)
        async with open_database(server.url(), settings, SystemClock()) as database:
            async with database.begin("test.table") as connection:
                await connection.execute(text("CREATE TABLE kept (id int)"))
            await asyncio.gather(*(database.ping() for _ in range(CALLERS)))
            before = len(lines)
            with server.away():
                slowest = await _ask_for(database, AWAY)
                assert len(lines) - before <= LINES
            back = time.monotonic()
            while time.monotonic() - back < 15:
                try:
                    async with database.begin("test.after") as connection:
                        await connection.execute(text("INSERT INTO kept VALUES (1)"))
                    break
                except Transient:
                    await asyncio.sleep(0.05)
            assert time.monotonic() - back < 5
            await asyncio.gather(*(database.ping() for _ in range(CALLERS)))
            assert database.pool().in_use == 0
        assert slowest < 3
        assert server.execute("SELECT count(*) FROM kept") == [(1,)]


async def _ask_for(database: Database, seconds: float) -> float:
    """Many ask all the time and are refused, each time; the longest that one waited for its refusal."""
    end = time.monotonic() + seconds
    slowest = 0.0

    async def caller() -> None:
        nonlocal slowest
        while time.monotonic() < end:
            began = time.monotonic()
            with pytest.raises(Transient) as refusal:
                await database.ping()
            assert refusal.value.remedy
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.2)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return slowest


async def test_the_loss_is_one_incident_the_last_model_serves_and_due_posts_go_out_after_it(
    reaper: Reaper, inbox: Inbox
) -> None:
    """Cascade C2, with what the layers above do meanwhile."""
    limits = DatabaseSettings(pool_size=4)
    with postgres(reaper) as server:
        async with (
            open_database(server.url(), limits, CLOCK) as database,
            open_cache(CacheSettings(), CLOCK, EventStream(CLOCK)) as cache,
            open_breakers(database, CLOCK, EventStream(CLOCK), random.Random(1)) as breakers,
        ):
            network = FakeNetwork(CLOCK)
            site, publishing = breakers.add("site", BROWSER_POLICY), breakers.add("posting", POSTING_POLICY)
            guarded = GuardedNetwork(network, network, lambda _: Guards(site, publishing))
            desk = desk_on(database, CLOCK, network=guarded)  # type: ignore[arg-type]
            await desk.add_account(ACCOUNT)
            names = [f"p{number}" for number in range(3)]
            await desk.queue(*(piece(name, f"Post {name}.", due_at=CLOCK.now()) for name in names))
            learner = Learner(
                database, EventStream(CLOCK), LearningSettings(), lambda _: {"hook": ("a", "b")}
            )
            [before] = await learner.choose(ACCOUNT.id, random.Random(1), CLOCK.now(), 1)
            watch = Watch(inbox, database, cache)
            watch.alerting.connect(breakers=breakers.status)
            watch.board.register("posting", posts_flow(database, CLOCK))
            await watch.for_seconds(20)
            assert watch.well()
            with server.away():
                with pytest.raises(Transient):
                    await desk.sweep().sweep(RunContext(CLOCK))
                await _looks(watch, 5)
                assert inbox.titles() == ["Database is down"]
                [meanwhile] = await learner.choose(ACCOUNT.id, random.Random(1), CLOCK.now(), 1)
                assert meanwhile == before
                assert (site.state, publishing.state) == (BreakerState.CLOSED, BreakerState.CLOSED)
            back = time.monotonic()

            async def served() -> bool:
                try:
                    await desk.sweep().sweep(RunContext(CLOCK))
                except Transient:
                    return False
                return all([(await desk.find(name)).state is ContentState.POSTED for name in names])

            await eventually(served, within=30)
            assert time.monotonic() - back < 30
            assert network.texts_of(ACCOUNT) == [f"Post {name}." for name in names]
            await watch.for_seconds(60)
            assert inbox.titles() == ["Database is down", "Over: Database is down"]


async def _looks(watch: Watch, number: int) -> None:
    """Looks while the database is away, ten seconds apart on the alerts' clock."""
    for _ in range(number):
        await watch.board.check_all()
        await watch.alerting.look()
        await watch.alerting.deliver_all()
        await watch.clock.advance(seconds=10)


def _settings(folder: Path, url: str, inbox: Inbox) -> Settings:
    given = {"DATABASE_URL": url, "ALERT_WEBHOOK_URL": f"{inbox.url}/alerts", "PORT": "0"}
    return load(GOOD | given | {"DATA_DIR": str(folder)}, KNOWN, folder=folder)


async def _wait_for_it(base: BootContext, seconds: int) -> None:
    """Real time passes: the start tries again, and the alert engine looks."""
    assert isinstance(base.clock, ManualClock)
    for _ in range(0, seconds, 5):
        await base.board.check_all()
        await base.alerting.look()
        await base.clock.advance(seconds=5)


async def test_a_start_waits_for_its_database_says_so_and_goes_on_when_it_comes(
    reaper: Reaper, tmp_path: Path, inbox: Inbox
) -> None:
    clock = ManualClock()
    with postgres(reaper) as server:
        settings = _settings(tmp_path, server.url(), inbox)
        server.process.kill()
        events = EventStream(clock)
        async with Boot(clock, events) as boot:
            base = await open_base(boot, settings, clock, events, random.Random(1))
            dashboard = await start_health_server(base)
            starting = asyncio.create_task(start_database(base))
            await eventually(lambda: bool(boot.steps[-1].detail))
            await _wait_for_it(base, 180)
            async with httpx.AsyncClient(base_url=dashboard.address) as client:
                start = await client.get("/startupz")
            assert start.status_code == 503
            assert "Connection refused" in start.json()["steps"][-1]["detail"]
            await eventually(lambda: bool(inbox.got))
            assert not starting.done()
            server.process.start()

            async def begun() -> bool:
                await clock.advance(seconds=5)
                return starting.done()

            await eventually(begun)
            await (await starting).ping()
            assert base.board.layer("startup").state is LayerState.DEGRADED  # the other steps are to come
    assert inbox.titles() == ["Startup is degraded"]


async def test_a_start_gives_its_database_up_after_the_limit(tmp_path: Path, inbox: Inbox) -> None:
    clock = ManualClock()
    settings = _settings(tmp_path, f"postgresql://u:p@127.0.0.1:{free_port()}/x", inbox)
    events = EventStream(clock)
    async with Boot(clock, events) as boot:
        base = await open_base(boot, settings, clock, events, random.Random(1))
        starting = asyncio.create_task(start_database(base))

        async def given_up() -> bool:
            await clock.advance(seconds=5)
            return starting.done()

        await eventually(given_up)
        with pytest.raises(Transient) as refusal:
            await starting
        assert refusal.value.remedy
        assert clock.monotonic() < settings.database.start_limit.total_seconds() + 30
