"""What a monitor thinks, decided from rows alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.states import RunState
from stonechat.database.repositories.job_progress import JobRun, RunEnd
from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.scheduling.schedules import schedule_of
from stonechat.jobs.scheduling.watchdog import Health, JobHealth, Observed, judge

NOW = datetime(2026, 1, 5, 12, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


JOB = Job("a.job", _nothing, every=HOUR, grace=timedelta(minutes=5), timeout=timedelta(minutes=5))
GOOD = JobRun(
    run_id="a.job@2026-01-05T12:00:00+00:00",
    account_id=None,
    job="a.job",
    tick=datetime(2026, 1, 5, 12, tzinfo=UTC),
    trigger="schedule",
    state=RunState.SUCCEEDED,
    host="one",
    attempt=1,
    started_at=NOW - timedelta(minutes=6),
    ended_at=NOW - timedelta(minutes=6),
    took_s=1.0,
    done=1,
    due=1,
    note="",
    error="",
)
BAD = replace(GOOD, state=RunState.FAILED, error="the page changed")
IDLE = replace(GOOD, done=0, due=7)
WATCHED = NOW - timedelta(days=1)


def _judge(
    seen: Observed, *, job: Job = JOB, before: Health = Health.HEALTHY, now: datetime = NOW
) -> JobHealth:
    return judge(job, schedule_of(job), seen, now=now, wall=now, speed=1.0, before=before)


def _seen(*ends: JobRun, **more: object) -> Observed:
    told = [RunEnd(NOW, 1.0, run.state, idle=run.done == 0 < run.due) for run in ends]
    last = ends[0] if ends else None
    known = {"ends": told, "last": last, "last_tick": GOOD.tick, "watched_since": WATCHED, **more}
    return Observed(**known)  # type: ignore[arg-type]


def test_a_job_that_ran_on_time_is_healthy() -> None:
    assert _judge(_seen(GOOD)).health is Health.HEALTHY


def test_a_job_that_never_ended_a_run_is_unknown() -> None:
    assert _judge(_seen()).health is Health.UNKNOWN


def test_a_tick_without_a_run_is_late_once_its_grace_is_over_and_is_named() -> None:
    seen = _seen(GOOD, last_tick=GOOD.tick - HOUR)
    within = _judge(seen, now=GOOD.tick + timedelta(minutes=4))
    after = _judge(seen, now=GOOD.tick + timedelta(minutes=6))
    assert (within.health, within.overdue) == (Health.HEALTHY, None)
    assert (after.health, after.overdue) == (Health.LATE, GOOD.tick)


def test_a_monitor_that_was_blind_at_the_tick_does_not_call_it_missed() -> None:
    seen = _seen(GOOD, last_tick=GOOD.tick - HOUR, watched_since=GOOD.tick + timedelta(minutes=1))
    assert _judge(seen).overdue is None


def test_a_tick_that_passed_while_a_run_was_at_work_is_not_missed() -> None:
    before = GOOD.tick - HOUR
    assert _judge(_seen(GOOD, last_tick=before, covered=GOOD.tick + timedelta(minutes=1))).overdue is None
    assert _judge(_seen(GOOD, last_tick=before, active=replace(GOOD, state=RunState.RUNNING))).overdue is None


def test_a_run_that_outlives_its_limit_is_named() -> None:
    began = NOW - timedelta(minutes=6)
    stuck = replace(GOOD, state=RunState.RUNNING, started_at=began, ended_at=None)
    verdict = _judge(_seen(GOOD, active=stuck))
    assert verdict.health is Health.LATE
    assert verdict.why == "a.job@2026-01-05T12:00:00+00:00 is at work for 360 s on one"


def test_a_run_that_nobody_begins_within_the_grace_is_late() -> None:
    def waiting(for_: timedelta) -> JobHealth:
        row = replace(GOOD, state=RunState.SCHEDULED, asked_at=NOW - for_, ended_at=None)
        return _judge(_seen(GOOD, active=row))

    assert waiting(timedelta(minutes=4)).health is Health.HEALTHY
    assert waiting(timedelta(minutes=6)).health is Health.LATE
    assert "waited for 360 s" in waiting(timedelta(minutes=6)).why


@pytest.mark.parametrize(
    ("ends", "critical", "health"),
    [
        ([BAD, BAD, GOOD], False, Health.HEALTHY),
        ([BAD, BAD, BAD, GOOD], False, Health.FAILING),
        ([IDLE, IDLE, IDLE], False, Health.FAILING),
        ([BAD, IDLE, replace(BAD, state=RunState.TIMED_OUT), GOOD], False, Health.FAILING),
        ([BAD, GOOD], True, Health.FAILING),
        ([GOOD, BAD, BAD, BAD], False, Health.HEALTHY),
        ([GOOD, BAD] * 10, False, Health.FAILING),
        ([GOOD, GOOD, GOOD, BAD] * 5, False, Health.HEALTHY),
    ],
)
def test_failures_in_a_row_or_too_often_are_failing(
    ends: list[JobRun], critical: bool, health: Health
) -> None:
    assert _judge(_seen(*ends), job=replace(JOB, critical=critical)).health is health


def test_a_failing_job_recovers_with_two_good_runs() -> None:
    assert _judge(_seen(GOOD, BAD, BAD, BAD), before=Health.FAILING).health is Health.FAILING
    assert _judge(_seen(GOOD, GOOD, BAD, BAD, BAD), before=Health.FAILING).health is Health.HEALTHY


def test_what_is_held_keeps_its_state_and_says_why() -> None:
    verdict = _judge(_seen(GOOD, last_tick=None, held="paused"), before=Health.FAILING)
    assert verdict == JobHealth(Health.FAILING, "held: paused")


def test_on_a_fast_clock_nothing_is_late_before_five_real_seconds() -> None:
    seen = _seen(GOOD, last_tick=GOOD.tick - HOUR)
    at = GOOD.tick + timedelta(minutes=50)
    verdict = judge(JOB, schedule_of(JOB), seen, now=at, wall=at, speed=1800.0, before=Health.HEALTHY)
    assert verdict.overdue is None
