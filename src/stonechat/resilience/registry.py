"""All breakers of the process: synchronised with other hosts, and probed in the background."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.core.supervision import supervise
from stonechat.database import Database
from stonechat.resilience.circuit_breaker import Breaker, BreakerStatus, ProbeFunction
from stonechat.resilience.state_machine import BreakerPolicy
from stonechat.resilience.store import BreakerStore, DatabaseBreakers

TICK = timedelta(seconds=1)
SYNC_EVERY = 5
"""Ticks between two looks at what other hosts have stored."""


class Breakers:
    """The breakers by name. Made by :func:`open_breakers`."""

    def __init__(
        self, store: BreakerStore | None, clock: Clock, events: EventStream, rng: random.Random
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._rng = rng
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{fresh_id()[:8]}"
        self._all: dict[str, Breaker] = {}

    def add(self, name: str, policy: BreakerPolicy, probe: ProbeFunction | None = None) -> Breaker:
        """A breaker that is shared under ``name`` by all hosts.

        Args:
            probe: what finds out in the background whether all is well again; without one, the next
                call after the wait is the probe.
        """
        if name in self._all:
            raise ValueError(f"there is a breaker {name!r} already")
        breaker = Breaker(
            name,
            policy,
            owner=self._owner,
            clock=self._clock,
            events=self._events,
            rng=self._rng,
            store=self._store,
            probe=probe,
        )
        self._all[name] = breaker
        return breaker

    def get(self, name: str) -> Breaker:
        """The breaker of that name.

        Raises:
            Permanent: there is none.
        """
        if name not in self._all:
            known = ", ".join(sorted(self._all)) or "none"
            raise Permanent(f"There is no breaker {name!r}.", remedy=f"Known: {known}.")
        return self._all[name]

    def status(self) -> list[BreakerStatus]:
        """The status of each breaker, by name."""
        return [self._all[name].status() for name in sorted(self._all)]

    async def sync(self) -> None:
        """Take over what others have stored, and store what nobody has yet, so that commands know its name.

        A store that is away changes nothing.
        """
        if self._store is None or not self._all:
            return
        try:
            records = await self._store.load()
            for name in self._all.keys() - records.keys():
                await self._all[name].store_first()
        except Transient:
            return
        for name, record in records.items():
            if name in self._all:
                self._all[name].learn(record)

    async def run(self) -> None:
        """Tick and sync until cancelled."""
        ticks = known = 0
        while True:
            if ticks % SYNC_EVERY == 0 or len(self._all) != known:
                known = len(self._all)
                await self.sync()
            for breaker in tuple(self._all.values()):
                await breaker.tick()
            ticks += 1
            await self._clock.sleep_real(TICK)

    async def aclose(self) -> None:
        """End every probe."""
        for breaker in self._all.values():
            await breaker.aclose()


@asynccontextmanager
async def open_breakers(
    database: Database | None, clock: Clock, events: EventStream, rng: random.Random
) -> AsyncIterator[Breakers]:
    """Breakers shared through ``database``, or with None kept in this process alone."""
    breakers = Breakers(DatabaseBreakers(database, clock) if database else None, clock, events, rng)
    loop = asyncio.create_task(
        supervise("resilience.breakers", breakers.run, clock, events), name="resilience.breakers"
    )
    try:
        yield breakers
    finally:
        loop.cancel()
        await asyncio.wait({loop})
        await breakers.aclose()
