"""One host's view of one breaker: the shared record, the calls seen here, and tickets for calls.

No I/O: whatever changes the record leaves it *unsaved*, and the caller saves it by compare-and-set.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from stonechat.core.states import BreakerState
from stonechat.resilience import state_machine
from stonechat.resilience.state_machine import BreakerPolicy, Probe, Record
from stonechat.resilience.window import CallCounts, Window


class CallResult(Enum):
    """How a call went. A cancelled one says nothing about what is guarded."""

    PASSED = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class Now:
    """The moment by both clocks, and a uniform draw from 0 to 1 for spreading waits."""

    wall: datetime
    steady: float
    luck: float = 0.5


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to make one call. Its result counts only while the epoch (or the probe) is the same."""

    epoch: int
    started: float
    probe: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """No call now. ``retry_after`` is None where only an operator can change that."""

    retry_after: timedelta | None


class View:
    """What this host knows of one breaker."""

    def __init__(self, name: str, policy: BreakerPolicy, owner: str, now: Now) -> None:
        self.record = state_machine.fresh(name, now.wall)
        self.policy = policy
        self.stored = 0
        """The version known to be stored; compare-and-set compares with it."""
        self._owner = owner
        self._seen = now.steady
        self._window = Window(policy)
        self._probes = 0

    @property
    def unsaved(self) -> bool:
        """Whether there is a change that the store does not know."""
        return self.record.version != self.stored

    def counts(self, now: Now) -> CallCounts:
        """The recent calls of this host."""
        return self._window.counts(now.steady)

    def admit(self, now: Now, *, may_probe: bool) -> Ticket | Rejection:
        """A ticket for one call, or a refusal; ``may_probe`` lets the call itself be the probe."""
        self.expire(now)
        state = self.record.state
        if state in (BreakerState.CLOSED, BreakerState.FORCED_CLOSED):
            return Ticket(self.record.epoch, now.steady)
        if state is BreakerState.FORCED_OPEN:
            return Rejection(None)
        if may_probe:
            ticket = self.take_probe(now)
            if ticket is not None:
                return ticket
        return Rejection(self._left(now))

    def may_probe(self, now: Now) -> bool:
        """Whether a probe could be taken now; takes nothing."""
        return state_machine.may_probe(self.record, self._age(now))

    def take_probe(self, now: Now) -> Ticket | None:
        """The right to probe, where it is time and nobody else has it."""
        self.expire(now)
        if not state_machine.may_probe(self.record, self._age(now)):
            return None
        self._probes += 1
        probe = Probe(f"{self._owner}/{self.record.version}/{self._probes}", self._owner, now.wall)
        self._change(state_machine.probe_taken(self.record, probe, at=now.wall), now)
        return Ticket(self.record.epoch, now.steady, probe.id)

    def settle(self, ticket: Ticket, outcome: CallResult, now: Now, *, why: str = "") -> None:
        """A call ended. The result of a call from an older epoch, or of a lost probe, changes nothing."""
        took = now.steady - ticket.started
        if ticket.probe is not None:
            self._settle_probe(ticket.probe, outcome, now, took=took, why=why)
        # A call that began before the last change of state says nothing about the time after it.
        elif ticket.epoch == self.record.epoch and outcome is not CallResult.CANCELLED:
            self._window.add(now.steady, failed=outcome is CallResult.FAILED, took=took)
            trouble = self._window.trouble(now.steady)
            if trouble and self.record.state is BreakerState.CLOSED:
                because = f"{trouble}: {why}" if why else trouble
                self._change(
                    state_machine.tripped(self.record, self.policy, why=because, at=now.wall, luck=now.luck),
                    now,
                )

    def expire(self, now: Now) -> None:
        """A probe that has overrun its lease has failed, whoever held it."""
        if state_machine.probe_expired(self.record, self.policy, self._age(now)):
            why = "the probe did not end within its time"
            self._change(
                state_machine.probe_failed(self.record, self.policy, why=why, at=now.wall, luck=now.luck), now
            )

    def adopt(self, record: Record, now: Now) -> None:
        """The store holds this: another host was first, or we have just started."""
        starting = self.record.version == 0
        self.stored = record.version
        self._change(record, now)
        if starting:
            # Only here is the wall clock believed: this host has not seen how old the record is.
            self._seen -= state_machine.age_at_start(record, self.policy, now.wall).total_seconds()

    def overdue(self, now: Now) -> timedelta:
        """For how long a probe could have been taken and was not; zero where none is due."""
        age = self._age(now)
        if not state_machine.may_probe(self.record, age):
            return timedelta()
        waited = age - (self.record.wait if self.record.state is BreakerState.OPEN else timedelta())
        return max(waited, timedelta())

    def _settle_probe(self, probe: str, outcome: CallResult, now: Now, *, took: float, why: str) -> None:
        if self.record.probe is None or self.record.probe.id != probe:
            return
        if outcome is CallResult.CANCELLED:
            self._change(state_machine.probe_returned(self.record), now)
        # A probe that passed only after its lease had run out is no proof of health.
        elif outcome is CallResult.PASSED and took < self.policy.probe_lease.total_seconds():
            self._change(state_machine.probe_passed(self.record, self.policy, at=now.wall), now)
        else:
            because = why or ("the probe was slow" if outcome is CallResult.PASSED else "the probe failed")
            self._change(
                state_machine.probe_failed(self.record, self.policy, why=because, at=now.wall, luck=now.luck),
                now,
            )

    def _change(self, record: Record, now: Now) -> None:
        if record.epoch != self.record.epoch:
            self._window.clear()
        if record != self.record:
            self.record, self._seen = record, now.steady

    def _age(self, now: Now) -> timedelta:
        return timedelta(seconds=now.steady - self._seen)

    def _left(self, now: Now) -> timedelta:
        if self.record.state is not BreakerState.OPEN:
            return self.policy.probe_lease
        return max(self.record.wait - self._age(now), timedelta(seconds=1))
