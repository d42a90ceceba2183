"""However busy accounts and queues are, each job that is due begins within a bound."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.database.repositories.job_progress import Key
from stonechat.jobs.job import Job, JobContext, JobPriority, Missed, Resource, Work
from stonechat.jobs.scheduling.due_runs import PRIORITY_DELAYS, DueRuns

START = datetime(2026, 1, 5, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PLACES = 4
LOOK = 20 * SECOND


async def _nothing(_: JobContext) -> Work:
    return Work()


def _jobs(rng: random.Random) -> list[Job]:
    """A daily one, and others that are due every few minutes, of all priorities, in one queue."""
    busy = [
        Job(
            f"busy.number{number}",
            _nothing,
            every=rng.choice([1, 2, 5, 15, 60]) * MINUTE,
            missed=rng.choice([Missed.LATEST, Missed.SKIP]),
            priority=rng.choice([one for one in JobPriority if one is not JobPriority.POST]),
        )
        for number in range(rng.randint(1, 8))
    ]
    daily = replace(busy[0], name="daily.learn", every=24 * HOUR, priority=JobPriority.BACKGROUND)
    return [*busy, replace(daily, missed=Missed.LATEST, grace=6 * HOUR)]


class Host:
    """Looks at what is due and runs it, in as many places as there are; runs take what chance says."""

    def __init__(self, rng: random.Random, longest: timedelta) -> None:
        self.rng, self.longest = rng, longest
        self.jobs = {job.name: job for job in _jobs(rng)}
        self.accounts = [f"account {number}" for number in range(rng.randint(1, 12))]
        self.table = DueRuns(self.jobs, {})
        self.table.serve(self.accounts, START)
        self.at_work: list[tuple[datetime, Key]] = []
        self.waited: dict[str, list[timedelta]] = {name: [] for name in self.jobs}

    def live(self, until: datetime) -> None:
        now = START
        due_since: dict[Key, datetime] = {}
        while now < until:
            now += LOOK
            while self.at_work and self.at_work[0][0] <= now:
                heapq.heappop(self.at_work)
            busy = {key for _, key in self.at_work}
            room = Counter({job.queue: PLACES for job in self.jobs.values()})
            room.subtract(self.jobs[name].queue for name, _ in busy)

            def admits(job: Job, room: Counter[str] = room) -> bool:
                room[job.queue] -= 1
                return room[job.queue] >= 0

            found = self.table.look(
                now, busy=busy.__contains__, held=lambda _job, _account: None, admits=admits
            )
            for run in found.runs:
                ends = now + self.longest * self.rng.random()
                heapq.heappush(self.at_work, (ends, run.request.key))
                self.waited[run.job.name].append(now - due_since.pop(run.request.key, run.request.tick))
            for name, account in ((job, one) for job in self.jobs for one in self.accounts):
                if self.table.waits_for_room((name, account)):
                    due_since.setdefault((name, account), now)
        for key, since in due_since.items():
            self.waited[key[0]].append(now - since)


@pytest.mark.parametrize("seed", [0, 3, 5, 7, 11, 12, 13])
def test_each_due_job_begins_within_its_priority_delay_and_one_round_of_all(seed: int) -> None:
    """Also where more is asked for than can ever be done: an account that posts every hour, ten times over."""
    rng = random.Random(seed)
    host = Host(rng, longest=rng.choice([10 * SECOND, MINUTE, 10 * MINUTE]))
    host.live(START + 26 * HOUR)
    one_round = host.longest * len(host.jobs) * len(host.accounts) / PLACES
    for name, waited in host.waited.items():
        job = host.jobs[name]
        bound = PRIORITY_DELAYS[job.priority] + one_round + host.longest + 10 * LOOK
        if job.missed is Missed.SKIP:
            bound += job.every  # a tick that has lapsed is not run late; the next one goes first
        assert waited, f"{name} never ran"
        assert max(waited) <= bound, f"{name} waited for {max(waited)}, not at most {bound}"
    assert len(host.waited["daily.learn"]) >= len(host.accounts), "once a day for each account"


def test_kinds_of_work_do_not_wait_for_each_other() -> None:
    every = {Job("a.job", _nothing, every=HOUR, resource=kind).queue for kind in Resource}
    assert len(every) == len(Resource)
    assert Job("a.job", _nothing, every=HOUR, priority=JobPriority.POST).queue not in every
