"""Ticks: the same on every host, none twice, none missed against the policy, never a burst."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.errors import ConfigError
from stonechat.jobs.job import Job, JobContext, Missed, Work
from stonechat.jobs.scheduling.schedules import EPOCH, Cron, Interval, due, schedule_of

MOMENTS = st.integers(0, 3_000_000_000).map(
    lambda second: EPOCH + timedelta(seconds=second, microseconds=second)
)
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=3))
GRACE = timedelta(minutes=15)


async def _nothing(_: JobContext) -> Work:
    return Work()


def _job(run: Callable[[JobContext], Awaitable[Work]] = _nothing) -> Job:
    return Job("a.job", run)


@given(MOMENTS, SPANS, SPANS)
def test_the_tick_before_and_the_tick_after_enclose_every_moment(
    at: datetime, every: timedelta, stagger: timedelta
) -> None:
    schedule = Interval(every, stagger)
    before, after = schedule.before(at), schedule.after(at)
    assert before <= at < after
    assert after - before == every
    assert schedule.before(before) == before
    assert schedule.count(before, after) == 1


def test_hosts_that_started_at_different_times_compute_the_same_ticks() -> None:
    schedule = Interval(timedelta(hours=2), timedelta(minutes=7))
    start = datetime(2026, 1, 5, 3, 11, 42, 5, tzinfo=UTC)
    ticks = {schedule.before(start + timedelta(seconds=s)) for s in range(0, 7200, 61)}
    assert ticks == {
        datetime(2026, 1, 5, 2, 7, tzinfo=UTC),
        datetime(2026, 1, 5, 4, 7, tzinfo=UTC),
    }


def test_a_fixed_time_that_does_not_exist_runs_once_right_after_the_gap() -> None:
    schedule = Cron("30 2 * * *", "Europe/Berlin")  # 2026-03-29: 02:00 becomes 03:00
    ticks = _all(schedule, datetime(2026, 3, 28, 0, tzinfo=UTC), datetime(2026, 3, 31, 0, tzinfo=UTC))
    assert [tick.isoformat() for tick in ticks] == [
        "2026-03-28T01:30:00+00:00",
        "2026-03-29T01:00:00+00:00",
        "2026-03-30T00:30:00+00:00",
    ]


def test_a_fixed_time_that_exists_twice_runs_once() -> None:
    schedule = Cron("30 2 * * *", "Europe/Berlin")  # 2026-10-25: 03:00 becomes 02:00
    ticks = _all(schedule, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC))
    assert [tick.isoformat() for tick in ticks] == [
        "2026-10-25T00:30:00+00:00",
        "2026-10-26T01:30:00+00:00",
    ]


def test_every_half_hour_goes_on_every_half_hour_through_both_changes_of_time() -> None:
    schedule = Cron("*/30 * * * *", "America/New_York")
    for start in (datetime(2026, 3, 8, 0, tzinfo=UTC), datetime(2026, 11, 1, 0, tzinfo=UTC)):
        ticks = _all(schedule, start, start + timedelta(days=1))
        assert len(ticks) == 48
        assert {b - a for a, b in pairwise(ticks)} == {timedelta(minutes=30)}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "UTC"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "15 1,2,3 * * *", "*/20 * * * *", "0 9 * * 1-5", "0 0 1 * *"])
def test_cron_ticks_do_not_depend_on_where_one_starts_to_look(cron: str, zone: str) -> None:
    schedule = Cron(cron, zone)
    for change in (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)):
        start, end = change - timedelta(days=2), change + timedelta(days=2)
        ticks = _all(schedule, start, end)
        rng = random.Random(f"{cron}{zone}")
        for _ in range(40):
            at = start + (end - start) * rng.random()
            later = [tick for tick in ticks if tick > at]
            if later:
                assert schedule.after(at) == later[0]
            earlier = [tick for tick in ticks if tick <= at]
            if earlier:
                assert schedule.before(at) == earlier[-1]


def test_cron_agrees_with_local_time_far_from_any_change() -> None:
    schedule = Cron("5 9 * * 1", "Asia/Tokyo", timedelta(minutes=1))
    tick = schedule.after(datetime(2026, 1, 1, tzinfo=UTC))
    local = tick.astimezone(ZoneInfo("Asia/Tokyo"))
    assert (local.hour, local.minute, local.weekday()) == (9, 6, 0)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({}, "needs an interval or a cron"),
        ({"every": timedelta(hours=1), "cron": "* * * * *"}, "needs an interval or a cron"),
        ({"every": timedelta()}, "interval of 0:00:00"),
        ({"cron": "61 * * * *"}, "cron expression"),
        ({"cron": "0 0 30 2 *"}, "cron expression"),
        ({"cron": "0 9 * * *", "timezone": "Europe/Berlln"}, "time zone"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused_by_name(broken: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        schedule_of(replace(_job(), **broken))  # type: ignore[arg-type]
    assert refused.value.faults[0].name == "job a.job"
    assert says in refused.value.faults[0].problem


def test_after_a_pause_skip_runs_the_newest_tick_only_within_its_grace() -> None:
    schedule = Interval(timedelta(hours=1))
    last = datetime(2026, 1, 5, 0, tzinfo=UTC)
    on_time = due(schedule, last, last + timedelta(hours=5, minutes=14), policy=Missed.SKIP, grace=GRACE)
    late = due(schedule, last, last + timedelta(hours=5, minutes=16), policy=Missed.SKIP, grace=GRACE)
    assert (on_time.ticks, on_time.missed) == ((last + timedelta(hours=5),), 4)
    assert (late.ticks, late.missed) == ((), 5)
    assert on_time.last == late.last == last + timedelta(hours=5)


def test_after_a_year_latest_runs_one_tick_and_counts_the_rest_without_walking_them() -> None:
    last = datetime(2026, 1, 5, 0, tzinfo=UTC)
    found = due(
        Interval(timedelta(seconds=1)), last, last + timedelta(days=365), policy=Missed.LATEST, grace=GRACE
    )
    assert len(found.ticks) == 1
    assert found.missed == 365 * 86_400 - 1


@pytest.mark.parametrize("policy", list(Missed))
def test_whatever_the_clock_does_a_look_yields_at_most_one_tick_and_loses_none_against_its_policy(
    policy: Missed,
) -> None:
    """500 seeds for each policy of pauses and jumps in both directions; runs are kept by their tick."""
    for seed in range(500):
        rng = random.Random(seed)
        every = timedelta(minutes=rng.choice([1, 5, 7, 60]))
        schedule = Interval(every, timedelta(seconds=rng.randrange(60)))
        now = start = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=rng.randrange(3600))
        last, furthest = now, now
        ran: set[datetime] = set()
        for _ in range(40):
            now += every * rng.choice([rng.random(), rng.random(), rng.uniform(1, 30), -rng.uniform(0, 3)])
            found = due(schedule, last, now, policy=policy, grace=GRACE)
            assert len(found.ticks) <= 1, f"a burst (seed {seed})"
            assert all(tick <= now and tick == schedule.before(tick) for tick in found.ticks), seed
            ran.update(found.ticks)
            newest = schedule.before(now)
            if newest > last and (
                policy is Missed.LATEST or (policy is Missed.SKIP and now - newest <= GRACE)
            ):
                assert found.ticks == (newest,), f"the newest tick never ran (seed {seed})"
            last, furthest = found.last, max(furthest, now)
        while (found := due(schedule, last, furthest, policy=policy, grace=GRACE)).ticks:
            ran.update(found.ticks)
            last = found.last
        if policy is Missed.ALL:
            assert {tick for tick in ran if tick > start} == set(_all(schedule, start, furthest)), seed


def _all(schedule: Interval | Cron, after: datetime, until: datetime) -> list[datetime]:
    ticks = []
    tick = schedule.after(after)
    while tick <= until:
        ticks.append(tick)
        tick = schedule.after(tick)
    return ticks
