"""Knowing which processes are alive, and resuming the runs of those that are not.

Each process stores a heartbeat by the database's clock. A process that is silent for too long loses its
runs to the living. It may wake up again (a frozen machine, a long garbage collection): until its next
heartbeat succeeds it may therefore not start a step without asking who holds the run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta

import psutil
import structlog

from stonechat.config.settings import JobsSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, RunEnded
from stonechat.database.connection.database import Database
from stonechat.database.repositories import executors
from stonechat.database.repositories.executors import ExecutorRow
from stonechat.jobs.execution.outcome_writer import OutcomeWriter
from stonechat.jobs.execution.run_records import HeldRun
from stonechat.jobs.execution.run_request import parse_run_id
from stonechat.jobs.execution.run_store import RunStore

log = structlog.get_logger()

ORPHAN_CHECK = timedelta(seconds=30)
"""How often it is asked which runs are held by nobody that has a row (real time)."""

MAX_TAKEOVERS = 50
"""A run that takes its process down with it this many times is not taken up again."""

STILL = timedelta(seconds=3)
"""A process that freezes between two statements loses its locks after this: other hosts need these rows."""


class Heartbeat:
    """This process's own heartbeat. ``executor_id`` is unique to this start."""

    def __init__(self, executor_id: str, clock: Clock, limit: timedelta) -> None:
        self.executor_id = executor_id
        self._clock = clock
        self._limit = limit.total_seconds() * 0.8
        self._beaten = clock.monotonic()
        self._steady_since = clock.monotonic()
        self.hosts = 1
        """How many processes have been heard of lately, this one included."""

    def fresh(self) -> bool:
        """Whether no other process can have taken this one for dead."""
        return self._clock.monotonic() - self._beaten < self._limit

    def steady(self) -> timedelta:
        """For how long (real time) every heartbeat has succeeded."""
        return timedelta(seconds=self._clock.monotonic() - self._steady_since)

    def beaten(self, at: float) -> None:
        """A heartbeat that was begun at ``at`` (monotonic seconds) is stored."""
        if at - self._beaten > self._limit:
            self._steady_since = at
        self._beaten = at

    def failed(self) -> None:
        """A heartbeat could not be stored."""
        self._steady_since = self._clock.monotonic()


def executor_name(token: str, host: str | None = None) -> str:
    """A name for this start of this process that people can read: host, process id, random token."""
    return f"{host or socket.gethostname()}-{os.getpid()}-{token[:8]}"


def silent_ones(
    seen: Iterable[ExecutorRow],
    *,
    me: str,
    host: str,
    pid_alive: Callable[[int], bool],
    heartbeat: timedelta,
    limit: timedelta,
) -> list[ExecutorRow]:
    """Which processes are gone: silent for ``limit``, or of this host with a process that is no more.

    The second kind may have missed no more than two heartbeats, so that a restart after a crash goes on
    at once; two machines that bear the same name do not take each other for dead while both are heard.
    """
    gone = []
    for row in seen:
        if row.executor_id == me:
            continue
        dead_here = row.host == host and not pid_alive(row.pid) and row.silent > 2 * heartbeat
        if dead_here or row.silent > limit:
            gone.append(row)
    return gone


def pid_alive(pid: int) -> bool:
    """Whether a process of this number, other than this one, exists on this machine."""
    return pid != os.getpid() and psutil.pid_exists(pid)


class Failover:
    """One heartbeat after the other, and a look at everybody else's."""

    def __init__(
        self,
        *,
        database: Database,
        store: RunStore,
        outcomes: OutcomeWriter,
        heartbeat: Heartbeat,
        clock: Clock,
        events: EventStream,
        settings: JobsSettings,
        host: str | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._outcomes = outcomes
        self._heartbeat = heartbeat
        self._clock = clock
        self._events = events
        self._interval = settings.heartbeat
        self._limit = settings.takeover_after
        self._host = host or socket.gethostname()
        self._orphans_checked: float | None = None

    async def beat(self, at_work: Collection[str] = ()) -> Sequence[str]:
        """Store this process's heartbeat; take over from whoever is gone, and return their names.

        Args:
            at_work: the runs that this process is at work on.

        Raises:
            Transient: the database is away.
        """
        at = self._clock.monotonic()
        try:
            async with self._database.begin("jobs.heartbeat", idle=STILL) as connection:
                me = self._heartbeat.executor_id
                await executors.beat(connection, me, host=self._host, pid=os.getpid())
                seen = await executors.seen(connection)
        except Transient:
            self._heartbeat.failed()
            raise
        self._heartbeat.beaten(at)
        self._heartbeat.hosts = 1 + sum(row.executor_id != me and row.silent < self._limit for row in seen)
        gone = [row.executor_id for row in self._gone(seen) if await self._take_over(row)]
        orphaned = await self._resume_orphans(seen, at_work)
        return (*gone, *orphaned)

    async def leave(self, *, holding: bool) -> None:
        """This process stops: nobody needs to wait for its silence. ``holding``: it leaves runs behind."""
        away = executors.retire if holding else executors.forget
        async with self._database.begin("jobs.leave") as connection:
            await away(connection, self._heartbeat.executor_id)

    def _gone(self, seen: Sequence[ExecutorRow]) -> list[ExecutorRow]:
        if self._heartbeat.steady() < 2 * self._interval:
            return []  # after an outage everybody looks silent: let them speak first
        limit = self._limit if self._heartbeat.steady() >= self._limit else timedelta.max
        return silent_ones(
            seen,
            me=self._heartbeat.executor_id,
            host=self._host,
            pid_alive=pid_alive,
            heartbeat=self._interval,
            limit=limit,
        )

    async def _take_over(self, row: ExecutorRow) -> bool:
        """Resume what it held; of several processes that see it gone, one does."""
        async with self._database.begin("jobs.takeover", idle=STILL) as connection:
            if not await executors.claim_takeover(connection, row):
                return False
        await self._resume(await self._store.held(row.executor_id))
        async with self._database.begin("jobs.takeover", idle=STILL) as connection:
            await executors.forget(connection, row.executor_id)
        return True

    async def _resume_orphans(self, seen: Sequence[ExecutorRow], at_work: Collection[str]) -> list[str]:
        """Runs held by processes without a row, and runs that this one claimed and never began."""
        now = self._clock.monotonic()
        due = self._orphans_checked is None or now - self._orphans_checked > ORPHAN_CHECK.total_seconds()
        if not due or self._heartbeat.steady() < self._limit:
            return []
        self._orphans_checked = now
        me, wall = self._heartbeat.executor_id, self._clock.wall()
        known = {row.executor_id for row in seen} | {me}
        orphaned = []
        for run in await self._store.held():
            never_begun = run.executor_id == me and run.run_id not in at_work
            if run.executor_id not in known or (never_begun and wall - run.since > ORPHAN_CHECK):
                orphaned.append(run)
        await self._resume(orphaned)
        return sorted({run.executor_id for run in orphaned} - {me})

    async def _resume(self, runs: Sequence[HeldRun]) -> None:
        hopeless = [run for run in runs if run.takeovers >= MAX_TAKEOVERS or parse_run_id(run.run_id) is None]
        for run in hopeless:
            await self._give_up(run)
        await self._store.resume(run for run in runs if run not in hopeless)

    async def _give_up(self, held: HeldRun) -> None:
        why = "it is no run of ours, or has taken its process down too often; it is given up"
        log.error("job.run_given_up", run_id=held.run_id, takeovers=held.takeovers, why=why)
        await self._store.give_up(held.run_id, why)
        run = await self._store.find(held.run_id)
        if run is None:
            return
        self._outcomes.note(run)
        self._events.emit(
            RunEnded(
                job=run.job,
                account_id=run.account_id,
                run_id=run.run_id,
                state=run.state,
                took=self._clock.wall() - held.since,
                done=0,
                due=0,
                error=run.error,
            )
        )
