"""Spread: each account's ticks come later by a fixed share, which every host computes alike."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.scheduling.schedules import Schedule, schedule_of

START = datetime(2026, 3, 28, 20, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


JOB = Job("a.job", _nothing, every=5 * MINUTE, spread=5 * MINUTE)


def test_hosts_agree_and_the_ticks_of_an_account_keep_their_interval() -> None:
    schedule = schedule_of(JOB, "ann")
    assert schedule == schedule_of(JOB, "ann") != schedule_of(JOB, "bob")
    first = schedule.after(START)
    assert START < first <= START + JOB.every
    assert schedule.after(first) - first == JOB.every
    assert first.microsecond == 0, "run ids and pages show whole seconds"


def test_no_second_sees_more_than_its_share_of_a_thousand_accounts() -> None:
    ticks = Counter(schedule_of(JOB, f"account {number}").after(START) for number in range(1_000))
    assert max(ticks.values()) <= 15, "3.3 on average"
    by_minute = Counter((tick - START).seconds % 300 // 60 for tick in ticks.elements())
    assert min(by_minute.values()) > 150, "an even share is 200"


def test_a_daily_job_at_a_fixed_time_is_spread_behind_it() -> None:
    job = Job("a.job", _nothing, every=24 * HOUR, stagger=3 * HOUR, spread=60 * MINUTE)
    ticks = [schedule_of(job, f"account {number}").after(START) for number in range(100)]
    assert all(3 <= tick.hour < 4 for tick in ticks)
    assert len(set(ticks)) > 90


def test_a_job_without_spread_keeps_its_ticks() -> None:
    assert schedule_of(Job("a.job", _nothing, every=15 * MINUTE), "ann") == Schedule(15 * MINUTE)
