"""Whole histories of several hosts, each from a seed: crashes, pauses, jumps, holds, rows.

What is claimed of every one of them, whatever happened in it:

1. No name runs twice, and nothing runs before its time.
2. ``skip``: no tick is asked for later than its grace. ``latest``: whatever is asked for is the newest tick of
   its moment, so a pause is never followed by a burst. ``all``: in the end every tick has run, once.
3. Whoever asked for a wake-up or wrote a row that falls due, a run follows, though its host has died.
4. Nobody starves: in the end every account has run its newest tick, however few run at once.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stonechat.database.repositories.job_progress import Key
from stonechat.jobs.job import Job, JobContext, Missed, Work
from stonechat.jobs.scheduling.due_runs import DueRun, DueRuns
from stonechat.jobs.scheduling.schedules import schedule_of

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

TIMES = int(os.environ.get("STONECHAT_HISTORIES", "1"))
"""So many times the seeds that ``make test`` has time for: 10 is thousands of histories."""


async def _nothing(_: JobContext) -> Work:
    return Work()


@dataclass(frozen=True)
class Run:
    """What the engine let begin. ``newest``: the newest tick of its schedule when it was asked for."""

    account: str
    tick: datetime
    trigger: str
    asked: datetime
    newest: datetime
    began: datetime


@dataclass
class World:
    """Hosts that share rows and an engine: a name runs once, a partition runs one run at a time."""

    job: Job
    rng: random.Random
    now: datetime
    pace: timedelta
    accounts: tuple[str, ...] = ("ann",)
    places: int = 1_000
    runs: dict[str, Run] = field(default_factory=dict)
    asked_for: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    queues: dict[str, list[DueRun]] = field(default_factory=dict)
    ends: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    wakeups: set[tuple[str, datetime]] = field(default_factory=set)
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    rows: list[tuple[str, datetime]] = field(default_factory=list)
    held: str | None = None
    hosts: list[DueRuns | None] = field(default_factory=lambda: [None, None, None])
    steady: bool = True

    def __post_init__(self) -> None:
        self.start = self.furthest = self.now
        self.schedules = {one: schedule_of(self.job, one) for one in self.accounts}
        for host in range(len(self.hosts)):
            self.boot(host)

    def boot(self, host: int) -> None:
        """A process starts: it knows what the rows know."""
        last: dict[Key, datetime] = {
            (self.job.name, one): max(
                (run.tick for run in self.runs.values() if (run.account, run.trigger) == (one, "schedule")),
                default=self.start,
            )
            for one in self.accounts
        }
        table = DueRuns({self.job.name: self.job}, last)
        table.serve(self.accounts, self.now)
        self.hosts[host] = table

    def look(self, table: DueRuns) -> None:
        """One round of a host's loop."""
        self._begin_what_waits()
        for account, at in self.wakeups:
            table.wake(self.job.name, at, account)
        due = {
            account: min(at for owner, at in self.rows if owner == account and at > since)
            for account, since in table.unseen(self.job.name).items()
            if any(owner == account and at > since for owner, at in self.rows)
        }
        table.expect(self.job.name, due, self.now)
        knows = self.rng.random() < 0.5  # or what it has read is older
        waiting = [(one.request.account_id, None) for ones in self.queues.values() for one in ones]
        active = [account for account, _ in (*self.ends.values(), *waiting)] if knows else []
        room = iter(range(self.places - len(active)))
        found = table.look(
            self.now,
            busy=lambda key: key[1] in active,
            held=lambda *_: self.held,
            admits=lambda _: next(room, None) is not None,
        )
        for run in found.runs:
            self.ask(table, run)

    def ask(self, table: DueRuns, run: DueRun) -> None:
        """What the engine makes of an order: a name is run once, and waits for its partition."""
        request, account = run.request, run.request.account_id or ""
        new = request.run_id not in self.asked_for
        if new:
            self.asked_for[request.run_id] = (self.now, self.schedules[account].before(self.now))
            self.queues.setdefault(request.partition, []).append(run)
            self._begin_what_waits()
        else:
            table.known(run)
        until = run.answered(new=new)
        if until is not None:
            self.wakeups = {one for one in self.wakeups if one[0] != account or one[1] > until}

    def _begin_what_waits(self) -> None:
        for partition, (_, until) in list(self.ends.items()):
            if self.now >= until:
                del self.ends[partition]
        for partition, runs in self.queues.items():
            if runs and partition not in self.ends and len(self.ends) < self.places:
                self._begin(partition, runs.pop(0))

    def _begin(self, partition: str, run: DueRun) -> None:
        request, account = run.request, run.request.account_id or ""
        asked, newest = self.asked_for[request.run_id]
        self.runs[request.run_id] = Run(account, request.tick, request.trigger, asked, newest, self.now)
        self.ends[partition] = (account, self.now + self.pace * self.rng.choice([0.02, 0.2, 0.5, 2.5]))
        if self.steady and self.rng.random() < 0.3:
            wakeup = (account, self.now + self.pace * self.rng.uniform(0, 3))
            self.wakeups.add(wakeup)  # committed with the end of the run
            self.asked.append(wakeup)

    def happen(self) -> None:
        """Something, and then each host that lives looks."""
        event, host = self.rng.random(), self.rng.randrange(len(self.hosts))
        if event < 0.06:
            self.hosts[host] = None  # kill -9
        elif event < 0.18 and self.hosts[host] is None:
            self.boot(host)
        elif event < 0.22:
            self.move(self.pace * self.rng.uniform(2, 30))  # everything stood still
        elif event < 0.25:
            self.move(-self.pace * self.rng.uniform(0, 3))  # the clock was set back
        elif event < 0.30:
            self.held = None if self.held else "no browser"
        elif event < 0.40:
            self.rows.append(
                (self.rng.choice(self.accounts), self.now + self.pace * self.rng.uniform(0.1, 2))
            )
        else:
            self.move(self.pace * self.rng.uniform(0, 0.4))
        for table in self.rng.sample(self.hosts, len(self.hosts)):
            if table is not None:
                self.look(table)

    def move(self, by: timedelta) -> None:
        """The clock shows another time."""
        self.now += by
        if by < timedelta():
            self.ends = {name: (account, self.now) for name, (account, _) in self.ends.items()}
        self.furthest = max(self.furthest, self.now)

    def calm(self, step: timedelta | None = None) -> None:
        """From here on one host lives, nothing is held, runs are short, and no new rows come.

        Time goes on from tick to tick, or by ``step``.
        """
        self.steady, self.held = False, None
        self.now = max(self.now, self.furthest)
        if self.hosts[0] is None:
            self.boot(0)
        table = self.hosts[0]
        assert table is not None
        for _ in range(40):
            self._until_quiet(table)
            ticks = (schedule.after(self.now) for schedule in self.schedules.values())
            self.now = min(ticks) if step is None else self.now + step
        self._until_quiet(table)

    def _until_quiet(self, table: DueRuns) -> None:
        before = -1
        while len(self.runs) != before or any(self.queues.values()):
            before = len(self.runs)
            self.ends.clear()
            self.look(table)
            self.ends.clear()
            self.look(table)

    def check(self) -> None:
        """What is claimed of every history, but of ``all``."""
        for run in self.runs.values():
            assert run.tick <= run.asked, f"before its time: {run}"
            if run.trigger == "schedule" and self.job.missed is Missed.SKIP:
                assert run.asked - run.tick <= self.job.grace, f"later than its grace: {run}"
            if run.trigger == "schedule" and self.job.missed is not Missed.ALL:
                assert run.tick == run.newest, f"a burst: {run}"
        for account, at in [*self.asked, *self.rows]:
            if at <= self.now:
                began = [run.began for run in self.runs.values() if run.account == account]
                assert any(moment >= at for moment in began), f"nothing followed {account} at {at}"
        for account, schedule in self.schedules.items():
            moments = [run.began for run in self.runs.values() if run.account == account]
            assert max(moments, default=self.start) >= schedule.before(self.now), f"{account} starved"


def history(
    seed: int,
    job: Job,
    start: datetime,
    pace: timedelta,
    accounts: int = 1,
    step: timedelta | None = None,
    places: int = 1_000,
) -> World:
    names = tuple(f"account {n}" for n in range(accounts))
    world = World(job, random.Random(seed), start, pace, names, places)
    for _ in range(60):
        world.happen()
    world.calm(step)
    return world


MONDAY = datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC)
JOB = Job("a.job", _nothing, every=5 * MINUTE, grace=2 * MINUTE)


@pytest.mark.parametrize("policy", [Missed.SKIP, Missed.LATEST])
def test_intervals_spread_over_accounts_wake_ups_and_rows_that_fall_due(policy: Missed) -> None:
    for seed in range(100 * TIMES):
        every = random.Random(seed).choice([5, 10, 30]) * MINUTE
        job = replace(JOB, every=every, spread=every, missed=policy)
        world = history(seed, job, MONDAY, every)
        world.check()


def test_what_rows_and_runs_ask_for_is_followed_without_any_tick_of_the_schedule() -> None:
    for seed in range(150 * TIMES):
        job = replace(JOB, every=timedelta(days=3650))
        world = history(seed, job, MONDAY, 5 * MINUTE, accounts=2, step=MINUTE)
        world.check()
        assert {run.trigger for run in world.runs.values()} <= {"wake", "due"}


@pytest.mark.parametrize("places", [1, 2])
def test_accounts_that_share_few_places_all_get_their_turn(places: int) -> None:
    for seed in range(50 * TIMES):
        world = history(seed, JOB, MONDAY, 5 * MINUTE, accounts=4, places=places)
        world.check()


def test_all_means_every_tick_once_whatever_happens() -> None:
    for seed in range(60 * TIMES):
        job = replace(JOB, missed=Missed.ALL, spread=2 * MINUTE, per_account=True)
        world = history(seed, job, MONDAY, 5 * MINUTE)
        schedule = world.schedules["account 0"]
        ran = [run.tick for run in world.runs.values() if run.trigger == "schedule" and run.tick > MONDAY]
        assert len(set(ran)) == len(ran), f"a tick twice (seed {seed})"
        assert len(ran) == schedule.count(MONDAY, world.now), f"a tick never ran (seed {seed})"


def test_a_daily_job_runs_once_a_day_whatever_happens() -> None:
    for seed in range(30 * TIMES):
        policy = (Missed.SKIP, Missed.LATEST, Missed.ALL)[seed % 3]
        job = replace(JOB, every=24 * HOUR, stagger=2.5 * HOUR, missed=policy, grace=HOUR)
        world = history(seed, job, MONDAY, 4 * HOUR)
        world.check()
        ran = sorted(run.tick for run in world.runs.values() if run.trigger == "schedule")
        assert len({tick.date() for tick in ran}) == len(ran), f"twice in a day (seed {seed})"
        if policy is Missed.ALL:
            assert {after - before for before, after in pairwise(ran)} == {24 * HOUR}, "a day without a run"
