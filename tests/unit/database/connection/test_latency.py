"""How fast the database answers: counted by task, judged by the last minute."""

from __future__ import annotations

from datetime import timedelta

from stonechat.database.connection.connections import Stopwatch
from stonechat.database.connection.latency import BOUNDS, FEW, OTHER, TASKS, LatencyTracker
from tests.support.clock import ManualClock

LIMIT = timedelta(seconds=1)


async def test_slow_work_is_named_worst_first_and_forgotten_after_a_minute() -> None:
    clock = ManualClock()
    pacer = LatencyTracker(LIMIT, clock)
    for seconds in (1.5, 4.0, 0.9, 1.0, 2.0):
        pacer.note("content.store", seconds, "content/planner.py:12", "content.plan/ann@9")
        await clock.advance(seconds=1)
    pace = pacer.pace()
    assert (pace.transactions, pace.slow, pace.overloaded) == (5, 3, True)
    assert [slow.took.total_seconds() for slow in pace.slowest] == [4.0, 2.0, 1.5]
    assert "3 of 5 transactions within a minute waited more than 1 s" in str(pace)
    assert "content.store in content.plan/ann@9 took 4.0 s" in str(pace)
    assert "content/planner.py:12" in str(pace)
    await clock.advance(seconds=60)
    pace = pacer.pace()
    assert (pace.transactions, pace.slow, pace.slowest, pace.overloaded) == (0, 0, (), False)


def test_one_large_piece_of_work_or_a_small_share_is_not_the_databases_trouble() -> None:
    pacer = LatencyTracker(LIMIT, ManualClock())
    for _ in range(FEW - 1):
        pacer.note("learning.train", 9, "here", "")
    assert not pacer.pace().overloaded
    for _ in range(97):
        pacer.note("posting.next", 0.001, "here", "")
    for _ in range(2):
        pacer.note("learning.train", 9, "here", "")
    assert not pacer.pace().overloaded  # 4 of 101
    pacer.note("learning.train", 9, "here", "")
    pacer.note("learning.train", 9, "here", "")
    assert pacer.pace().overloaded  # 6 of 103


def test_the_times_of_each_task_fill_buckets_that_grow() -> None:
    pacer = LatencyTracker(LIMIT, ManualClock())
    for seconds in (0.001, 0.005, 0.3, 1.0, 99.0):
        pacer.note("content.store", seconds, "here", "")
    times = pacer.times()["content.store"]
    assert dict(zip((*BOUNDS, float("inf")), times.counts, strict=True)) == {
        0.005: 2,
        0.025: 2,
        0.1: 2,
        0.5: 3,
        1.0: 4,
        2.5: 4,
        5.0: 4,
        15.0: 4,
        float("inf"): 5,
    }
    assert times.slow == 1
    assert round(times.seconds, 3) == 100.306


def test_there_are_never_more_than_so_many_tasks() -> None:
    pacer = LatencyTracker(LIMIT, ManualClock())
    for number in range(2 * TASKS):
        pacer.note(f"task.{number}", 0.1, "here", "")
    times = pacer.times()
    assert len(times) == TASKS + 1
    assert times[OTHER].counts[-1] == TASKS


async def test_a_stopwatch_runs_only_while_an_answer_is_awaited() -> None:
    clock = ManualClock()
    watch = Stopwatch(clock.monotonic)
    watch.set(0.5)
    watch.start()
    await clock.advance(seconds=2)
    watch.stop()
    await clock.advance(seconds=30)  # its owner thinks
    assert watch.read() == 2.5
    watch.start()
    await clock.advance(seconds=1)
    assert watch.read() == 3.5  # under way
    watch.set(0)
    assert watch.read() == 0
