"""Knowing which processes are alive, and taking over the runs of those that are not.

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
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.repositories import job_rows
from stonechat.database.repositories.job_rows import ExecutorRow
from stonechat.jobs.engine import Engine
from stonechat.jobs.ledger import Ledger

ORPHAN_CHECK = timedelta(seconds=30)
"""How often the engine is asked for runs whose holder has no row at all (real time)."""


class Lease:
    """This process's own heartbeat. ``executor_id`` is unique to this start."""

    def __init__(self, executor_id: str, clock: Clock, limit: timedelta) -> None:
        self.executor_id = executor_id
        self._clock = clock
        self._limit = limit.total_seconds() * 0.8
        self._beaten = clock.monotonic()
        self._steady_since = clock.monotonic()
        self.company = False
        """Whether another process has been heard of lately."""

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
) -> list[str]:
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
            gone.append(row.executor_id)
    return gone


def pid_alive(pid: int) -> bool:
    """Whether a process of this number, other than this one, exists on this machine."""
    return pid != os.getpid() and psutil.pid_exists(pid)


class Pulse:
    """One heartbeat after the other, and a look at everybody else's."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        engine: Engine,
        lease: Lease,
        clock: Clock,
        heartbeat: timedelta,
        limit: timedelta,
        host: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._lease = lease
        self._clock = clock
        self._heartbeat = heartbeat
        self._limit = limit
        self._host = host or socket.gethostname()
        self._orphans_checked: float | None = None

    async def beat(self, held: Collection[str] = ()) -> Sequence[str]:
        """Store this process's heartbeat; take over from whoever is gone, and return their names.

        Args:
            held: the runs that this process is at work on.

        Raises:
            Transient: the database is away.
        """
        at = self._clock.monotonic()
        try:
            seen = await self._ledger.write(self._store)
        except Transient:
            self._lease.failed()
            raise
        self._lease.beaten(at)
        others = (row for row in seen if row.executor_id != self._lease.executor_id)
        self._lease.company = any(row.silent < self._limit for row in others)
        gone = self._gone(seen)
        orphans = await self._orphans(seen, held)
        for executor_id in (*gone, *orphans):
            await self._take_over(executor_id)
        return (*gone, *orphans)

    async def _store(self, connection: AsyncConnection) -> list[ExecutorRow]:
        await job_rows.beat(connection, self._lease.executor_id, host=self._host, pid=os.getpid())
        return await job_rows.executors_seen(connection)

    async def leave(self, *, holding: bool) -> None:
        """This process stops: nobody needs to wait for its silence. ``holding``: it leaves runs behind."""
        away = job_rows.retire_executor if holding else job_rows.forget_executor
        await self._ledger.write(lambda connection: away(connection, self._lease.executor_id))

    def _gone(self, seen: Sequence[ExecutorRow]) -> list[str]:
        if self._lease.steady() < 2 * self._heartbeat:
            return []  # after an outage everybody looks silent: let them speak first
        limit = self._limit if self._lease.steady() >= self._limit else timedelta.max
        return silent_ones(
            seen,
            me=self._lease.executor_id,
            host=self._host,
            pid_alive=pid_alive,
            heartbeat=self._heartbeat,
            limit=limit,
        )

    async def _orphans(self, seen: Sequence[ExecutorRow], held: Collection[str]) -> list[str]:
        """Processes that hold runs but have no row; runs that this one claimed and never began are freed."""
        now = self._clock.monotonic()
        due = self._orphans_checked is None or now - self._orphans_checked > ORPHAN_CHECK.total_seconds()
        if not due or self._lease.steady() < self._limit:
            return []
        self._orphans_checked = now
        me = self._lease.executor_id
        known = {row.executor_id for row in seen} | {me}
        claims = await self._engine.claims()
        for claim in claims:
            if claim.executor_id == me and claim.run_id not in held and claim.age > ORPHAN_CHECK:
                await self._engine.give_back(claim.run_id)
        return sorted({claim.executor_id for claim in claims} - known)

    async def _take_over(self, executor_id: str) -> None:
        await self._engine.recover(executor_id)
        await self._ledger.write(lambda connection: job_rows.forget_executor(connection, executor_id))
