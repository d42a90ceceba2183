"""What can be seen and done about jobs from any process that reaches the database.

The processes that run jobs notice within seconds: a run that waits is begun, a switch holds, a cancelled
run is stopped. Nothing here executes a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import accounts as switches
from stonechat.database.repositories import job_progress
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.job_progress import JobProgress, JobRun, Key, RunEnd
from stonechat.database.repositories.wakeups import OwnerRequest, Verb, Wakeup
from stonechat.jobs.execution.run_records import OUTCOMES, RunStep
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.execution.run_store import RunStore
from stonechat.jobs.job import Job
from stonechat.jobs.scheduling import owner_requests
from stonechat.jobs.scheduling.owner_requests import request_of
from stonechat.jobs.scheduling.scheduler import paused
from stonechat.jobs.scheduling.schedules import schedule_of
from stonechat.jobs.scheduling.watchdog import Health, JobHealth, judge, observed
from stonechat.jobs.validation import unknown

log = structlog.get_logger()

Monitors = Callable[[str, str | None], JobHealth]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job and account as the pages show it.

    ``every`` is account time; ``next_tick`` is when it next runs: by its schedule, by
    a wake-up, or because a row falls due; ``last`` is the newest run that came to an outcome; ``state`` is
    what its monitor thinks (``healthy``, ``late``, ``failing``, ``unknown``);
    ``success_rate`` is of the last day of real time (None without any run); doing nothing though work was
    due is no success.
    """

    name: str
    account_id: str | None
    every: timedelta
    next_tick: datetime
    paused: str | None
    last: JobRun | None
    state: str
    why: str
    success_rate: float | None
    critical: bool
    useful: str


class JobOperations:
    """Jobs over the database alone.

    Args:
        jobs: the declarations.
        monitors: what the monitors of this process think; without it, what the rows alone tell.
    """

    def __init__(
        self,
        database: Database,
        store: RunStore,
        clock: Clock,
        jobs: Sequence[Job],
        monitors: Monitors | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._jobs = {job.name: job for job in jobs}
        self._monitors = monitors

    async def status(self, accounts: Sequence[str]) -> list[JobStatus]:
        """Every job and account: what it last did, how well, and when it is next due."""
        owners = {name: _owners(job, accounts) for name, job in self._jobs.items()}
        return await self._status_of([(name, owner) for name in owners for owner in owners[name]])

    async def status_of(self, keys: Sequence[Key]) -> list[JobStatus]:
        """The same of these jobs and accounts alone; what is not declared here is left out."""
        return await self._status_of([key for key in keys if key[0] in self._jobs], few=True)

    async def _status_of(self, keys: Sequence[Key], *, few: bool = False) -> list[JobStatus]:
        owners: dict[str, list[str | None]] = {}
        for name, owner in keys:
            owners.setdefault(name, []).append(owner)
        async with self._database.read("jobs.status") as connection:
            off = {switch.scope: switch.why for switch in await switches.switched_off(connection)}
            wakeups = await wakeup_rows.waiting(connection)
            rows = await (job_progress.of_keys(connection, keys) if few else job_progress.every(connection))
            sooner = {
                name: await self._sooner(connection, self._jobs[name], of_job, wakeups)
                for name, of_job in owners.items()
            }
        active = {} if self._monitors is not None else await self._active()
        wall = self._clock.wall()
        return [
            self._status(
                self._jobs[name],
                rows.get((name, owner), JobProgress(name, owner, wall)),
                active=active.get((name, owner)),
                sooner=sooner[name].get(owner),
                paused=paused(off, name, owner),
            )
            for name, owner in keys
        ]

    async def times(self) -> dict[Key, list[RunEnd]]:
        """By job and account: how long its latest runs took and how they ended, oldest first."""
        async with self._database.read("jobs.times") as connection:
            rows = await job_progress.every(connection)
        return {key: list(reversed(row.ends)) for key, row in rows.items()}

    async def history(
        self, job: str | None = None, account_id: str | None = None, *, limit: int = 50
    ) -> list[JobRun]:
        """The latest runs, newest first, and of each job and account the newest tick that was held back."""
        runs = await self._store.history(job, account_id, limit=limit)
        async with self._database.read("jobs.history") as connection:
            rows = await (
                job_progress.every(connection) if job is None else job_progress.of_job(connection, job)
            )
        wanted = [row for row in rows.values() if account_id is None or row.account_id == account_id]
        held = [run for row in wanted if (run := _held_back(row)) is not None]
        return sorted([*runs, *held], key=_newest, reverse=True)[:limit]

    async def show(self, run_id: str) -> tuple[JobRun, list[RunStep]] | None:
        """One run with its steps; None if there is no such run, and nobody has asked for one."""
        run = await self._store.find(run_id)
        if run is not None:
            return run, await self._store.steps(run_id)
        async with self._database.read("jobs.show") as connection:
            asked = await wakeup_rows.asked(connection)
        waiting = (request_of(one) for one in asked if one.verb is Verb.RUN)
        return next(((_not_begun(one), []) for one in waiting if one.run_id == run_id), None)

    async def ask_for_runs(
        self, connection: AsyncConnection, job: str, account_ids: Sequence[str | None], *, by: str
    ) -> list[str]:
        """Have a job run now for each of these, even if it is paused, once this is committed.

        Returns:
            The ids of the runs. :meth:`do_what_is_asked` does it at once; otherwise a process that runs jobs
            does within seconds.

        Raises:
            Permanent: no job is called that, or it runs for an account and none is given.
        """
        now = self._clock.now()
        requests = [OwnerRequest(Verb.RUN, job, one, now, by) for one in account_ids]
        for one in requests:
            self.check_owner(one.job, one.account_id)
        await wakeup_rows.ask(connection, requests)
        return [request_of(one).run_id for one in requests]

    async def ask_to_cancel(self, connection: AsyncConnection, run_id: str, *, by: str) -> bool:
        """Have a run given up, on whichever host it is, once this is committed; False if it has ended."""
        found = await self.show(run_id)
        if found is None or found[0].state in OUTCOMES:
            return False
        request = OwnerRequest(Verb.CANCEL, found[0].job, found[0].account_id, found[0].tick, by)
        await wakeup_rows.ask(connection, [request])
        return True

    async def do_what_is_asked(self) -> None:
        """Do what was committed; what cannot be done now is done by the next process that runs jobs."""
        try:
            await owner_requests.do_all(self._database, self._store, self._jobs, self._clock)
        except Transient as exc:
            log.warning("job.asked_and_not_done_yet", cause=exc.what)

    def check_owner(self, job: str, account_id: str | None) -> Job:
        """The declaration, once it is certain that the job can run for this account, or for none.

        Raises:
            Permanent: no job is called that, or it runs for an account and none is given, or the reverse.
        """
        declared = self.job(job)
        if declared.per_account is (account_id is None):
            wants = "for one account" if declared.per_account else "for the whole system, for no account"
            raise Permanent(f"The job {job} runs {wants}.", remedy="Name the account, or none.")
        return declared

    def job(self, name: str) -> Job:
        """The declaration of a name.

        Raises:
            Permanent: there is none.
        """
        if name not in self._jobs:
            raise unknown(name, self._jobs)
        return self._jobs[name]

    async def _active(self) -> dict[Key, JobRun]:
        return {(run.job, run.account_id): run for run in reversed(await self._store.active())}

    def _status(
        self,
        job: Job,
        progress: JobProgress,
        *,
        active: JobRun | None,
        sooner: datetime | None,
        paused: str | None,
    ) -> JobStatus:
        health = self._health(job, progress, active, paused)
        tick = schedule_of(job, progress.account_id).after(self._clock.now())
        since = self._clock.wall() - timedelta(days=1)
        today = [end.good for end in progress.ends if end.ended_at >= since]
        return JobStatus(
            name=job.name,
            account_id=progress.account_id,
            every=job.every,
            next_tick=tick if sooner is None else min(tick, sooner),
            paused=paused,
            last=progress.last,
            state=health.health.value,
            why=health.why,
            success_rate=sum(today) / len(today) if today else None,
            critical=job.critical,
            useful=job.useful,
        )

    async def _sooner(
        self, connection: AsyncConnection, job: Job, owners: Sequence[str | None], wakeups: Sequence[Wakeup]
    ) -> dict[str | None, datetime]:
        """By account: a wake-up or a row that falls due."""
        now = self._clock.now()
        found: dict[str | None, datetime] = {}
        for one in wakeups:
            if one.job == job.name:
                found[one.account_id] = min(one.at, found.get(one.account_id, one.at))
        if job.upcoming is not None:
            rows = await job.upcoming(connection, {owner: now for owner in owners if owner is not None})
            for account_id, at in rows.items():
                found[account_id] = min(at, found.get(account_id, at))
        return found

    def _health(
        self, job: Job, progress: JobProgress, active: JobRun | None, paused: str | None
    ) -> JobHealth:
        if self._monitors is not None:
            return self._monitors(job.name, progress.account_id)
        now, wall, speed = self._clock.now(), self._clock.wall(), self._clock.speed
        newest = progress.last.tick if progress.last is not None else progress.position
        held = progress.held is not None and (newest is None or progress.held.tick >= newest)
        seen = observed(
            progress,
            now=now,
            wall=wall,
            speed=speed,
            active=active,
            watched_since=None if paused is not None or held else newest,
        )
        schedule = schedule_of(job, progress.account_id)
        return judge(job, schedule, seen, now=now, wall=wall, speed=speed, before=Health.UNKNOWN)


def _owners(job: Job, accounts: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(accounts) if job.per_account else (None,)


def _held_back(row: JobProgress) -> JobRun | None:
    """A tick that was held back, as a run that did not take place."""
    if row.held is None:
        return None
    return JobRun(
        run_id=f"{RunRequest(row.job, row.account_id, row.held.tick).run_id}!held",
        job=row.job,
        account_id=row.account_id,
        tick=row.held.tick,
        trigger="held",
        state=RunState.SKIPPED,
        asked_at=row.held.at,
        note=row.held.why,
    )


def _not_begun(request: RunRequest) -> JobRun:
    """A run that was asked for and that the engine has not heard of yet."""
    return JobRun(
        run_id=request.run_id,
        job=request.job,
        account_id=request.account_id,
        tick=request.tick,
        trigger=request.trigger,
        state=RunState.SCHEDULED,
    )


def _newest(run: JobRun) -> datetime:
    return run.asked_at or run.tick
