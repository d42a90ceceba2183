"""Breakers on a real database: shared by hosts, kept over restarts, closed by their own probes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import NotTried, SessionTrouble, Transient
from stonechat.core.events import BreakerChanged, EventStream, Stamped
from stonechat.core.states import BreakerState, SessionState
from stonechat.database import Database, open_database
from stonechat.database.repositories import state_history
from stonechat.owner import Door, Owner
from stonechat.owner import breakers as by_hand
from stonechat.resilience import Breaker, BreakerOpen, BreakerPolicy, Breakers, open_breakers
from stonechat.resilience.host_view import CallResult
from stonechat.resilience.store import DatabaseBreakers
from tests.support.waiting import eventually

QUICK = BreakerPolicy(
    consecutive=3,
    first_wait=timedelta(milliseconds=50),
    longest_wait=timedelta(milliseconds=200),
    probe_lease=timedelta(milliseconds=300),
)
CLOCK = SystemClock()


@pytest.fixture
async def database(any_database_url: str) -> AsyncIterator[Database]:
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as opened:
        yield opened


def robin(database: Database) -> Owner:
    """The owner at a terminal."""
    return Owner(database, CLOCK, "robin", Door.COMMAND_LINE)


class Guarded:
    """Something that is well, sick or hangs."""

    def __init__(self) -> None:
        self.mood = "well"
        self.probes = 0

    async def probe(self) -> None:
        self.probes += 1
        while self.mood == "hangs":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if self.mood != "hangs":
                    raise
        if self.mood == "sick":
            raise Transient("still sick")


async def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        with pytest.raises(Transient):
            async with breaker.call():
                raise Transient("no answer")


def unshared(events: EventStream | None = None) -> Breakers:
    return Breakers(None, CLOCK, events or EventStream(CLOCK), random.Random(1))


async def test_it_opens_refuses_and_closes_by_its_own_probe_once_all_is_well(database: Database) -> None:
    events = EventStream(CLOCK)
    seen: list[Stamped] = []
    events.subscribe(seen.append)
    guarded = Guarded()
    async with open_breakers(database, CLOCK, events, random.Random(1)) as breakers:
        breaker = breakers.add("thing", QUICK, guarded.probe)
        guarded.mood = "sick"
        await fail(breaker)
        with pytest.raises(BreakerOpen):
            async with breaker.call():
                raise AssertionError("must not be reached")
        await eventually(lambda: guarded.probes >= 2)
        assert breaker.state is not BreakerState.CLOSED
        guarded.mood = "well"
        await eventually(lambda: breaker.state is BreakerState.CLOSED)
    changes = [stamped.event for stamped in seen if isinstance(stamped.event, BreakerChanged)]
    assert changes[0].why == "3 failures in a row: no answer"
    after = [change.after for change in changes]
    assert after[:2] == [BreakerState.OPEN, BreakerState.HALF_OPEN]
    assert after[-2:] == [BreakerState.HALF_OPEN, BreakerState.CLOSED]
    async with database.read("test") as connection:
        stored = [change.after for change in await state_history.of(connection, "breaker", "thing")]
    assert stored == [state.value for state in after]


async def test_a_probe_that_hangs_and_ignores_its_cancellation_holds_nothing_up(database: Database) -> None:
    guarded = Guarded()
    async with open_breakers(database, CLOCK, EventStream(CLOCK), random.Random(1)) as breakers:
        breaker = breakers.add("thing", QUICK, guarded.probe)
        guarded.mood = "hangs"
        await fail(breaker)
        await eventually(lambda: guarded.probes >= 2)
        guarded.mood = "well"
        await eventually(lambda: breaker.state is BreakerState.CLOSED)


async def test_another_host_and_a_restarted_one_see_it_open(database: Database) -> None:
    slow = BreakerPolicy(consecutive=3, first_wait=timedelta(minutes=5))
    hosts = [
        Breakers(DatabaseBreakers(database, CLOCK), CLOCK, EventStream(CLOCK), random.Random(n))
        for n in range(2)
    ]
    first, second = (host.add("thing", slow) for host in hosts)
    await fail(first)
    assert second.status().state is BreakerState.CLOSED
    await hosts[1].sync()
    assert second.status().state is BreakerState.OPEN
    assert second.status().why == first.status().why


async def test_two_hosts_never_probe_at_once(database: Database) -> None:
    running, most = 0, 0

    async def probe() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        raise Transient("still sick")

    hosts = [
        Breakers(DatabaseBreakers(database, CLOCK), CLOCK, EventStream(CLOCK), random.Random(n))
        for n in range(3)
    ]
    breakers = [host.add("thing", QUICK, probe) for host in hosts]
    await fail(breakers[0])
    for host in hosts:
        await host.sync()

    async def turn() -> bool:
        await asyncio.gather(*(breaker.tick() for breaker in breakers))
        for host in hosts:
            await host.sync()
        return breakers[0].status().openings >= 4

    await eventually(turn)
    assert most == 1
    for host in hosts:
        await host.aclose()


async def test_a_forced_state_holds_over_a_restart_and_says_who_and_why(database: Database) -> None:
    store = DatabaseBreakers(database, CLOCK)
    before = Breakers(store, CLOCK, EventStream(CLOCK), random.Random(1))
    before.add("thing", QUICK)
    await before.sync()
    await by_hand.force(robin(database), "thing", "open", why="maintenance")
    after = Breakers(store, CLOCK, EventStream(CLOCK), random.Random(1))
    breaker = after.add("thing", QUICK)
    await after.sync()
    assert (breaker.state, breaker.status().who, breaker.status().why) == (
        BreakerState.FORCED_OPEN,
        "robin (command line)",
        "maintenance",
    )
    with pytest.raises(BreakerOpen, match="breakers release thing"):
        async with breaker.call():
            raise AssertionError("must not be reached")


async def test_without_a_probe_of_its_own_the_next_call_is_the_probe() -> None:
    breaker = unshared().add("thing", QUICK)
    await fail(breaker)

    async def passes() -> bool:
        try:
            async with breaker.call() as call:
                return call.probing
        except BreakerOpen:
            return False

    await eventually(passes)
    assert breaker.state is BreakerState.CLOSED


async def test_a_session_that_is_refused_does_not_count_against_the_network() -> None:
    breaker = unshared().add("thing", QUICK)
    for _ in range(10):
        with pytest.raises(SessionTrouble):
            async with breaker.call():
                raise SessionTrouble(SessionState.EXPIRED, "log in again")
    assert breaker.state is BreakerState.CLOSED


async def test_a_breaker_further_down_that_is_open_does_not_open_the_one_above() -> None:
    breakers = unshared()
    above, below = breakers.add("posting", QUICK), breakers.add("browser", QUICK)
    await fail(below)
    for _ in range(10):
        with pytest.raises(BreakerOpen):
            async with above.call(), below.call():
                raise AssertionError("must not be reached")
    assert above.state is BreakerState.CLOSED
    assert above.status().failures == 0


async def test_a_probe_that_could_not_even_be_tried_says_nothing_and_is_made_again_soon() -> None:
    breakers = unshared()
    below = Guarded()

    async def probe() -> None:
        below.probes += 1
        if below.mood == "busy":
            raise NotTried("no room")

    breaker = breakers.add("thing", QUICK, probe)
    await fail(breaker)
    openings = breaker.status().openings
    below.mood = "busy"
    ticking = asyncio.create_task(tick(breaker))
    await eventually(lambda: below.probes >= 3)
    assert breaker.status().openings == openings, "no failed probe was counted, so the wait did not grow"
    below.mood = "well"
    await eventually(lambda: breaker.state is BreakerState.CLOSED, within=2)
    ticking.cancel()


async def tick(breaker: Breaker) -> None:
    while True:
        await breaker.tick()
        await asyncio.sleep(0.01)


async def test_a_call_may_bring_a_judge_of_its_own() -> None:
    breaker = unshared().add("thing", QUICK)
    for _ in range(10):
        with pytest.raises(Transient):
            async with breaker.call(lambda _: CallResult.PASSED):
                raise Transient("the site says no")
    assert breaker.state is BreakerState.CLOSED
    assert breaker.status().calls == 10


async def test_an_outcome_that_is_a_value_can_count_as_a_failure() -> None:
    breaker = unshared().add("thing", QUICK)
    for _ in range(3):
        async with breaker.call() as call:
            call.failed("unconfirmed")
    assert breaker.state is BreakerState.OPEN


async def test_a_cancelled_call_counts_as_nothing() -> None:
    breaker = unshared().add("thing", QUICK)

    async def hang() -> None:
        async with breaker.call():
            await asyncio.Event().wait()

    for _ in range(10):
        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert breaker.status().calls == 0


async def test_what_the_operator_wants_holds_although_another_host_was_first(database: Database) -> None:
    store = DatabaseBreakers(database, CLOCK)
    hosts = [Breakers(store, CLOCK, EventStream(CLOCK), random.Random(n)) for n in range(2)]
    busy, ours = (host.add("thing", QUICK) for host in hosts)
    await fail(busy)
    await by_hand.force(robin(database), "thing", "closed", why="I know better")
    await fail(ours)
    stored = (await store.load())["thing"]
    assert (stored.state, stored.who) == (BreakerState.FORCED_CLOSED, "robin (command line)")
    for host in hosts:
        await host.sync()
    assert {busy.state, ours.state} == {BreakerState.FORCED_CLOSED}
