"""Which runs to ask for now: decided purely, from the time and what is known.

One *line* for each job and account. A line remembers up to which tick it has dealt with its schedule,
the extra wake-ups asked of it, and when its rows next hold work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stonechat.jobs.declaration import Job, Missed, Overlap
from stonechat.jobs.ticks import Schedule, due, schedule_of

Key = tuple[str, str | None]
"""Job and account; the account is None for a job of the whole system."""

REAL_GRACE = timedelta(seconds=5)
"""On a fast clock no tick counts as missed before this much real time has passed."""


def run_name(job: str, account_id: str | None, tick: datetime) -> str:
    """``job/account@tick``: the same on every host, and so the same run."""
    lane = job if account_id is None else f"{job}/{account_id}"
    return f"{lane}@{tick.isoformat()}"


@dataclass(frozen=True, slots=True)
class Launch:
    """A run to ask for. ``before``, ``seen``, ``woken`` and ``row`` put it back if it is refused."""

    job: Job
    account_id: str | None
    tick: datetime
    trigger: str
    before: datetime
    seen: datetime
    woken: tuple[datetime, ...] = ()
    row: datetime | None = None

    @property
    def key(self) -> Key:
        return (self.job.name, self.account_id)

    @property
    def run_id(self) -> str:
        return run_name(self.job.name, self.account_id, self.tick)

    def answered(self, *, new: bool) -> datetime | None:
        """Up to when wake-ups are followed by a run that was new, or that existed already; None: by none."""
        if new:
            return self.woken[-1] if self.woken else None
        return self.tick if self.tick in self.woken else None


@dataclass(frozen=True, slots=True)
class Line:
    """A job and account as its monitor needs them."""

    job: Job
    account_id: str | None
    schedule: Schedule

    @property
    def key(self) -> Key:
        return (self.job.name, self.account_id)


@dataclass(frozen=True, slots=True)
class Held:
    """A due tick whose run waits, said once for each time it is held, and why."""

    job: Job
    account_id: str | None
    tick: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Lapsed:
    """Ticks that the policy lets go although their grace is over; ``tick`` is the newest of them."""

    job: Job
    account_id: str | None
    tick: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the timetable found."""

    launches: tuple[Launch, ...] = ()
    held: tuple[Held, ...] = ()
    lapsed: tuple[Lapsed, ...] = ()


@dataclass(slots=True)
class _Line:
    job: Job
    account_id: str | None
    schedule: Schedule
    last: datetime
    next: datetime
    seen: datetime
    wakes: set[datetime] = field(default_factory=set)
    row: datetime | None = None
    held: str | None = None

    def move(self, last: datetime) -> None:
        self.last = last
        self.next = self.schedule.after(last)

    def due_at(self) -> datetime:
        moments = [self.next, *self.wakes]
        return min(moments if self.row is None else [*moments, self.row])

    def take_wakes(self, now: datetime) -> tuple[datetime, ...]:
        if not self.wakes:
            return ()
        woken = tuple(sorted(at for at in self.wakes if at <= now))
        self.wakes.difference_update(woken)
        return woken

    def take_row(self, now: datetime) -> datetime | None:
        row = self.row
        if row is None or row > now:
            return None
        self.row = None
        return row


class Timetable:
    """The lines of all jobs and accounts.

    Args:
        jobs: the declarations, checked here.
        last: the newest tick of each line that was dealt with before this start.
        speed: of the clock: account seconds for each real second.

    Raises:
        ConfigError: a schedule that cannot be read.
    """

    def __init__(self, jobs: Sequence[Job], last: Mapping[Key, datetime], speed: float = 1.0) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._last = dict(last)
        self._grace = REAL_GRACE * speed
        self._lines: dict[Key, _Line] = {}
        self._accounts: tuple[str, ...] | None = None

    def serve(self, accounts: Sequence[str], now: datetime) -> None:
        """Have a line for each job and each of these accounts, and no others."""
        if self._accounts == tuple(accounts):
            return
        self._accounts = tuple(accounts)
        keys: set[Key] = set()
        for job in self._jobs.values():
            for account_id in accounts if job.per_account else (None,):
                key = (job.name, account_id)
                keys.add(key)
                if key not in self._lines:
                    self._lines[key] = self._line(job, account_id, now)
        for key in self._lines.keys() - keys:
            del self._lines[key]

    def look(
        self,
        now: datetime,
        *,
        busy: Callable[[Key], bool],
        held: Callable[[Job, str | None], str | None],
        full: Callable[[Job], bool] = lambda _: False,
    ) -> Look:
        """What to do at ``now``; what has been due for longest comes first.

        Args:
            busy: whether a run of this line has not ended.
            held: why runs of this line wait (paused, a dependency is down); None if they do not.
            full: whether as many runs of a job are at work as it allows: its other lines wait.
        """
        launches: list[Launch] = []
        waiting: list[Held] = []
        lapsed: list[Lapsed] = []
        for key, line in self._due(now):
            why = held(line.job, line.account_id)
            if why is not None:
                if line.held is None and line.next <= now:
                    waiting.append(Held(line.job, line.account_id, line.schedule.before(now), why))
                line.held = why
                continue
            line.held = None
            if busy(key):
                self._pass_by(line, now)
                continue
            if full(line.job):
                continue
            launch, gone = self._launch(line, now)
            launches.extend(launch)
            lapsed.extend(gone)
        return Look(tuple(launches), tuple(waiting), tuple(lapsed))

    def _due(self, now: datetime) -> list[tuple[Key, _Line]]:
        due = []
        for key, line in self._lines.items():
            if now < line.last:
                line.move(now)  # the clock was set back: carry on from here
            line.seen = min(line.seen, now)
            if line.due_at() <= now:
                due.append((key, line))
        return sorted(due, key=lambda one: one[1].due_at()) if len(due) > 1 else due

    def refuse(self, launch: Launch, *, busy: bool) -> None:
        """The run could not be asked for: it is due again.

        Args:
            busy: because another run of the line has not ended; then the overlap policy may let it go.
        """
        line = self._lines.get(launch.key)
        if line is None:
            return
        line.wakes.update(launch.woken)
        line.seen = launch.seen
        line.row = launch.row if line.row is None else line.row
        if launch.trigger == "schedule" and (not busy or _queues(launch.job)):
            line.move(launch.before)

    def known(self, launch: Launch) -> None:
        """The run existed already, perhaps for long: what else it was to answer is due again, by its name.

        Otherwise a host that lags behind takes the run of an old tick for the answer to a newer wake-up.
        """
        line = self._lines.get(launch.key)
        if line is None:
            return
        line.wakes.update(at for at in launch.woken if at != launch.tick)
        line.seen = max(launch.seen, launch.tick)
        if launch.row not in (None, launch.tick) and line.row is None:
            line.row = launch.row

    def wake(self, job: str, at: datetime, account_id: str | None) -> bool:
        """One more run at ``at``; False if there is no such line."""
        line = self._lines.get((job, account_id))
        if line is None:
            return False
        line.wakes.add(at)
        return True

    def unseen(self, job: str) -> dict[str, datetime]:
        """By account: up to when the rows of this job have been seen to."""
        lines = (line for line in self._lines.values() if line.job.name == job)
        return {line.account_id: line.seen for line in lines if line.account_id is not None}

    def expect(self, job: str, rows: Mapping[str, datetime]) -> None:
        """By account: when its rows next hold work after what has been seen to, as read just now."""
        for line in self._lines.values():
            if line.job.name == job and line.account_id is not None:
                line.row = rows.get(line.account_id)

    def next_at(
        self, *, busy: Callable[[Key], bool], full: Callable[[Job], bool] = lambda _: False
    ) -> datetime | None:
        """The first moment at which something falls due, on lines that are not held."""
        moments = []
        for key, line in self._lines.items():
            if line.held is not None or (full(line.job) and not busy(key)):
                continue
            if not busy(key):
                moments.append(line.due_at())
            elif not _queues(line.job):
                moments.append(line.next)
        return min(moments, default=None)

    def waits(self, key: Key, until: datetime) -> bool:
        """Whether the end of a run of this line may let another begin before ``until``."""
        line = self._lines.get(key)
        if line is None:
            return False
        if line.job.at_once is None:
            return line.due_at() <= until
        return any(other.due_at() <= until for other in self._lines.values() if other.job is line.job)

    def job(self, name: str) -> Job | None:
        """The declaration of a name, if there is one."""
        return self._jobs.get(name)

    def lines(self) -> list[Line]:
        """Every line."""
        return [Line(line.job, line.account_id, line.schedule) for line in self._lines.values()]

    def _line(self, job: Job, account_id: str | None, now: datetime) -> _Line:
        schedule = schedule_of(job, account_id)
        last = min(self._last.get((job.name, account_id), now), now)
        return _Line(job, account_id, schedule, last, schedule.after(last), seen=last)

    def _launch(self, line: _Line, now: datetime) -> tuple[list[Launch], list[Lapsed]]:
        before = line.last
        tick, lapsed = self._tick(line, now)
        woken, row = line.take_wakes(now), line.take_row(now)
        trigger = "schedule"
        if tick is None and row is not None:
            tick, trigger = row, "due"
        elif tick is None and woken:
            tick, trigger = woken[-1], "wake"
        if tick is None:
            return [], lapsed
        seen, line.seen = line.seen, max(line.seen, row or line.seen, now - self._grace)
        return [Launch(line.job, line.account_id, tick, trigger, before, seen, woken, row)], lapsed

    def _tick(self, line: _Line, now: datetime) -> tuple[datetime | None, list[Lapsed]]:
        """The tick to run by the schedule, and those that its policy lets go."""
        grace = max(line.job.grace, self._grace)
        found = due(line.schedule, line.last, now, policy=line.job.missed, grace=grace)
        lapsed = []
        if found.missed and now - line.next > grace:
            newest = line.schedule.before(now)
            lapsed.append(Lapsed(line.job, line.account_id, newest, found.missed))
        if found.last != line.last:
            line.move(found.last)
        return next(iter(found.ticks), None), lapsed

    @staticmethod
    def _pass_by(line: _Line, now: datetime) -> None:
        """A run is at work: its ticks wait or are let go; wake-ups always wait."""
        if not _queues(line.job) and line.next <= now:
            line.move(line.schedule.before(now))


def _queues(job: Job) -> bool:
    return job.overlap is Overlap.QUEUE or job.missed is Missed.ALL
