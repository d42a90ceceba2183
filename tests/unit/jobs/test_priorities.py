"""Who goes first, and that nobody waits for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stonechat.config.settings import JobsSettings
from stonechat.jobs.job import POSTING, Job, JobContext, JobPriority, Resource, Work
from stonechat.jobs.scheduling.due_runs import PRIORITY_DELAYS, DueRuns
from stonechat.jobs.service import runs_url_beside
from stonechat.jobs.worker import places

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


def _kind(kind: JobPriority, **more: object) -> Job:
    values: dict[str, object] = {"every": 12 * HOUR, "priority": kind, "per_account": False, **more}
    return Job(f"a.{kind.value}", _nothing, **values)  # type: ignore[arg-type]


def _order(jobs: list[Job], now: datetime, room: int = 100) -> list[str]:
    due_runs = DueRuns({job.name: job for job in jobs}, {})
    due_runs.serve([], START)
    left = iter(range(room))
    found = due_runs.look(
        now, busy=lambda _: False, held=lambda *_: None, admits=lambda _: next(left, None) is not None
    )
    return [run.job.name for run in found.runs]


def test_of_runs_that_fall_due_at_once_the_higher_priority_goes_first() -> None:
    order = ["a.post", "a.reply", "a.metrics", "a.harvest", "a.background"]
    jobs = [_kind(kind) for kind in reversed(JobPriority)]
    assert _order(jobs, START + 12 * HOUR) == order
    assert _order(jobs, START + 12 * HOUR, room=2) == order[:2], "the others have to wait for room"


def test_what_has_waited_longer_than_its_delay_goes_first() -> None:
    for kind, delay in PRIORITY_DELAYS.items():
        if kind is not JobPriority.POST:
            late = _kind(JobPriority.POST, stagger=delay + timedelta(minutes=1))
            assert _order([late, _kind(kind)], START + 20 * HOUR, room=1) == [f"a.{kind.value}"], "it starves"


def test_posting_has_a_queue_of_its_own_and_every_queue_is_served() -> None:
    every = timedelta(hours=1)
    for resource in Resource:
        for kind in JobPriority:
            queue = Job("a.job", _nothing, every=every, resource=resource, priority=kind).queue
            assert queue in places(JobsSettings()), "nobody takes its runs"
            assert (queue == POSTING) == (kind is JobPriority.POST)


def test_the_engine_has_a_file_of_its_own_beside_sqlite() -> None:
    assert runs_url_beside("sqlite:////var/lib/x/main.db") == "sqlite:////var/lib/x/main-jobs.db"
    assert runs_url_beside("postgresql://h/db") == "postgresql://h/db"
