"""How fast the database answers: counted by task, judged by the last minute."""

from __future__ import annotations

from datetime import timedelta

from stonechat.database.connection.connections import Stopwatch
from stonechat.database.connection.latency import BOUNDS, FEW, OTHER, TASKS, LatencyTracker
from tests.support.clock import ManualClock
from tests.support.meters import shown

LIMIT = timedelta(seconds=1)


async def test_slow_work_is_named_worst_first_and_forgotten_after_a_minute() -> None:
    clock = ManualClock()
    tracker = LatencyTracker(LIMIT, clock)
    for seconds in (1.5, 4.0, 0.9, 1.0, 2.0):
        tracker.note("content.store", seconds, "content/planner.py:12", "content.plan/ann@9")
        await clock.advance(seconds=1)
    latency = tracker.latency()
    assert (latency.transactions, latency.slow, latency.overloaded) == (5, 3, True)
    assert [slow.took.total_seconds() for slow in latency.slowest] == [4.0, 2.0, 1.5]
    assert "3 of 5 transactions within a minute waited more than 1 s" in str(latency)
    assert "content.store in content.plan/ann@9 took 4.0 s" in str(latency)
    assert "content/planner.py:12" in str(latency)
    await clock.advance(seconds=60)
    latency = tracker.latency()
    assert (latency.transactions, latency.slow, latency.slowest, latency.overloaded) == (0, 0, (), False)


def test_one_large_piece_of_work_or_a_small_share_is_not_the_databases_trouble() -> None:
    tracker = LatencyTracker(LIMIT, ManualClock())
    for _ in range(FEW - 1):
        tracker.note("learning.train", 9, "here", "")
    assert not tracker.latency().overloaded
    for _ in range(97):
        tracker.note("posting.next", 0.001, "here", "")
    for _ in range(2):
        tracker.note("learning.train", 9, "here", "")
    assert not tracker.latency().overloaded  # 4 of 101
    tracker.note("learning.train", 9, "here", "")
    tracker.note("learning.train", 9, "here", "")
    assert tracker.latency().overloaded  # 6 of 103


def test_the_times_of_each_task_fill_buckets_that_grow() -> None:
    tracker = LatencyTracker(LIMIT, ManualClock())
    for seconds in (0.001, 0.005, 0.3, 1.0, 99.0):
        tracker.note("content.store", seconds, "here", "")
    said = shown(*tracker.meters())
    assert [
        said[f'database_transaction_seconds_bucket{{le="{edge}",task="content.store"}}'] for edge in BOUNDS
    ] == [
        2,
        2,
        2,
        3,
        4,
        4,
        4,
        4,
    ]
    assert said['database_transaction_seconds_count{task="content.store"}'] == 5
    assert round(said['database_transaction_seconds_sum{task="content.store"}'], 3) == 100.306
    assert said['database_slow_transactions_total{task="content.store"}'] == 1


def test_there_are_never_more_than_so_many_tasks() -> None:
    tracker = LatencyTracker(LIMIT, ManualClock())
    for number in range(2 * TASKS):
        tracker.note(f"task.{number}", 0.1, "here", "")
    counts = {
        name: count
        for name, count in shown(*tracker.meters()).items()
        if name.startswith("database_transaction_seconds_count")
    }
    assert len(counts) == TASKS + 1
    assert counts[f'database_transaction_seconds_count{{task="{OTHER}"}}'] == TASKS


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
