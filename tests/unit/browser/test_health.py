"""Figures of the pool, and what the health page makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stonechat.browser.health import PoolHealth, Waits, waits_of
from stonechat.core.json_values import plain

HEALTH = PoolHealth(
    up=True,
    why="",
    version="156",
    since=datetime(2026, 1, 5, tzinfo=UTC),
    contexts=1,
    limit=3,
    leases=(),
    queued={"publish": 2, "search": 1},
    longest_wait=timedelta(seconds=3),
)


def test_waits_are_told_by_their_middle_their_end_and_their_worst() -> None:
    waits = waits_of([float(number) for number in range(100)])

    assert waits == Waits(100, timedelta(seconds=50), timedelta(seconds=99), timedelta(seconds=99))
    assert waits_of([]) == Waits()


def test_the_queue_s_depth_is_the_number_of_all_who_wait() -> None:
    assert HEALTH.queue_depth == 3
    assert plain(replace(HEALTH))["longest_wait"] == 3.0
