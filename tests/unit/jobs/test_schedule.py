"""Who goes first, and that nobody waits for ever."""

from __future__ import annotations

from datetime import timedelta

from stonechat.jobs.declaration import Job, JobContext, Priority, Resource, Work
from stonechat.jobs.engine.books import priority
from stonechat.jobs.runner import engine_url_beside
from stonechat.jobs.schedule import HANDICAPS, POSTING, QUEUES, queue_of

NOW = 1_800_000_000.0


async def _nothing(_: JobContext) -> Work:
    return Work()


def test_of_runs_asked_for_at_once_the_higher_priority_goes_first() -> None:
    order = [Priority.POST, Priority.REPLY, Priority.METRICS, Priority.HARVEST, Priority.BACKGROUND]
    numbers = [priority(HANDICAPS[kind], NOW) for kind in order]
    assert numbers == sorted(set(numbers))
    assert min(numbers) > 0 and max(numbers) < 2**31, "outside of what the engine takes"


def test_whoever_has_waited_longer_than_its_handicap_goes_first() -> None:
    for kind, handicap in HANDICAPS.items():
        waited = priority(handicap, NOW - handicap.total_seconds() - 60)
        assert waited < priority(HANDICAPS[Priority.POST], NOW), f"{kind} can starve"


def test_posting_has_a_queue_of_its_own_and_every_queue_is_served() -> None:
    every = timedelta(hours=1)
    for resource in Resource:
        for kind in Priority:
            queue = queue_of(Job("a.job", _nothing, every=every, resource=resource, priority=kind))
            assert queue in QUEUES
            assert (queue == POSTING) == (kind is Priority.POST)


def test_the_engine_has_a_file_of_its_own_beside_sqlite() -> None:
    assert engine_url_beside("sqlite:////var/lib/x/main.db") == "sqlite:////var/lib/x/main-jobs.db"
    assert engine_url_beside("postgresql://h/db") == "postgresql://h/db"
