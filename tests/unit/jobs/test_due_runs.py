"""The timetable, simulated: several hosts, pauses, crashes, jumps, long runs; each seed is one history."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.database.repositories.job_progress import Key
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.job import Job, JobContext, Missed, Work
from stonechat.jobs.scheduling.due_runs import DueRun, DueRuns
from stonechat.jobs.scheduling.schedules import schedule_of

START = datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


JOB = Job("a.job", _nothing, every=5 * MINUTE, per_account=False, grace=2 * MINUTE)
KEY: Key = ("a.job", None)


def _table(job: Job = JOB, last: datetime | None = None) -> DueRuns:
    table = DueRuns({job.name: job}, {} if last is None else {(job.name, None): last})
    table.serve([], START)
    return table


def _look(table: DueRuns, now: datetime, *, busy: bool = False, why: str | None = None) -> list[str]:
    found = table.look(now, busy=lambda _: busy, held=lambda *_: why)
    return [launch.request.run_id for launch in found.runs]


def test_a_tick_is_asked_for_once() -> None:
    table = _table()
    assert _look(table, START) == []
    assert _look(table, START + 5 * MINUTE) == ["a.job@2026-01-05T09:05:00+00:00"]
    assert _look(table, START + 6 * MINUTE) == []


def test_ticks_that_pass_during_a_run_are_let_go() -> None:
    table = _table()
    assert _look(table, START + 21 * MINUTE, busy=True) == []
    assert _look(table, START + 22 * MINUTE) == []
    assert _look(table, START + 25 * MINUTE) == ["a.job@2026-01-05T09:25:00+00:00"]


def test_a_tick_that_passes_during_a_run_follows_it_if_all_are_made_up_for() -> None:
    table = _table(replace(JOB, missed=Missed.ALL))
    assert _look(table, START + 21 * MINUTE, busy=True) == []
    assert _look(table, START + 22 * MINUTE) == ["a.job@2026-01-05T09:05:00+00:00"]


def test_what_is_held_waits_and_is_said_once_with_its_cause() -> None:
    table = _table()
    first = table.look(START + 6 * MINUTE, busy=lambda _: False, held=lambda *_: "no browser")
    again = table.look(START + 16 * MINUTE, busy=lambda _: False, held=lambda *_: "no browser")
    assert [(held.tick.minute, held.why) for held in first.held] == [(5, "no browser")]
    assert again.held == []
    assert _look(table, START + 17 * MINUTE) == ["a.job@2026-01-05T09:15:00+00:00"]


def test_ticks_that_lapse_within_their_grace_are_not_called_missed() -> None:
    table = _table(replace(JOB, grace=20 * MINUTE))
    found = table.look(START + 16 * MINUTE, busy=lambda _: False, held=lambda *_: None)
    assert found.lapsed == []


def test_ticks_that_lapse_are_counted() -> None:
    found = _table().look(START + 21 * MINUTE, busy=lambda _: False, held=lambda *_: None)
    assert [(lapsed.tick.minute, lapsed.why.split()[0]) for lapsed in found.lapsed] == [(20, "3")]


def test_a_wake_up_runs_once_at_its_time_however_often_it_is_asked_for() -> None:
    table = _table()
    at = START + 2 * MINUTE
    assert table.wake("a.job", at, None)
    assert table.wake("a.job", at, None)
    assert table.next_at(busy=lambda _: False) == at
    assert _look(table, START + MINUTE) == []
    assert _look(table, at) == [RunRequest("a.job", None, at).run_id]
    assert _look(table, at + MINUTE) == []


def test_a_wake_up_during_a_run_waits_for_its_end() -> None:
    table = _table()
    at = START + 2 * MINUTE
    table.wake("a.job", at, None)
    assert _look(table, at + MINUTE, busy=True) == []
    assert _look(table, at + 2 * MINUTE) == [RunRequest("a.job", None, at).run_id]


def test_several_wake_ups_that_are_due_are_one_run() -> None:
    table = _table()
    for minute in (1, 2, 3):
        table.wake("a.job", START + minute * MINUTE, None)
    assert _look(table, START + 4 * MINUTE) == [RunRequest("a.job", None, START + 3 * MINUTE).run_id]


def test_a_refused_launch_is_due_again() -> None:
    table = _table()
    table.wake("a.job", START + 5 * MINUTE, None)
    launch = table.look(START + 5 * MINUTE, busy=lambda _: False, held=lambda *_: None).runs[0]
    table.refuse(launch)
    assert table.look(START + 5 * MINUTE, busy=lambda _: False, held=lambda *_: None).runs == [launch]


def test_accounts_come_and_go() -> None:
    job = replace(JOB, per_account=True)
    table = DueRuns({job.name: job}, {})
    table.serve(["one"], START)
    table.serve(["one", "two"], START + MINUTE)
    assert len(_look(table, START + 5 * MINUTE)) == 2
    table.serve(["two"], START + 6 * MINUTE)
    assert _look(table, START + 10 * MINUTE) == ["a.job/two@2026-01-05T09:10:00+00:00"]


def test_a_busy_line_does_not_keep_the_loop_awake() -> None:
    table = _table()
    table.wake("a.job", START + MINUTE, None)
    assert _look(table, START + MINUTE, busy=True) == []
    assert table.next_at(busy=lambda _: True) is None
    queueing = _table(replace(JOB, missed=Missed.ALL))
    assert _look(queueing, START + 5 * MINUTE, busy=True) == []
    assert queueing.next_at(busy=lambda _: True) is None


def _with_rows(*minutes: int) -> tuple[DueRuns, Callable[[], None]]:
    """A table whose rows hold work at these minutes after the start, and what reads them."""
    table = DueRuns({"a.job": replace(JOB, per_account=True, every=timedelta(hours=6))}, {})
    table.serve(["ann"], START)

    def read() -> None:
        after = table.unseen("a.job")["ann"]
        coming = [START + minute * MINUTE for minute in minutes if START + minute * MINUTE > after]
        table.expect("a.job", {"ann": min(coming)} if coming else {})

    return table, read


def test_when_rows_hold_work_there_is_one_run_named_after_that_moment() -> None:
    table, read = _with_rows(7, 9)
    read()
    assert table.next_at(busy=lambda _: False) == START + 7 * MINUTE
    assert _look(table, START + 6 * MINUTE) == []
    assert _look(table, START + 7 * MINUTE) == [RunRequest("a.job", "ann", START + 7 * MINUTE).run_id]
    assert _look(table, START + 7 * MINUTE) == []
    read()
    assert _look(table, START + 9 * MINUTE) == [RunRequest("a.job", "ann", START + 9 * MINUTE).run_id]


def test_what_fell_due_before_the_first_start_is_run_at_once() -> None:
    table, read = _with_rows(-3, 9)
    read()
    assert _look(table, START + timedelta(seconds=1)) == [
        RunRequest("a.job", "ann", START - 3 * MINUTE).run_id
    ]
    read()
    assert table.next_at(busy=lambda _: False) == START + 9 * MINUTE


def test_a_row_that_is_moved_or_taken_away_before_its_time_is_not_waited_for() -> None:
    table, read = _with_rows(7)
    read()
    table.expect("a.job", {"ann": START + 20 * MINUTE})
    assert _look(table, START + 7 * MINUTE) == []
    table.expect("a.job", {})
    assert _look(table, START + 20 * MINUTE) == []


def test_a_row_that_fell_due_while_its_line_was_held_is_run_afterwards() -> None:
    table, read = _with_rows(7)
    read()
    assert _look(table, START + 8 * MINUTE, why="no browser") == []
    read()
    assert _look(table, START + 9 * MINUTE) == [RunRequest("a.job", "ann", START + 7 * MINUTE).run_id]


def test_rows_that_stay_due_do_not_ask_for_run_after_run() -> None:
    table, read = _with_rows(*range(1, 60))
    asked = []
    for second in range(0, 3600, 10):
        now = START + 2 * MINUTE * 30 + timedelta(seconds=second)  # all of them are overdue at first sight
        read()
        asked += _look(table, now)
    assert len(asked) <= 2


def test_a_host_that_starts_late_sees_what_fell_due_meanwhile() -> None:
    table, read = _with_rows(7)
    read()
    assert _look(table, START + 10 * MINUTE) == [RunRequest("a.job", "ann", START + 7 * MINUTE).run_id]


def test_a_job_without_room_waits_and_keeps_its_tick() -> None:
    table = DueRuns({"a.job": replace(JOB, per_account=True)}, {})
    table.serve(["ann", "bob"], START)
    now = START + 5 * MINUTE
    found = table.look(now, busy=lambda _: False, held=lambda *_: None, admits=lambda _: False)
    assert not (found.runs or found.held or found.lapsed)
    later = START + 7 * MINUTE
    assert table.next_at(busy=lambda _: False, full=lambda _: True) is None
    assert table.waits_for_room(("a.job", "ann")), "the watchdog would call it forgotten"
    found = table.look(later, busy=lambda _: False, held=lambda *_: None, admits=lambda _: True)
    assert [launch.request.tick for launch in found.runs] == [START + timedelta(minutes=4.5)] * 2


def test_what_has_been_due_for_longest_comes_first() -> None:
    jobs = [replace(JOB, name=f"a.job{number}", stagger=-number * MINUTE) for number in range(3)]
    table = DueRuns({job.name: job for job in jobs}, {})
    table.serve([], START)
    found = table.look(START + 5 * MINUTE, busy=lambda _: False, held=lambda *_: None)
    assert [launch.job.name for launch in found.runs] == ["a.job2", "a.job1", "a.job0"]


@dataclass
class _World:
    """Hosts over one engine: a name runs once, a line runs one run at a time, rows survive crashes."""

    job: Job
    rng: random.Random
    now: datetime = START
    furthest: datetime = START
    ran: Counter[str] = field(default_factory=Counter)
    ticks: set[datetime] = field(default_factory=set)
    working: datetime | None = None
    waiting: list[DueRun] = field(default_factory=list)
    hosts: list[DueRuns | None] = field(default_factory=list)
    burst: int = 0

    def start(self, host: int) -> None:
        last = max(self.ticks, default=None)
        table = DueRuns({self.job.name: self.job}, {KEY: last} if last else {KEY: START})
        table.serve([], self.now)
        self.hosts[host] = table

    def step(self, host: int) -> None:
        table = self.hosts[host]
        if table is None:
            return
        self._begin_what_waits()
        knows = self.working is not None and self.rng.random() < 0.5  # or the engine has to tell it
        asked = table.look(self.now, busy=lambda _: knows, held=lambda *_: None).runs
        assert len(asked) <= 1
        for launch in asked:
            self._ask(table, launch)

    def _ask(self, table: DueRuns, launch: DueRun) -> None:
        assert launch.request.tick <= self.now, "asked for before its time"
        if launch.request.run_id in self.ran:
            return
        self.ran[launch.request.run_id] += 1
        self.ticks.add(launch.request.tick)
        self.waiting.append(launch)
        self._begin_what_waits()

    def _begin_what_waits(self) -> None:
        if self.working is not None and self.now >= self.working:
            self.working = None
        if self.waiting and self.working is None:
            self.waiting.pop(0)
            self.working = self.now + self.job.every * self.rng.choice([0.01, 0.1, 0.5, 2.5])

    def happen(self) -> None:
        every = self.job.every
        event = self.rng.random()
        host = self.rng.randrange(len(self.hosts))
        if event < 0.06:
            self.hosts[host] = None  # kill -9
        elif event < 0.18 and self.hosts[host] is None:
            self.start(host)
        elif event < 0.22:
            self.move(every * self.rng.uniform(2, 40))  # everything stood still
        elif event < 0.25:
            self.move(-every * self.rng.uniform(0, 4))  # the clock was set back
        else:
            self.move(every * self.rng.uniform(0, 0.4))
        for index in self.rng.sample(range(len(self.hosts)), len(self.hosts)):
            self.step(index)

    def move(self, by: timedelta) -> None:
        self.now += by
        if by < timedelta():
            self.working = None if self.working is None else self.now + timedelta(seconds=30)
        self.furthest = max(self.furthest, self.now)


def _history(seed: int, policy: Missed) -> _World:
    rng = random.Random(seed)
    every = timedelta(minutes=rng.choice([1, 5, 30]))
    stagger = timedelta(seconds=rng.randrange(60))
    world = _World(replace(JOB, every=every, stagger=stagger, missed=policy), rng)
    world.hosts = [None, None, None]
    for host in range(3):
        world.start(host)
    for _ in range(80):
        world.happen()
    return world


@pytest.mark.parametrize("policy", list(Missed))
def test_over_any_history_each_tick_runs_at_most_once_and_only_ticks_run(policy: Missed) -> None:
    for seed in range(300):
        world = _history(seed, policy)
        schedule = schedule_of(world.job)
        assert set(world.ran.values()) == {1} and len(world.ran) == len(world.ticks), seed
        assert all(schedule.before(tick) == tick for tick in world.ticks), seed


def test_over_any_history_all_means_every_tick_in_the_end() -> None:
    for seed in range(300):
        world = _history(seed, Missed.ALL)
        if world.hosts[0] is None:
            world.start(0)
        world.now = max(world.now, world.furthest)
        schedule = schedule_of(world.job)
        for _ in range(schedule.count(START, world.now) + 5):  # calm: one run after the other
            world.working = None
            world.step(0)
        missing = schedule.count(START, world.furthest) - sum(tick > START for tick in world.ticks)
        assert missing == 0, f"{missing} ticks never ran (seed {seed})"


def test_over_any_history_latest_never_stands_still() -> None:
    for seed in range(300):
        world = _history(seed, Missed.LATEST)
        if world.hosts[0] is None:
            world.start(0)
        world.now = max(world.now, world.furthest)
        schedule = schedule_of(world.job)
        for _ in range(3):
            world.working = None
            world.waiting.clear()
            world.now = schedule.after(world.now)
            world.step(0)
        assert schedule.before(world.now) in world.ticks, seed
