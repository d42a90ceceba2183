"""Jitter: ticks come later by amounts that every host computes alike."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.scheduling.schedules import Schedule, schedule_of

START = datetime(2026, 3, 28, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


def _moved(schedule: Schedule, until: datetime) -> list[datetime]:
    found = [schedule.after(START)]
    while found[-1] <= until:
        found.append(schedule.after(found[-1]))
    return found


def test_each_tick_comes_later_by_its_own_amount_and_never_by_more_than_the_jitter() -> None:
    plain, width = Schedule(15 * MINUTE), 10 * MINUTE
    ticks = _moved(replace(plain, jitter=width, seed="a.job/ann"), START + timedelta(days=2))
    lags = [tick - plain.before(tick) for tick in ticks]
    assert all(timedelta() <= lag < width for lag in lags)
    assert len(set(lags)) == len(lags), "the same amount twice"
    assert min(lags) < width * 0.1 and max(lags) > width * 0.9, "drawn from a part of the range only"


def test_hosts_agree_and_accounts_differ() -> None:
    job = Job("a.job", _nothing, every=15 * MINUTE, jitter=10 * MINUTE)
    ann, bob = (schedule_of(job, account).after(START) for account in ("ann", "bob"))
    assert ann == schedule_of(job, "ann").after(START)
    assert ann != bob


def test_a_job_without_jitter_keeps_its_ticks() -> None:
    assert schedule_of(Job("a.job", _nothing, every=15 * MINUTE), "ann") == Schedule(15 * MINUTE)


def test_before_after_and_count_agree_with_each_other() -> None:
    """What a look asks of a schedule, against the row of its ticks, at random moments."""
    schedules = [
        Schedule(5 * MINUTE, jitter=5 * MINUTE - timedelta(seconds=1), seed="a.job/0"),
        Schedule(60 * MINUTE, 7 * MINUTE, 30 * MINUTE, "a.job/1"),
        Schedule(24 * 60 * MINUTE, 150 * MINUTE, 120 * MINUTE, "a.job/2"),
        Schedule(20 * MINUTE, 5 * MINUTE),
    ]
    for number, schedule in enumerate(schedules):
        ticks = _moved(schedule, START + timedelta(days=2))
        assert ticks == sorted(set(ticks))
        rng = random.Random(number)
        for _ in range(60):
            early, late = sorted(START + timedelta(days=2) * rng.random() for _ in range(2))
            assert schedule.count(early, late) == sum(early < tick <= late for tick in ticks)
            assert schedule.after(early) == next(tick for tick in ticks if tick > early)
            if ticks[0] <= late:
                assert schedule.before(late) == max(tick for tick in ticks if tick <= late)
