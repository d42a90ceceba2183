"""Which runs to ask for now: decided purely, from the time and what is known.

Each job and account remembers up to which tick its schedule has been dealt with, the extra wake-ups asked of
it, and when its rows next hold work. They stand in a heap by when they next fall due, so that a look costs
what is due, however many jobs and accounts there are.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from stonechat.database.repositories.job_progress import Key
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.job import Job, JobPriority, Missed
from stonechat.jobs.scheduling.schedules import Schedule, due, schedule_of

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every row."""

REAL_GRACE = timedelta(seconds=5)
"""On a fast clock no tick counts as missed before this much real time has passed."""

PRIORITY_DELAYS: Mapping[JobPriority, timedelta] = {
    JobPriority.POST: timedelta(),
    JobPriority.REPLY: timedelta(minutes=10),
    JobPriority.METRICS: timedelta(minutes=30),
    JobPriority.HARVEST: timedelta(hours=1),
    JobPriority.BACKGROUND: timedelta(hours=2),
}
"""How long a run yields to those of a higher priority (real time); then it goes first: nothing starves."""


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run to ask for. ``before``, ``seen``, ``woken`` and ``row`` put it back where that failed."""

    job: Job
    request: RunRequest
    before: datetime
    seen: datetime
    woken: tuple[datetime, ...] = ()
    row: datetime | None = None

    def answered(self, *, new: bool) -> datetime | None:
        """Up to when wake-ups are followed by a run that was new, or that existed already; None: by none."""
        if new:
            return self.woken[-1] if self.woken else None
        return self.request.tick if self.request.tick in self.woken else None


@dataclass(frozen=True, slots=True)
class PassedTick:
    """A tick without a run of its own, and why; of several that the policy lets go, the newest."""

    job: str
    account_id: str | None
    tick: datetime
    why: str


@dataclass(frozen=True, slots=True)
class DueNow:
    """What one look found: the runs to ask for, ticks whose runs wait, ticks that the policy lets go."""

    runs: list[DueRun] = field(default_factory=list)
    held: list[PassedTick] = field(default_factory=list)
    lapsed: list[PassedTick] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Entry:
    job: Job
    account_id: str | None
    schedule: Schedule
    last: datetime
    next: datetime
    seen: datetime
    wakes: set[datetime] = field(default_factory=set)
    row: datetime | None = None
    held: str | None = None
    in_heap_for: datetime | None = None
    waits_since: datetime | None = None
    """When it fell due for the first time since its last run. A tick that lapses meanwhile does not cost it
    its turn: where there is always more to do than room, it would never run."""

    @property
    def key(self) -> Key:
        return (self.job.name, self.account_id)

    def move(self, last: datetime) -> None:
        self.last = last
        self.next = self.schedule.after(last)

    def due_at(self) -> datetime:
        if not self.wakes and self.row is None:
            return self.next
        moments = [self.next, *self.wakes]
        return min(moments if self.row is None else [*moments, self.row])

    def take_wakes(self, now: datetime) -> tuple[datetime, ...]:
        woken = tuple(sorted(at for at in self.wakes if at <= now))
        self.wakes.difference_update(woken)
        return woken

    def take_row(self, now: datetime) -> datetime | None:
        row = self.row
        if row is None or row > now:
            return None
        self.row = None
        return row

    def passed(self, tick: datetime, why: str) -> PassedTick:
        return PassedTick(self.job.name, self.account_id, tick, why)


class DueRuns:
    """Every job and account, by when it next falls due.

    Args:
        jobs: the declarations by their names.
        positions: the newest tick of each job and account that was dealt with before this start.
        speed: of the clock: account seconds for each real second.
    """

    def __init__(
        self, jobs: Mapping[str, Job], positions: Mapping[Key, datetime], speed: float = 1.0
    ) -> None:
        self.jobs = jobs
        self._positions = dict(positions)
        self._grace = REAL_GRACE * speed
        self._delays = {kind: delay * speed for kind, delay in PRIORITY_DELAYS.items()}
        self._entries: dict[str, dict[str | None, _Entry]] = {name: {} for name in jobs}
        self._heap: list[tuple[datetime, int, _Entry]] = []
        self._numbers = itertools.count()
        self._due: dict[Key, _Entry] = {}
        """What has fallen due and was not asked for yet: it is held back, at work, or there is no room."""
        self._accounts: tuple[str, ...] | None = None
        self._looked: datetime | None = None

    def serve(self, accounts: Sequence[str], now: datetime) -> None:
        """Look after each job and each of these accounts, and no others."""
        if self._accounts is not None and self._accounts == tuple(accounts):
            return
        self._accounts = tuple(accounts)
        for job in self.jobs.values():
            wanted = dict.fromkeys(accounts) if job.per_account else {None: None}
            entries = self._entries[job.name]
            for account_id in entries.keys() - wanted.keys():
                entries.pop(account_id).in_heap_for = None
                self._due.pop((job.name, account_id), None)
            for account_id in wanted:
                if account_id not in entries:
                    entries[account_id] = self._entry(job, account_id, now)
                    self._push(entries[account_id])

    def look(
        self,
        now: datetime,
        *,
        busy: Callable[[Key], bool],
        held: Callable[[Job, str | None], str | None],
        admits: Callable[[Job], bool] = lambda _: True,
        recheck: bool = True,
    ) -> DueNow:
        """What to do at ``now``: those first that go first, by priority and by how long they have waited.

        Args:
            busy: whether a run of this job and account has not ended.
            held: why its runs wait (paused, a dependency is down); None if they do not.
            admits: asked once for each run that would be asked for: whether there is room for it.
            recheck: whether to ask again about what was held back at the last look.
        """
        found = DueNow()
        for entry in self._fallen_due(now, recheck=recheck):
            why = held(entry.job, entry.account_id)
            if why is not None:
                if entry.held is None and entry.next <= now:
                    found.held.append(entry.passed(entry.schedule.before(now), why))
                entry.held = why
                continue
            entry.held = None
            if busy(entry.key):
                entry.waits_since = None
                if entry.job.missed is not Missed.ALL and entry.next <= now:
                    entry.move(entry.schedule.before(now))  # ticks are let go; wake-ups always wait
            elif admits(entry.job):
                self._run(entry, now, found)
            if entry.due_at() > now:
                self._due.pop(entry.key, None)
                self._push(entry)
        return found

    def refuse(self, run: DueRun) -> None:
        """The run could not be asked for: it is due again."""
        entry = self._find(run.request.key)
        if entry is None:
            return
        entry.wakes.update(run.woken)
        entry.seen = run.seen
        entry.row = run.row if entry.row is None else entry.row
        if run.request.trigger == "schedule":
            entry.move(run.before)
        self._push(entry)

    def known(self, run: DueRun) -> None:
        """The run existed already, perhaps for long: what else it was to answer is due again, by its name.

        Otherwise a host that lags behind takes the run of an old tick for the answer to a newer wake-up.
        """
        entry, tick = self._find(run.request.key), run.request.tick
        if entry is None:
            return
        entry.wakes.update(at for at in run.woken if at != tick)
        entry.seen = max(run.seen, tick)
        if run.row not in (None, tick) and entry.row is None:
            entry.row = run.row
        self._push(entry)

    def wake(self, job: str, at: datetime, account_id: str | None) -> bool:
        """One more run at ``at``; False if there is no such job and account."""
        entry = self._find((job, account_id))
        if entry is None:
            return False
        entry.wakes.add(at)
        self._push(entry)
        return True

    def unseen(self, job: str) -> dict[str, datetime]:
        """By account: up to when the rows of this job have been seen to."""
        entries = self._entries[job].values()
        return {entry.account_id: entry.seen for entry in entries if entry.account_id is not None}

    def expect(self, job: str, rows: Mapping[str, datetime], now: datetime | None = None) -> None:
        """By account: when its rows next hold work after what has been seen to, as read at ``now``."""
        for entry in self._entries[job].values():
            if entry.account_id is None:
                continue
            row = rows.get(entry.account_id)
            if now is not None and (row is None or row > now):
                entry.seen = max(entry.seen, now - self._grace)
            if row != entry.row:
                entry.row = row
                self._push(entry)

    def next_at(
        self, *, busy: Callable[[Key], bool], full: Callable[[Job], bool] = lambda _: False
    ) -> datetime | None:
        """The first moment at which something falls due that is not held back, at work or without room."""
        while self._heap and self._heap[0][2].in_heap_for != self._heap[0][0]:
            heapq.heappop(self._heap)
        moments = [
            entry.due_at()
            for key, entry in self._due.items()
            if entry.held is None and not busy(key) and not full(entry.job)
        ]
        return min([*moments, self._heap[0][0]] if self._heap else moments, default=None)

    def waits(self, key: Key, until: datetime) -> bool:
        """Whether the end of a run of this job and account may let another begin before ``until``."""
        entry = self._find(key)
        return bool(self._due) or (entry is not None and entry.due_at() <= until)

    def waits_for_room(self, key: Key) -> bool:
        """Whether it has fallen due, is not held back, and no run was asked for yet."""
        entry = self._due.get(key)
        return entry is not None and entry.held is None

    def size(self, beginning: str = "") -> int:
        """How many jobs and accounts are served whose job's name begins so."""
        return sum(len(own) for name, own in self._entries.items() if name.startswith(beginning))

    def keys(self) -> Iterator[Key]:
        """Every job and account that is served."""
        return ((name, account_id) for name, own in self._entries.items() for account_id in own)

    def schedule(self, key: Key) -> Schedule | None:
        """The schedule of a job and account that is served."""
        entry = self._find(key)
        return entry.schedule if entry is not None else None

    def _find(self, key: Key) -> _Entry | None:
        return self._entries.get(key[0], {}).get(key[1])

    def _entry(self, job: Job, account_id: str | None, now: datetime) -> _Entry:
        schedule = schedule_of(job, account_id)
        position = self._positions.get((job.name, account_id))
        last = now if position is None else min(position, now)
        # Before its first run nothing has been seen to: what fell due while nothing ran is looked at at once.
        seen = EARLIEST if position is None else last
        return _Entry(job, account_id, schedule, last, schedule.after(last), seen=seen)

    def _push(self, entry: _Entry) -> None:
        """Have it in the heap for when it next falls due; an older place in the heap is void."""
        due_at = entry.due_at()
        if entry.in_heap_for != due_at:
            entry.in_heap_for = due_at
            heapq.heappush(self._heap, (due_at, next(self._numbers), entry))

    def _fallen_due(self, now: datetime, *, recheck: bool) -> list[_Entry]:
        if self._looked is not None and now < self._looked:
            self._set_back(now)
        self._looked = now
        while self._heap and self._heap[0][0] <= now:
            due_at, _, entry = heapq.heappop(self._heap)
            if entry.in_heap_for == due_at:
                entry.in_heap_for = None
                entry.waits_since = entry.waits_since or due_at
                self._due[entry.key] = entry
        found = [entry for entry in self._due.values() if recheck or entry.held is None]
        return sorted(found, key=self._turn) if len(found) > 1 else found

    def _turn(self, entry: _Entry) -> datetime:
        return (entry.waits_since or entry.due_at()) + self._delays[entry.job.priority]

    def _set_back(self, now: datetime) -> None:
        """The clock shows an earlier time than before: carry on from here."""
        for entries in self._entries.values():
            for entry in entries.values():
                entry.seen = min(entry.seen, now)
                if now < entry.last:
                    entry.move(now)
                    self._push(entry)

    def _run(self, entry: _Entry, now: datetime, found: DueNow) -> None:
        """The run that is due by the schedule, by a row or by a wake-up; ticks that the policy lets go."""
        before = entry.last
        tick = self._tick(entry, now, found)
        woken, row = entry.take_wakes(now), entry.take_row(now)
        trigger = "schedule"
        if tick is None and row is not None:
            tick, trigger = row, "due"
        elif tick is None and woken:
            tick, trigger = woken[-1], "wake"
        if tick is None:
            return
        seen, entry.seen = entry.seen, max(entry.seen, row or entry.seen, now - self._grace)
        entry.waits_since = None
        request = RunRequest(entry.job.name, entry.account_id, tick, trigger)
        found.runs.append(DueRun(entry.job, request, before, seen, woken, row))

    def _tick(self, entry: _Entry, now: datetime, found: DueNow) -> datetime | None:
        """The tick to run by the schedule."""
        policy, grace = entry.job.missed, max(entry.job.grace, self._grace)
        ticks = due(entry.schedule, entry.last, now, policy=policy, grace=grace)
        if ticks.missed and now - entry.next > grace:
            why = f"{ticks.missed} ticks passed while nothing ran (policy {policy.value})"
            found.lapsed.append(entry.passed(entry.schedule.before(now), why))
        if ticks.last != entry.last:
            entry.move(ticks.last)
        return ticks.tick
