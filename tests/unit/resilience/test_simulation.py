"""Seeded histories: a breaker cannot stay open while what it guards is healthy.

Hosts share a record by compare-and-set and are hit by hung probes, cancelled probes, late results, clock
jumps, clocks that differ, a store that is away, and the loss and restart of hosts. At ``HEALED`` the
guarded thing is healthy for good (a host may still be lost, with the probe that it holds); within the
policy's bound of that, or of the last failure that a call begun before reports, every host must see the
breaker closed. A few hundred seeds ordinarily; ``STONECHAT_BREAKER_SEEDS=10000`` for the proof.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.states import BreakerState
from stonechat.resilience.host_view import CallResult, Now, Ticket, View
from stonechat.resilience.state_machine import BreakerPolicy, Record

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = 10.0
HEALED = 200.0
POLICY = BreakerPolicy(
    consecutive=3,
    minimum_calls=6,
    window=timedelta(minutes=5),
    first_wait=timedelta(seconds=10),
    longest_wait=timedelta(seconds=60),
    probe_lease=timedelta(seconds=30),
)
SEEDS = int(os.environ.get("STONECHAT_BREAKER_SEEDS", "400"))
PARTS = 4


class Store:
    """The shared row, and whether it can be reached."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self.away = False

    def save(self, record: Record, expected: int) -> bool:
        held = 0 if self.record is None else self.record.version
        if held != expected:
            return False
        self.record = record
        return True


@dataclass
class Running:
    """A call or probe under way. ``ends`` is infinity for one that hangs."""

    ticket: Ticket
    ends: float
    outcome: CallResult


class Host:
    """One process: its own clocks, its own view, the calls that it has under way."""

    def __init__(
        self, name: str, store: Store, rng: random.Random, policy: BreakerPolicy, time: float
    ) -> None:
        self.store, self.rng, self.policy, self.name = store, rng, policy, name
        self.skew = rng.uniform(-40, 40)
        self.born = time
        self.view = View("b", policy, name, self.now(time))
        self.running: list[Running] = []
        self.last_failure = 0.0

    def now(self, time: float) -> Now:
        return Now(START + timedelta(seconds=time + self.skew), time - self.born, self.rng.random())

    def save(self, time: float) -> None:
        if self.store.away or not self.view.unsaved:
            return
        if self.store.save(self.view.record, self.view.stored):
            self.view.stored = self.view.record.version
        elif self.store.record is not None:
            self.view.adopt(self.store.record, self.now(time))

    def sync(self, time: float) -> None:
        theirs = self.store.record
        if self.store.away or theirs is None or self.view.unsaved:
            return
        if theirs.version != self.view.stored:
            self.view.adopt(theirs, self.now(time))

    def end_calls(self, time: float) -> None:
        for run in [run for run in self.running if run.ends <= time]:
            self.running.remove(run)
            if run.ticket.epoch == self.view.record.epoch and run.outcome is CallResult.FAILED:
                self.last_failure = time  # a call of this very epoch did fail: it rightly counts
            self.view.settle(run.ticket, run.outcome, self.now(time))
            self.save(time)

    def call(self, time: float, make: Callable[[Ticket], Running], *, probing: bool) -> None:
        now = self.now(time)
        answer = self.view.take_probe(now) if probing else self.view.admit(now, may_probe=False)
        if isinstance(answer, Ticket):
            self.save(time)
            self.running.append(make(answer))


class World:
    """One seeded history."""

    def __init__(self, seed: int, policy: BreakerPolicy) -> None:
        self.rng = random.Random(seed)
        self.policy = policy
        self.store = Store()
        self.time = 0.0
        self.opened = False
        self.reported = 0.0
        self.hosts = [self.new_host(n) for n in range(self.rng.randint(1, 3))]

    def new_host(self, number: int) -> Host:
        return Host(f"h{number}", self.store, self.rng, self.policy, self.time)

    def lose(self, number: int) -> None:
        """The host dies with all that it has under way; another one starts in its place."""
        self.reported = max(self.reported, self.hosts[number].last_failure)
        self.hosts[number] = self.new_host(number)

    def step(self, *, sick: bool) -> None:
        for number in range(len(self.hosts)):
            if sick and self.rng.random() < 0.01:
                self.lose(number)
            host = self.hosts[number]
            if self.rng.random() < 0.02:
                host.skew += self.rng.choice([-3600, -60, 60, 3600])
            host.view.expire(host.now(self.time))
            host.save(self.time)
            host.sync(self.time)
            host.end_calls(self.time)
            if self.rng.random() < 0.6:
                host.call(self.time, self.ordinary if sick else self.passing, probing=False)
            host.call(self.time, self.probe if sick else self.passing, probing=True)
            self.opened = self.opened or host.view.record.state is BreakerState.OPEN
        self.time += STEP

    def passing(self, ticket: Ticket) -> Running:
        return Running(ticket, self.time + 1, CallResult.PASSED)

    def ordinary(self, ticket: Ticket) -> Running:
        late = self.rng.choice([1.0, 4.0, 120.0, 600.0])
        return Running(
            ticket, self.time + late, CallResult.FAILED if self.rng.random() < 0.9 else CallResult.PASSED
        )

    def probe(self, ticket: Ticket) -> Running:
        kind = self.rng.choice(["fails", "hangs", "cancelled", "late", "passes"])
        ends = {"hangs": float("inf"), "late": self.time + 200}.get(kind, self.time + 2)
        outcome = {"cancelled": CallResult.CANCELLED, "passes": CallResult.PASSED, "late": CallResult.PASSED}
        return Running(ticket, ends, outcome.get(kind, CallResult.FAILED))

    def run(self) -> None:
        while self.time < HEALED:
            self.store.away = self.rng.random() < 0.1
            self.step(sick=True)
        self.store.away = False
        bound = self.policy.recovery_bound.total_seconds() + 4 * STEP
        dies = HEALED + self.rng.uniform(0, 60) if self.rng.random() < 0.3 else float("inf")
        if dies < float("inf"):  # its probe runs out once more, and one more wait follows
            bound += (
                self.policy.probe_lease + self.policy.longest_wait * (1 + POLICY.jitter)
            ).total_seconds()
        while self.time < max(HEALED, self.reported, *(host.last_failure for host in self.hosts)) + bound:
            if self.time >= dies:
                dies = float("inf")
                self.lose(self.rng.randrange(len(self.hosts)))
            self.step(sick=False)
            if dies == float("inf") and self.settled():
                return  # closed on every host, and no call from before is left to change that

    def settled(self) -> bool:
        ends = [run.ends for host in self.hosts for run in host.running if run.outcome is CallResult.FAILED]
        return all(end == float("inf") for end in ends) and self.states() == {BreakerState.CLOSED}

    def states(self) -> set[BreakerState]:
        return {host.view.record.state for host in self.hosts}


@pytest.mark.parametrize("part", range(PARTS))
def test_it_is_closed_within_its_bound_after_the_cause_has_ended(part: int) -> None:
    opened = 0
    for seed in range(part, SEEDS, PARTS):
        world = World(seed, POLICY)
        world.run()
        opened += world.opened
        assert world.states() == {BreakerState.CLOSED}, f"seed {seed}: {world.states()}"
    assert opened > SEEDS / PARTS * 0.9, "the faults must really open it"


def test_the_simulation_sees_a_breaker_whose_probes_are_not_leases() -> None:
    """Ablation: with leases that practically never end, hung probes hold it half-open."""
    broken = replace(POLICY, probe_lease=timedelta(days=365))
    stuck = 0
    for seed in range(50):
        world = World(seed, POLICY)
        for host in world.hosts:
            host.policy = broken
        world.policy = broken
        world.hosts = [world.new_host(n) for n in range(len(world.hosts))]
        world.policy = POLICY
        for host in world.hosts:
            host.view.policy = broken
        while world.time < HEALED:
            world.step(sick=True)
            for host in world.hosts:
                host.view.policy = broken
        for _ in range(60):
            world.step(sick=False)
        stuck += world.states() != {BreakerState.CLOSED}
    assert stuck > 10
