"""Who goes first, and that nobody waits for ever."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from stonechat.jobs.engine.books import priority

from stonechat.jobs.job import Job, JobContext, JobPriority, Resource, Work
from stonechat.jobs.scheduling.scheduler import HANDICAPS, POSTING, QUEUES, queue_of
from stonechat.jobs.service import runs_url_beside

NOW = 1_800_000_000.0


async def _nothing(_: JobContext) -> Work:
    return Work()


def test_of_runs_asked_for_at_once_the_higher_priority_goes_first() -> None:
    order = [
        JobPriority.POST,
        JobPriority.REPLY,
        JobPriority.METRICS,
        JobPriority.HARVEST,
        JobPriority.BACKGROUND,
    ]
    numbers = [priority(HANDICAPS[kind], NOW) for kind in order]
    assert all(first < second for first, second in pairwise(numbers))
    assert min(numbers) > 0 and max(numbers) < 2**31, "outside of what the engine takes"


def test_whoever_has_waited_longer_than_its_handicap_goes_first() -> None:
    for kind, handicap in HANDICAPS.items():
        waited = priority(handicap, NOW - handicap.total_seconds() - 60)
        assert waited < priority(HANDICAPS[JobPriority.POST], NOW), f"{kind} can starve"


def test_posting_has_a_queue_of_its_own_and_every_queue_is_served() -> None:
    every = timedelta(hours=1)
    for resource in Resource:
        for kind in JobPriority:
            queue = queue_of(Job("a.job", _nothing, every=every, resource=resource, priority=kind))
            assert queue in QUEUES
            assert (queue == POSTING) == (kind is JobPriority.POST)


def test_the_engine_has_a_file_of_its_own_beside_sqlite() -> None:
    assert runs_url_beside("sqlite:////var/lib/x/main.db") == "sqlite:////var/lib/x/main-jobs.db"
    assert runs_url_beside("postgresql://h/db") == "postgresql://h/db"
