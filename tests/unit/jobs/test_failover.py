"""Who is taken for dead, and who may go on."""

from __future__ import annotations

from datetime import timedelta

from stonechat.database.repositories.executors import ExecutorRow
from stonechat.jobs.execution.failover import Heartbeat, silent_ones
from tests.support.clock import ManualClock

SECOND = timedelta(seconds=1)


def _gone(*seen: ExecutorRow, alive: bool = False, limit: timedelta = 5 * SECOND) -> list[str]:
    gone = silent_ones(seen, me="me", host="here", pid_alive=lambda _: alive, heartbeat=SECOND, limit=limit)
    return [row.executor_id for row in gone]


def _row(name: str, silent: float, host: str = "there") -> ExecutorRow:
    return ExecutorRow(name, host, 7, 1, timedelta(seconds=silent))


def test_a_process_that_was_heard_of_is_alive() -> None:
    assert _gone(_row("a", 4.9)) == []


def test_a_process_that_is_silent_for_too_long_is_gone() -> None:
    assert _gone(_row("a", 5.1), _row("b", 0.3)) == ["a"]


def test_this_process_never_takes_itself_for_dead() -> None:
    assert _gone(_row("me", 60)) == []


def test_a_dead_process_of_this_host_is_gone_after_two_heartbeats() -> None:
    assert _gone(_row("a", 2.5, host="here")) == ["a"]
    assert _gone(_row("a", 2.5, host="here"), alive=True) == []
    assert _gone(_row("a", 1.5, host="here")) == [], "two machines of one name, both heard of"


async def test_a_process_asks_before_it_goes_on_once_others_may_think_it_dead() -> None:
    clock = ManualClock()
    heartbeat = Heartbeat("me", clock, 5 * SECOND)
    heartbeat.beaten(clock.monotonic())
    await clock.advance(seconds=3.9)
    assert heartbeat.fresh()
    await clock.advance(seconds=0.2)
    assert not heartbeat.fresh()
    heartbeat.beaten(clock.monotonic())
    assert heartbeat.fresh()


async def test_after_an_outage_a_process_is_not_steady_until_its_heartbeats_succeed_again() -> None:
    clock = ManualClock()
    heartbeat = Heartbeat("me", clock, 5 * SECOND)
    await clock.advance(seconds=60)
    heartbeat.failed()
    await clock.advance(seconds=1)
    heartbeat.beaten(clock.monotonic())
    assert heartbeat.steady() <= SECOND


async def test_a_frozen_process_is_not_steady_when_it_wakes() -> None:
    clock = ManualClock()
    heartbeat = Heartbeat("me", clock, 5 * SECOND)
    heartbeat.beaten(clock.monotonic())
    await clock.advance(seconds=30)
    heartbeat.beaten(clock.monotonic())
    assert heartbeat.steady() == timedelta()
