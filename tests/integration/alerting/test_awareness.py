"""What used to go unnoticed: provoked on a real database, and then seen on the meters and told by an alert."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from stonechat.alerting.engine import Alerting
from stonechat.alerting.state_machine import Timing
from stonechat.browser.health import PoolHealth
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, RunEnded
from stonechat.core.model import Content, ContentKind, Metrics, Opportunity, Snapshot
from stonechat.core.ports import AlertMessage
from stonechat.core.states import BreakerState, ContentState, LayerState, OpportunityState, RunState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content, metrics, opportunities
from stonechat.monitoring import HealthBoard, Meters, ProbeResult, down, ok
from stonechat.monitoring.figures import Figures
from stonechat.monitoring.loop_lag import LoopLag
from stonechat.monitoring.service_levels import CONFIRMED, MEASURED, ON_TIME
from stonechat.resilience import BreakerPolicy, open_breakers
from stonechat.startup.build_browser import judge_pool
from stonechat.startup.figures_gauges import add_figures
from stonechat.startup.health_checks import add_gauges, check_database
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT

GRACE, MATURITY = timedelta(hours=2), timedelta(hours=48)


@pytest.fixture
async def embedded(sqlite_url: str) -> AsyncIterator[Database]:
    """For what is no matter of the server: SQLite alone."""
    async with open_database(sqlite_url, DatabaseSettings(), SystemClock()) as opened:
        yield opened


class Receiver:
    name = "receiver"

    def __init__(self) -> None:
        self.got: list[AlertMessage] = []

    async def send(self, message: AlertMessage) -> None:
        self.got.append(message)

    def titles(self) -> list[str]:
        return [message.title for message in self.got]


class Watched:
    """The real checks, figures and meters over a real database, and the real alert engine."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock()
        self.events = EventStream(self.clock)
        self.board, self.meters = HealthBoard(self.clock, self.events), Meters()
        self.events.subscribe(self.meters.hear)
        self.receiver = Receiver()
        self.alerting = Alerting([self.receiver], Timing(), self.clock, self.events, self.board, host="h")
        self.figures = Figures(database, self.clock, grace=GRACE, maturity=MATURITY)
        self.lag = LoopLag(self.clock)
        add_figures(self.meters, self.figures, self.lag)
        self.alerting.connect(database=database, figures=self.figures, lag=self.lag)

    async def for_minutes(self, minutes: float) -> list[str]:
        for _ in range(round(minutes * 12)):
            await self.board.check_all()
            await self.figures.read()
            await self.alerting.look()
            await self.alerting.deliver_all()
            await self.clock.advance(seconds=5)
        return self.receiver.titles()

    def meter(self, name: str, **labels: str) -> float | None:
        return self.meters.registry.get_sample_value(f"stonechat_{name}", labels)


def post(
    number: int, at: datetime, state: ContentState, *, late: timedelta = timedelta(), **more: Any
) -> Content:
    posted = {"post_id": f"p{number}", "posted_at": at + late} if state is ContentState.POSTED else {}
    values: dict[str, Any] = {
        "id": f"c{number}",
        "account_id": ACCOUNT.id,
        "kind": ContentKind.SINGLE,
        "state": state,
        "parts": (f"Text number {number}",),
        "due_at": at,
        "created_at": at,
        "state_since": at,
        "arm": {},
    }
    return Content(**(values | posted | more))


async def fill(database: Database, now: datetime, *pieces: Content) -> None:
    async with database.begin("test.fill") as connection:
        await accounts.put(connection, ACCOUNT, now)
        for piece in pieces:
            await content.add(connection, piece, who="test")


async def test_statements_that_the_database_refuses_are_counted_by_kind_and_told(database: Database) -> None:
    watched = Watched(database)
    check_database(watched.board, database)
    watched.meters.add(*database.meters())
    assert await watched.for_minutes(1) == []
    database._failures._clock = watched.clock  # this database keeps the machine's time, the test its own
    for _ in range(3):
        with contextlib.suppress(sa.exc.DBAPIError):
            async with database.read("posting.claim") as connection:
                await connection.execute(sa.text("SELECT no_such_column FROM content_metadata"))
    assert watched.meter("database_failures_total", kind="statement") == 3
    assert await watched.for_minutes(4) == ["Database is degraded"]
    [message] = watched.receiver.got
    assert "posting.claim" in message.body and "no_such_column" in message.body and message.effect
    assert await watched.for_minutes(4) == ["Database is degraded", "Over: Database is degraded"]


async def test_posts_that_are_late_again_and_again_burn_the_budget_and_are_told(embedded: Database) -> None:
    watched = Watched(embedded)
    now = watched.clock.now()
    late = [post(n, now - timedelta(hours=20 - n), ContentState.POSTED, late=GRACE * 1.5) for n in range(4)]
    good = [post(10 + n, now - timedelta(days=2, hours=n), ContentState.POSTED) for n in range(20)]
    await fill(embedded, now, *late, *good)
    [figures] = await watched.figures.read()
    week = next(level for level in figures.levels if level.name == ON_TIME).windows["7d"]
    assert (week.good, week.bad) == (20, 4)
    labels = {"account": ACCOUNT.id, "level": ON_TIME, "window": "7d"}
    assert watched.meter("service_level_ratio", **labels) == 20 / 24
    assert (watched.meter("burn_rate", **labels) or 0) > 2
    assert (watched.meter("error_budget_left_ratio", **labels) or 1) < 0
    assert f"Too few {ON_TIME} on {ACCOUNT.id}" in await watched.for_minutes(4)


async def test_what_an_incident_has_told_is_not_told_again_as_a_service_level(embedded: Database) -> None:
    watched = Watched(embedded)
    now = watched.clock.now()
    watched.board.register("browser", _down)
    await fill(embedded, now)
    await watched.for_minutes(2)
    missed = [post(n, now + timedelta(seconds=n), ContentState.MISSED) for n in range(6)]
    await fill(embedded, now, *missed)
    watched.board.register("browser", _well)
    await watched.clock.advance(hours=3)
    titles = await watched.for_minutes(6)
    level = next(one for one in watched.figures.latest[0].levels if one.name == ON_TIME)
    assert level.windows["1d"].bad == 6 and level.untold["1d"].bad == 0
    assert not [title for title in titles if "Too few" in title], titles


async def _down() -> ProbeResult:
    return down("Chromium was killed")


async def _well() -> ProbeResult:
    return ok()


def found_at(now: datetime, *, age: timedelta) -> Opportunity:
    return Opportunity(
        id="o1",
        account_id=ACCOUNT.id,
        post_id="9000",
        author="reader",
        text="How do you sleep?",
        url="u",
        posted_at=now - age,
        found_at=now,
        state=OpportunityState.FOUND,
        source="search",
        invited=False,
        score=1.0,
        metrics=Metrics(likes=3),
    )


async def test_an_accounts_figures_are_on_the_meters(database: Database) -> None:
    watched = Watched(database)
    now = watched.clock.now()
    await fill(
        database,
        now,
        post(1, now - timedelta(hours=60), ContentState.POSTED),
        post(2, now - timedelta(hours=55), ContentState.FAILED),
        post(3, now - timedelta(hours=1), ContentState.QUEUED),
        *(post(10 + n, now + timedelta(hours=n + 1), ContentState.QUEUED) for n in range(4)),
    )
    async with database.begin("test") as connection:
        read = now - timedelta(hours=10)
        await metrics.append(connection, [Snapshot(ACCOUNT.id, "p1", "c1", read, Metrics(likes=1), "wire")])
        await opportunities.add(connection, [found_at(now, age=timedelta(hours=3))])
    await watched.figures.read()
    one = {"account": ACCOUNT.id}
    assert watched.meter("post_last_seconds", **one) == 60 * 3600
    assert watched.meter("post_overdue_seconds", **one) == 3600
    assert watched.meter("queue_days", **one) == 4 / ACCOUNT.posts_per_day
    assert watched.meter("post_success_ratio", **one, window="7d") == 0.5
    assert watched.meter("metrics_age_seconds", **one) == 10 * 3600
    assert watched.meter("model_age_seconds", **one) is None
    assert watched.meter("spend_usd", **one, period="day") == 0
    pool = [s for m in watched.meters.registry.collect() if "opportunity_pool" in m.name for s in m.samples]
    assert [(sample.labels["age"], sample.value) for sample in pool] == [("1 to 6 h", 1)]
    levels = {level.name: level.windows["7d"] for level in watched.figures.latest[0].levels}
    assert (levels[CONFIRMED].good, levels[CONFIRMED].bad) == (1, 0)
    assert (levels[MEASURED].good, levels[MEASURED].bad) == (1, 0)


async def test_a_breaker_that_opens_is_counted_and_told_and_so_is_one_that_stays_open(
    embedded: Database,
) -> None:
    watched = Watched(embedded)
    async with open_breakers(embedded, watched.clock, watched.events, random.Random(1)) as breakers:
        add_gauges(watched.meters, embedded, breakers, watched.board)
        guard = breakers.add("model/first", BreakerPolicy(consecutive=2))

        for _ in range(2):
            with contextlib.suppress(Transient):
                async with guard.call():
                    raise Transient("no answer")
        watched.alerting.connect(breakers=breakers.status)
        assert watched.meter("breaker_open", breaker="model/first") == 1
        opened = {"breaker": "model/first", "after": BreakerState.OPEN.value}
        assert watched.meter("breaker_changed_total", **opened) == 1
        assert "The breaker model/first is open" in await watched.for_minutes(2)
        stuck = await watched.for_minutes(30)
        assert any(title.startswith("The breaker model/first has been open for") for title in stuck), stuck


async def test_a_process_that_comes_late_to_everything_is_told(embedded: Database) -> None:
    watched = Watched(embedded)
    for _ in range(60):
        watched.lag.note(2.5)
    assert watched.meter("event_loop_lag_seconds") == 2.5
    assert any("The process is slow" in title for title in await watched.for_minutes(4))


async def test_errors_that_end_runs_are_counted_by_layer_and_kind(embedded: Database) -> None:
    watched = Watched(embedded)
    for kind in ("Transient", "PageChanged", "PageChanged"):
        failed = RunEnded(
            job="scraping.metrics",
            run_id="r",
            state=RunState.FAILED,
            took=timedelta(seconds=1),
            error="it failed",
            error_kind=kind,
        )
        watched.events.emit(failed)
    assert watched.meter("errors_total", layer="scraping", kind="PageChanged") == 2
    shown = watched.meters.text().decode()
    assert "process_cpu_seconds_total" in shown and "process_resident_memory_bytes" in shown


def test_a_queue_that_is_too_deep_and_memory_that_is_not_kept_to_are_trouble_of_the_browser() -> None:
    def pool(**more: Any) -> PoolHealth:
        now = ManualClock().wall()
        values: dict[str, Any] = {
            "up": True, "why": "", "version": "1", "since": now, "contexts": 3, "limit": 3, "leases": (),
            "queued": {}, "longest_wait": timedelta(),
        }  # fmt: skip
        return PoolHealth(**(values | more))

    assert judge_pool(pool(queued={"publish": 30})).state is LayerState.OK
    deep = judge_pool(pool(queued={"publish": 20, "read": 11}))
    assert deep.state is LayerState.DEGRADED and "31 operations wait" in deep.cause and deep.remedy
    fat = judge_pool(pool(memory_bytes=900_000_000), memory_limit_mb=700)
    assert fat.state is LayerState.DEGRADED and "900 MB" in fat.cause and fat.remedy
