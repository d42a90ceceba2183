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
from stonechat.database.repositories import job_progress, wakeups
from stonechat.database.repositories.job_progress import HeldTick
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.execution.durable_runs import Execution
from stonechat.jobs.execution.executor import IsDown
from stonechat.jobs.execution.failover import Heartbeat
from stonechat.jobs.execution.log_throttle import Outage
from stonechat.jobs.execution.run_records import Enqueued
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.job import Job, queue_of
from stonechat.jobs.scheduling import owner_requests
from stonechat.jobs.scheduling.cluster_state import ClusterState, read_cluster_state
from stonechat.jobs.scheduling.due_runs import DueNow, DueRun, DueRuns, Key
from stonechat.jobs.scheduling.owner_requests import order_of
from stonechat.jobs.validation import unknown

log = structlog.get_logger()

SHORTEST = timedelta(milliseconds=50)
LONGEST = timedelta(seconds=1)
"""Real time between two looks at what is due: at most 20 a second, and a clock jump is seen in one."""

REFRESH = timedelta(seconds=2)
"""Real time between two looks at what other processes changed: switches and runs."""

AHEAD = 2
"""So many times what all hosts can do at once is asked for: the rest waits here, by its priority."""


class Scheduler:
    """Looks at what is due, and asks for the runs.

    Args:
        places: how many runs of each queue this process does at once.
        accounts: the ids of the accounts served now; asked often.
    """

    def __init__(
        self,
        *,
        due_runs: DueRuns,
        jobs: Mapping[str, Job],
        execution: Execution,
        database: Database,
        heartbeat: Heartbeat,
        clock: Clock,
        events: EventStream,
        accounts: Callable[[], Sequence[str]],
        is_down: IsDown,
        places: Mapping[str, int],
    ) -> None:
        self._due_runs = due_runs
        self._jobs = jobs
        self._execution = execution
        self._database = database
        self._heartbeat = heartbeat
        self._clock = clock
        self._events = events
        self._accounts = accounts
        self._is_down = is_down
        self._places = places
        self._busy: dict[Key, float] = {}
        self._just_ended: dict[Key, float] = {}
        self._state = ClusterState()
        self._refreshed: float | None = None
        self._poked = asyncio.Event()

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """One more run of ``job`` at account time ``at``, besides its schedule. Asked twice, it runs once.

        Raises:
            Permanent: no job is called that.
        """
        if job not in self._jobs:
            raise unknown(job, self._jobs)
        self._due_runs.serve(self._accounts(), self._clock.now())
        if not self._due_runs.wake(job, at, account_id):
            log.warning("job.wake_without_account", job=job, account_id=account_id)
        self._poked.set()

    def ended(self, request: RunRequest) -> None:
        """A run that this process held has ended: another may follow."""
        key = (request.job, request.account_id)
        self._busy.pop(key, None)
        self._just_ended[key] = self._clock.monotonic()
        soon = self._clock.now() + LONGEST * self._clock.speed
        if self._due_runs.waits(key, soon):
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
        found = self._due_runs.look(
            now, busy=self._is_busy, held=self.held, admits=self._admission(), recheck=refreshed
        )
        answers = await self._ask_for(found.runs)
        followed = [
            Wakeup(one.job.name, one.account_id, until)
            for one, answer in zip(found.runs, answers, strict=True)
            if (until := one.answered(new=answer is Enqueued.NEW))
        ]
        if found.held or followed:
            await self._note(found, followed)
        for lapsed in found.lapsed:
            policy = lapsed.job.missed.value
            why = f"{lapsed.count} ticks passed while nothing ran (policy {policy})"
            self._events.emit(
                RunMissed(job=lapsed.job.name, account_id=lapsed.account_id, tick=lapsed.tick, why=why)
            )

    async def ask(self, job: Job, request: RunRequest) -> Enqueued:
        """Ask for one run, whatever else there is."""
        (answer,) = await self._execution.enqueue([order_of(job, request)])
        self._busy[(request.job, request.account_id)] = self._clock.monotonic()
        return answer

    def schedules(self, beginning: str = "") -> int:
        """How many jobs and accounts are looked after whose job's name begins so."""
        return self._due_runs.size(beginning)

    def held(self, job: Job, account_id: str | None) -> str | None:
        """Why runs of this job and account wait: paused, or something they need is down."""
        if self._state.off:
            for scope in ("job", f"job/{job.name}", f"job/{job.name}/{account_id}"):
                if scope in self._state.off:
                    return self._state.off[scope] or "paused"
        return next((why for need in sorted(job.needs) if (why := self._is_down(need))), None)

    async def _ask_for(self, runs: Sequence[DueRun]) -> list[Enqueued]:
        if not runs:
            return []
        orders = [
            order_of(run.job, RunRequest(run.job.name, run.account_id, run.tick, run.trigger)) for run in runs
        ]
        try:
            answers = await self._execution.enqueue(orders)
        except BaseException:
            for run in runs:
                self._due_runs.refuse(run)
            raise
        now = self._clock.monotonic()
        for run, answer in zip(runs, answers, strict=True):
            if answer is Enqueued.KNOWN:
                self._due_runs.known(run)
            else:
                self._busy[run.key] = now
        return answers

    def _is_busy(self, key: Key) -> bool:
        return key in self._busy

    def _admission(self) -> Callable[[Job], bool]:
        """Whether there is room for one more run of a job, counting those admitted before it."""
        of_job = Counter(name for name, _ in self._busy)
        of_queue: Counter[str] = Counter()
        for name, count in of_job.items():
            if name in self._jobs:
                of_queue[queue_of(self._jobs[name])] += count

        def admits(job: Job) -> bool:
            queue = queue_of(job)
            if job.at_once is not None and of_job[job.name] >= job.at_once:
                return False
            if of_queue[queue] >= self._places[queue] * max(1, self._heartbeat.hosts) * AHEAD:
                return False
            of_job[job.name] += 1
            of_queue[queue] += 1
            return True

        return admits

    async def _note(self, found: DueNow, followed: Sequence[Wakeup]) -> None:
        """Keep which ticks were held back, and which wake-ups have been followed by a run."""
        wall = self._clock.wall()
        held = {(one.job.name, one.account_id): HeldTick(one.tick, wall, one.why) for one in found.held}
        async with self._database.begin("jobs.note") as connection:
            await wakeups.followed(connection, followed)
            if held:
                await job_progress.hold(connection, held, wall)

    async def _refresh(self) -> bool:
        """See what stands in the rows, if it is time: switches, runs, wake-ups, and when work is next due."""
        now = self._clock.monotonic()
        if self._refreshed is not None and now - self._refreshed < REFRESH.total_seconds():
            return False
        moment = self._clock.now()
        self._due_runs.serve(self._accounts(), moment)
        unseen = {name: self._due_runs.unseen(name) for name, job in self._jobs.items() if job.upcoming}
        jobs = list(self._jobs.values())
        found = await read_cluster_state(self._database, self._execution.store, jobs, unseen)
        if found.asked:
            store = self._execution.store
            await owner_requests.do(self._database, store, self._jobs, self._clock, found.asked)
        self._state = found
        self._refreshed = now
        for wakeup in found.wakeups:
            self._due_runs.wake(wakeup.job, wakeup.at, wakeup.account_id)
        for name, rows in found.upcoming.items():
            self._due_runs.expect(name, rows, moment)
        active = [key for key in found.active if self._just_ended.get(key, -1.0) < now]  # as it was read
        long_ago = now - REFRESH.total_seconds()
        asked_since = {key: at for key, at in self._busy.items() if at > long_ago}
        self._busy = dict.fromkeys(active, long_ago) | asked_since
        self._just_ended.clear()
        return True

    async def _pause(self) -> None:
        pause = LONGEST
        room = self._admission()
        next_at = self._due_runs.next_at(busy=self._is_busy, full=lambda job: not room(job))
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
