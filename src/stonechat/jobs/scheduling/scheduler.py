"""The loop that asks for the runs that are due.

Every process runs this loop. All compute the same ticks, and a run's name is its tick, so each tick is
run once whoever asks first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, RunMissed
from stonechat.database.connection.database import Database
from stonechat.database.repositories import accounts as switches
from stonechat.database.repositories import job_progress, wakeups
from stonechat.database.repositories.job_progress import HeldTick, JobRun, Key
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.execution.durable_runs import Execution
from stonechat.jobs.execution.failover import Heartbeat
from stonechat.jobs.execution.log_throttle import Outage
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.job import IsDown, Job
from stonechat.jobs.scheduling import owner_requests
from stonechat.jobs.scheduling.due_runs import DueRun, DueRuns, PassedTick
from stonechat.jobs.validation import unknown

log = structlog.get_logger()

SHORTEST = timedelta(milliseconds=50)
LONGEST = timedelta(seconds=1)
"""Real time between two looks at what is due: at most 20 a second, and a clock jump is seen in one."""

REFRESH = timedelta(seconds=2)
"""Real time between two looks at what other processes changed: switches and runs."""

AHEAD = 2
"""So many times what all hosts can do at once is asked for: the rest waits here, by its priority."""


def paused(off: Mapping[str, str], job: str, account_id: str | None) -> str | None:
    """Why the owner has paused a job or account, by what is switched off; None if they have not."""
    if off:
        for scope in ("job", f"job/{job}", f"job/{job}/{account_id}"):
            if scope in off:
                return off[scope] or "paused"
    return None


class Scheduler:
    """Looks at what is due, and asks for the runs.

    Args:
        accounts: the ids of the accounts served now; asked often.
    """

    def __init__(
        self,
        *,
        due_runs: DueRuns,
        execution: Execution,
        database: Database,
        heartbeat: Heartbeat,
        clock: Clock,
        events: EventStream,
        accounts: Callable[[], Sequence[str]],
        is_down: IsDown,
    ) -> None:
        self._due_runs = due_runs
        self._jobs = due_runs.jobs
        self._execution = execution
        self._database = database
        self._heartbeat = heartbeat
        self._clock = clock
        self._events = events
        self._accounts = accounts
        self._is_down = is_down
        self._off: Mapping[str, str] = {}
        self._busy: dict[Key, float] = {}
        """Jobs and accounts with a run that has not ended, and since when (monotonic) this process knows."""
        self._just_ended: dict[Key, float] = {}
        self._refreshed: float | None = None
        self._poked = asyncio.Event()

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """One more run of ``job`` at account time ``at``, besides its schedule. Asked twice, it runs once.

        Raises:
            NotFound: no job is called that.
        """
        if job not in self._jobs:
            raise unknown(job, self._jobs)
        self._due_runs.serve(self._accounts(), self._clock.now())
        if not self._due_runs.wake(job, at, account_id):
            log.warning("job.wake_without_account", job=job, account_id=account_id)
        self._poked.set()

    def ended(self, request: RunRequest) -> None:
        """A run that this process held has ended: another may follow."""
        self._busy.pop(request.key, None)
        self._just_ended[request.key] = self._clock.monotonic()
        soon = self._clock.now() + LONGEST * self._clock.speed
        if self._due_runs.waits(request.key, soon):
            self._poked.set()

    def refresh_soon(self) -> None:
        """Something was switched: look at once."""
        self._refreshed = None
        self._poked.set()

    async def run(self) -> None:
        """Ask for runs until cancelled."""
        outage = Outage("schedule")
        while True:
            self._poked.clear()
            try:
                await self.look()
                outage.is_over()
            except Transient as exc:
                outage.goes_on(exc.what)
                await self._clock.sleep_real(LONGEST)
            await self._pause()

    async def look(self) -> None:
        """One look: ask for everything that is due now and for which there is room."""
        refreshed = await self._refresh()
        now = self._clock.now()
        self._due_runs.serve(self._accounts(), now)
        asked_for = self._asked_for()  # as of this look: what ends while it goes on leaves room for the next
        admits = self._admission(asked_for)
        found = self._due_runs.look(
            now, busy=self._busy.__contains__, held=self.held, admits=admits, recheck=refreshed
        )
        followed = await self._ask_for(found.runs)
        if found.held or followed:
            await self._note(found.held, followed)
        for one in found.lapsed:
            self._events.emit(RunMissed(job=one.job, account_id=one.account_id, tick=one.tick, why=one.why))
        await self._execution.hurry(asked_for)

    async def ask(self, job: Job, request: RunRequest) -> None:
        """Ask for one run, whatever else there is."""
        await self._execution.store.enqueue([(job.queue, request)])
        self._busy[request.key] = self._clock.monotonic()

    def held(self, job: Job, account_id: str | None) -> str | None:
        """Why runs of this job and account wait: paused, or something they need is down."""
        why = paused(self._off, job.name, account_id)
        if why is not None:
            return why
        return next((why for need in sorted(job.needs) if (why := self._is_down(need))), None)

    async def _ask_for(self, runs: Sequence[DueRun]) -> list[Wakeup]:
        """Returns the wake-ups that a run has followed."""
        if not runs:
            return []
        try:
            news = await self._execution.store.enqueue([(run.job.queue, run.request) for run in runs])
        except BaseException:
            for run in runs:
                self._due_runs.refuse(run)
            raise
        now = self._clock.monotonic()
        followed = []
        for run, new in zip(runs, news, strict=True):
            if new:
                self._busy[run.request.key] = now
            else:
                self._due_runs.known(run)
            until = run.answered(new=new)
            if until is not None:
                followed.append(Wakeup(run.job.name, run.request.account_id, until))
        return followed

    def _asked_for(self) -> Counter[str]:
        """How many runs of each queue have not ended, on any host."""
        of_queue: Counter[str] = Counter()
        for name, count in Counter(name for name, _ in self._busy).items():
            if name in self._jobs:
                of_queue[self._jobs[name].queue] += count
        return of_queue

    def _admission(self, of_queue: Counter[str]) -> Callable[[Job], bool]:
        """Whether there is room for one more run of a job, which is then counted with the rest."""
        hosts = max(1, self._heartbeat.hosts)

        def admits(job: Job) -> bool:
            if of_queue[job.queue] >= self._execution.places[job.queue] * hosts * AHEAD:
                return False
            of_queue[job.queue] += 1
            return True

        return admits

    async def _note(self, held: Sequence[PassedTick], followed: Sequence[Wakeup]) -> None:
        """Keep which ticks were held back, and which wake-ups have been followed by a run."""
        wall = self._clock.wall()
        ticks = {(one.job, one.account_id): HeldTick(one.tick, wall, one.why) for one in held}
        async with self._database.begin("jobs.note") as connection:
            await wakeups.followed(connection, followed)
            if ticks:
                await job_progress.hold(connection, ticks, wall)

    async def _refresh(self) -> bool:
        """See what stands in the rows, if it is time: each thing is read once for all accounts."""
        now, moment = self._clock.monotonic(), self._clock.now()
        if self._refreshed is not None and now - self._refreshed < REFRESH.total_seconds():
            return False
        self._due_runs.serve(self._accounts(), moment)
        store = self._execution.store
        active = await store.active()
        async with self._database.read("jobs.refresh") as connection:
            off = await switches.switched_off(connection)
            waiting = await wakeups.waiting(connection)
            asked = await wakeups.asked(connection)
            upcoming = {
                job.name: await job.upcoming(connection, self._due_runs.unseen(job.name))
                for job in self._jobs.values()
                if job.upcoming is not None
            }
        if asked:
            await owner_requests.do(self._database, store, self._jobs, self._clock, asked)
        self._off = {one.scope: one.why for one in off if one.scope.split("/")[0] == "job"}
        self._refreshed = now
        for wakeup in waiting:
            self._due_runs.wake(wakeup.job, wakeup.at, wakeup.account_id)
        for name, rows in upcoming.items():
            self._due_runs.expect(name, rows, moment)
        self._learn_busy(active, now)
        return True

    def _learn_busy(self, active: Sequence[JobRun], read_at: float) -> None:
        """What the engine said, corrected by what this process has asked for and seen end since."""
        long_ago = read_at - REFRESH.total_seconds()
        keys = {(run.job, run.account_id) for run in active}
        asked_since = {key: at for key, at in self._busy.items() if at > long_ago}
        ended = {key for key, at in self._just_ended.items() if at >= read_at}
        self._busy = dict.fromkeys(keys - ended, long_ago) | asked_since
        self._just_ended.clear()

    async def _pause(self) -> None:
        pause = LONGEST
        room = self._admission(self._asked_for())
        next_at = self._due_runs.next_at(busy=self._busy.__contains__, full=lambda job: not room(job))
        if next_at is not None:
            pause = min(pause, (next_at - self._clock.now()) / self._clock.speed)
        timer = asyncio.ensure_future(self._clock.sleep_real(max(pause, SHORTEST)))
        poked = asyncio.ensure_future(self._poked.wait())
        try:
            await asyncio.wait({timer, poked}, return_when=asyncio.FIRST_COMPLETED)
            if not timer.done():
                await self._clock.sleep_real(SHORTEST)
        finally:
            timer.cancel()
            poked.cancel()
