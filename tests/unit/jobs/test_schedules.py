"""Ticks: the same on every host, none twice, none missed against the policy, never a burst."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.jobs.job import Missed
from stonechat.jobs.scheduling.schedules import EPOCH, Schedule, due

MOMENTS = st.integers(0, 3_000_000_000).map(
    lambda second: EPOCH + timedelta(seconds=second, microseconds=second)
)
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=3))
GRACE = timedelta(minutes=15)


@given(MOMENTS, SPANS, SPANS)
def test_the_tick_before_and_the_tick_after_enclose_every_moment(
    at: datetime, every: timedelta, stagger: timedelta
) -> None:
    schedule = Schedule(every, stagger)
    before, after = schedule.before(at), schedule.after(at)
    assert before <= at < after
    assert after - before == every
    assert schedule.before(before) == before
    assert schedule.count(before, after) == 1


def test_hosts_that_started_at_different_times_compute_the_same_ticks() -> None:
    schedule = Schedule(timedelta(hours=2), timedelta(minutes=7))
    start = datetime(2026, 1, 5, 3, 11, 42, 5, tzinfo=UTC)
    ticks = {schedule.before(start + timedelta(seconds=s)) for s in range(0, 7200, 61)}
    assert ticks == {
        datetime(2026, 1, 5, 2, 7, tzinfo=UTC),
        datetime(2026, 1, 5, 4, 7, tzinfo=UTC),
    }


def test_after_a_pause_skip_runs_the_newest_tick_only_within_its_grace() -> None:
    schedule = Schedule(timedelta(hours=1))
    last = datetime(2026, 1, 5, 0, tzinfo=UTC)
    on_time = due(schedule, last, last + timedelta(hours=5, minutes=14), policy=Missed.SKIP, grace=GRACE)
    late = due(schedule, last, last + timedelta(hours=5, minutes=16), policy=Missed.SKIP, grace=GRACE)
    assert (on_time.tick, on_time.missed) == (last + timedelta(hours=5), 4)
    assert (late.tick, late.missed) == (None, 5)
    assert on_time.last == late.last == last + timedelta(hours=5)


def test_after_a_year_latest_runs_one_tick_and_counts_the_rest_without_walking_them() -> None:
    last = datetime(2026, 1, 5, 0, tzinfo=UTC)
    found = due(
        Schedule(timedelta(seconds=1)), last, last + timedelta(days=365), policy=Missed.LATEST, grace=GRACE
    )
    assert found.tick is not None
    assert found.missed == 365 * 86_400 - 1


@pytest.mark.parametrize("policy", list(Missed))
def test_whatever_the_clock_does_a_look_yields_at_most_one_tick_and_loses_none_against_its_policy(
    policy: Missed,
) -> None:
    """500 seeds for each policy of pauses and jumps in both directions; runs are kept by their tick."""
    for seed in range(500):
        rng = random.Random(seed)
        every = timedelta(minutes=rng.choice([1, 5, 7, 60]))
        schedule = Schedule(every, timedelta(seconds=rng.randrange(60)))
        now = start = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=rng.randrange(3600))
        last, furthest = now, now
        ran: set[datetime] = set()
        for _ in range(40):
            now += every * rng.choice([rng.random(), rng.random(), rng.uniform(1, 30), -rng.uniform(0, 3)])
            found = due(schedule, last, now, policy=policy, grace=GRACE)
            if found.tick is not None:
                assert found.tick <= now and found.tick == schedule.before(found.tick), seed
                ran.add(found.tick)
            newest = schedule.before(now)
            if newest > last and (
                policy is Missed.LATEST or (policy is Missed.SKIP and now - newest <= GRACE)
            ):
                assert found.tick == newest, f"the newest tick never ran (seed {seed})"
            last, furthest = found.last, max(furthest, now)
        while (found := due(schedule, last, furthest, policy=policy, grace=GRACE)).tick:
            ran.add(found.tick)
            last = found.last
        if policy is Missed.ALL:
            assert {tick for tick in ran if tick > start} == set(_all(schedule, start, furthest)), seed


def _all(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    ticks = []
    tick = schedule.after(after)
    while tick <= until:
        ticks.append(tick)
        tick = schedule.after(tick)
    return ticks
