"""What can be seen and done about jobs from any process that reaches the database.

The processes that run jobs notice within seconds: a row that waits is run, a switch holds, a cancelled
run is stopped. Nothing here needs the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import accounts as switches
from stonechat.database.repositories import job_rows, job_writes, run_outcomes
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.job_rows import RunRow, StepRow
from stonechat.database.repositories.run_outcomes import RunTime, Tally
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.checking import unknown
from stonechat.jobs.declaration import Job
from stonechat.jobs.ticks import schedule_of
from stonechat.jobs.timetable import Key, run_name
from stonechat.jobs.watchdog import KEPT, SILENT, Health, Seen, Verdict, judge

TIMES = timedelta(days=2)
"""How far back (real time) the times of runs are shown."""

Verdicts = Callable[[str, str | None], Verdict]


class AskedRun(TypedDict):
    """What :func:`~stonechat.database.repositories.job_writes.schedule` stores of a run that waits."""

    run_id: str
    account_id: str | None
    job: str
    tick: datetime
    trigger: str
    now: datetime


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job and account as the pages show it.

    ``every`` is account time (None for a cron job); ``next_tick`` is when it next runs: by its schedule, by
    a wake-up, or because a row falls due; ``last`` is the newest run that came to an outcome; ``state`` is
    what its monitor thinks (``healthy``, ``late``, ``failing``, ``unknown``);
    ``success_rate`` is of the last day of real time (None without any run); doing nothing though work was
    due is no success.
    """

    name: str
    account_id: str | None
    every: timedelta | None
    cron: str | None
    next_tick: datetime
    paused: str | None
    last: RunRow | None
    state: str
    why: str
    success_rate: float | None
    critical: bool
    useful: str


class Desk:
    """Jobs over the database alone.

    Args:
        jobs: the declarations.
        verdicts: what the monitors of this process think; without it, what the rows alone tell.
    """

    def __init__(
        self, database: Database, clock: Clock, jobs: Sequence[Job], verdicts: Verdicts | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._jobs = {job.name: job for job in jobs}
        self._verdicts = verdicts

    async def status(self, accounts: Sequence[str]) -> list[JobStatus]:
        """Every job and account: what it last did, how well, and when it is next due."""
        since = self._clock.wall() - timedelta(days=1)
        needed = KEPT if self._verdicts is None else 1
        async with self._database.read("jobs.status") as connection:
            tallies = await run_outcomes.tallies(connection, since)
            off = {switch.scope: switch.why for switch in await switches.switched_off(connection)}
            wakeups = await wakeup_rows.waiting(connection)
            keys = [(job.name, owner) for job in self._jobs.values() for owner in _owners(job, accounts)]
            newest = await run_outcomes.newest(connection, keys)
            ends = await run_outcomes.last_ends(connection, keys, needed)
            sooner = {
                name: await self._sooner(connection, job, _owners(job, accounts), wakeups)
                for name, job in self._jobs.items()
            }
        return [
            self._line(
                self._jobs[key[0]],
                key[1],
                ends.get(key, []),
                newest=newest.get(key),
                sooner=sooner[key[0]].get(key[1]),
                paused=paused(off, *key),
                tally=tallies.get(key),
            )
            for key in keys
        ]

    def _line(
        self,
        job: Job,
        account_id: str | None,
        ends: Sequence[RunRow],
        *,
        newest: RunRow | None,
        sooner: datetime | None,
        paused: str | None,
        tally: Tally | None,
    ) -> JobStatus:
        verdict = self._verdict(job, account_id, ends, newest, paused)
        tick = schedule_of(job, account_id).after(self._clock.now())
        total = tally.succeeded + tally.failed if tally is not None else 0
        return JobStatus(
            name=job.name,
            account_id=account_id,
            every=job.every,
            cron=job.cron,
            next_tick=tick if sooner is None else min(tick, sooner),
            paused=paused,
            last=ends[0] if ends else None,
            state=verdict.health.value,
            why=verdict.why,
            success_rate=(tally.succeeded - tally.idle) / total if tally is not None and total else None,
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

    async def times(self, limit: int = 30) -> dict[Key, list[RunTime]]:
        """By job and account: how long its latest runs took and how they ended, oldest first."""
        async with self._database.read("jobs.times") as connection:
            since = self._clock.wall() - TIMES
            rows = await run_outcomes.latest_times(connection, since, limit)
        found: dict[Key, list[RunTime]] = {}
        for row in rows:
            found.setdefault((row.job, row.account_id), []).append(row)
        return found

    async def history(
        self, job: str | None = None, account_id: str | None = None, *, limit: int = 50
    ) -> list[RunRow]:
        """The latest runs, newest first."""
        async with self._database.read("jobs.history") as connection:
            return await job_rows.history(connection, job=job, account_id=account_id, limit=limit)

    async def show(self, run_id: str) -> tuple[RunRow, list[StepRow]] | None:
        """One run with its steps; None if there is no such run."""
        async with self._database.read("jobs.show") as connection:
            row = await job_rows.get(connection, run_id)
            return (row, await job_rows.steps_of(connection, run_id)) if row is not None else None

    async def ask(self, job: str, account_id: str | None = None, *, by: str) -> str:
        """Have a job run now, even if paused; returns the run's id. A process that runs jobs takes it up.

        Raises:
            Permanent: no job is called that, or it runs for an account and none is given.
        """
        asked = self.asked(job, account_id, by=by)
        async with self._database.begin("jobs.ask") as connection:
            await job_writes.schedule(connection, [asked])
        return asked["run_id"]

    def asked(self, job: str, account_id: str | None, *, by: str) -> AskedRun:
        """The row of a run that somebody asks for now.

        Raises:
            ValueError: see :meth:`ask`.
        """
        declared = self.job(job)
        if declared.per_account != (account_id is not None):
            wants = "for one account" if declared.per_account else "for the whole system"
            raise Permanent(f"The job {job} runs {wants}.", remedy="Name the account, or none.")
        now = self._clock.now()
        return {
            "run_id": run_name(job, account_id, now),
            "account_id": account_id,
            "job": job,
            "tick": now,
            "trigger": f"manual: {by}"[:40],
            "now": self._clock.wall(),
        }

    async def pause(self, job: str | None, account_id: str | None = None, *, by: str, why: str) -> None:
        """Hold the ticks of a job (of one account, or all; of all jobs if None) until resumed."""
        async with self._database.begin("jobs.pause") as connection:
            await switches.switch_off(
                connection,
                self._scope(job, account_id),
                account_id=account_id,
                who=by,
                why=why,
                now=self._clock.now(),
            )

    async def resume(self, job: str | None, account_id: str | None = None, *, by: str, why: str = "") -> None:
        """Go on; what passed in between is made up for as the job's policy says, without a burst."""
        async with self._database.begin("jobs.resume") as connection:
            scope = self._scope(job, account_id)
            await switches.switch_on(connection, scope, who=by, why=why, now=self._clock.now())

    async def cancel(self, run_id: str, *, by: str) -> bool:
        """Give up a run that has not ended, on whichever host it is; False if it had."""
        async with self._database.begin("jobs.cancel") as connection:
            note = f"cancelled by {by}"
            return await job_rows.cancel(connection, run_id, note=note, now=self._clock.wall())

    def job(self, name: str) -> Job:
        """The declaration of a name.

        Raises:
            Permanent: there is none.
        """
        if name not in self._jobs:
            raise unknown(name, self._jobs)
        return self._jobs[name]

    def _scope(self, job: str | None, account_id: str | None) -> str:
        if job is None:
            return "job"
        self.job(job)
        return f"job/{job}" if account_id is None else f"job/{job}/{account_id}"

    def _verdict(
        self,
        job: Job,
        account_id: str | None,
        ends: Sequence[RunRow],
        newest: RunRow | None,
        paused: str | None,
    ) -> Verdict:
        if self._verdicts is not None:
            return self._verdicts(job.name, account_id)
        now, wall, speed = self._clock.now(), self._clock.wall(), self._clock.speed
        seen = Seen(ends=ends)
        if newest is not None and paused is None and newest.trigger != "held":
            ended = ends[0].ended_at if ends else None
            heard = newest.state is RunState.RUNNING and wall - (newest.heartbeat_at or wall) < SILENT
            seen = Seen(
                ends=ends,
                active=newest if heard else None,
                last_tick=newest.tick,
                covered=None if ended is None else now - (wall - ended) * speed,
                watched_since=newest.tick,
            )
        schedule = schedule_of(job, account_id)
        return judge(job, schedule, seen, now=now, wall=wall, speed=speed, before=Health.UNKNOWN)


def _owners(job: Job, accounts: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(accounts) if job.per_account else (None,)


def paused(off: dict[str, str], job: str, account_id: str | None) -> str | None:
    """Why the owner has paused a job or account, by what is switched off; None if they have not."""
    for scope in ("job", f"job/{job}", f"job/{job}/{account_id}"):
        if scope in off:
            return off[scope] or "paused"
    return None
