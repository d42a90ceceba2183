"""Which runs to ask for now: decided purely, from the time and what is known.

One *line* for each job and account. A line remembers up to which tick it has dealt with its schedule,
and the extra wake-ups asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """A run to ask for. ``before`` and ``woken`` put it back if it is refused."""

    job: Job
    account_id: str | None
    tick: datetime
    trigger: str
    before: datetime
    woken: tuple[datetime, ...] = ()

    @property
    def key(self) -> Key:
        return (self.job.name, self.account_id)

    @property
    def run_id(self) -> str:
        return run_name(self.job.name, self.account_id, self.tick)


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
    wakes: set[datetime] = field(default_factory=set)
    held: str | None = None

    def move(self, last: datetime) -> None:
        self.last = last
        self.next = self.schedule.after(last)

    def due_at(self) -> datetime:
        return min(self.next, *self.wakes) if self.wakes else self.next

    def woken(self, now: datetime) -> tuple[datetime, ...]:
        return tuple(sorted(at for at in self.wakes if at <= now)) if self.wakes else ()


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
        self._schedules = {job.name: schedule_of(job) for job in jobs}
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
        self, now: datetime, *, busy: Callable[[Key], bool], held: Callable[[Job, str | None], str | None]
    ) -> Look:
        """What to do at ``now``.

        Args:
            busy: whether a run of this line has not ended.
            held: why runs of this line wait (paused, a dependency is down); None if they do not.
        """
        launches: list[Launch] = []
        waiting: list[Held] = []
        lapsed: list[Lapsed] = []
        for key, line in self._lines.items():
            if now < line.last:
                line.move(now)  # the clock was set back: carry on from here
            if line.due_at() > now:
                continue
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
            launch, gone = self._launch(line, now)
            launches.extend(launch)
            lapsed.extend(gone)
        return Look(tuple(launches), tuple(waiting), tuple(lapsed))

    def refuse(self, launch: Launch, *, busy: bool) -> None:
        """The run could not be asked for: it is due again.

        Args:
            busy: because another run of the line has not ended; then the overlap policy may let it go.
        """
        line = self._lines.get(launch.key)
        if line is None:
            return
        line.wakes.update(launch.woken)
        if launch.trigger == "schedule" and (not busy or _queues(launch.job)):
            line.move(launch.before)

    def wake(self, job: str, at: datetime, account_id: str | None) -> bool:
        """One more run at ``at``; False if there is no such line."""
        line = self._lines.get((job, account_id))
        if line is None:
            return False
        line.wakes.add(at)
        return True

    def next_at(self, *, busy: Callable[[Key], bool]) -> datetime | None:
        """The first moment at which something falls due, on lines that are not held."""
        moments = []
        for key, line in self._lines.items():
            if line.held is not None:
                continue
            if not busy(key):
                moments.append(line.due_at())
            elif not _queues(line.job):
                moments.append(line.next)
        return min(moments, default=None)

    def job(self, name: str) -> Job | None:
        """The declaration of a name, if there is one."""
        return self._jobs.get(name)

    def lines(self) -> Iterable[tuple[Job, str | None, datetime]]:
        """Each line with its next tick."""
        return [(line.job, line.account_id, line.next) for line in self._lines.values()]

    def _line(self, job: Job, account_id: str | None, now: datetime) -> _Line:
        schedule = self._schedules[job.name]
        last = min(self._last.get((job.name, account_id), now), now)
        return _Line(job, account_id, schedule, last, schedule.after(last))

    def _launch(self, line: _Line, now: datetime) -> tuple[list[Launch], list[Lapsed]]:
        grace = max(line.job.grace, self._grace)
        before = line.last
        found = due(line.schedule, before, now, policy=line.job.missed, grace=grace)
        lapsed = []
        if found.missed and now - line.next > grace:
            newest = line.schedule.before(now)
            lapsed.append(Lapsed(line.job, line.account_id, newest, found.missed))
        if found.last != before:
            line.move(found.last)
        woken = line.woken(now)
        line.wakes.difference_update(woken)
        if found.ticks:
            return [Launch(line.job, line.account_id, found.ticks[0], "schedule", before, woken)], lapsed
        if woken:
            return [Launch(line.job, line.account_id, woken[-1], "wake", before, woken)], lapsed
        return [], lapsed

    @staticmethod
    def _pass_by(line: _Line, now: datetime) -> None:
        """A run is at work: its ticks wait or are let go; wake-ups always wait."""
        if not _queues(line.job) and line.next <= now:
            line.move(line.schedule.before(now))


def _queues(job: Job) -> bool:
    return job.overlap is Overlap.QUEUE or job.missed is Missed.ALL
