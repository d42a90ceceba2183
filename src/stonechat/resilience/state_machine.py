"""The circuit breaker as pure functions: a record in, a record out; no clock, no chance, no I/O.

::

    closed ──tripped──► open ──wait over, probe taken──► half_open ──probes passed──► closed
                         ▲                                   │
                         └────── probe failed or expired ────┘

    forced_open, forced_closed: set and ended by the operator only

A probe is a *lease*. A host that takes one and dies, or whose probe hangs, loses it when the lease
runs out, and that counts as a failed probe. A cancelled probe is given back and counts as nothing: the
next one may start at once. How long a record has stood is measured by each host's own steady clock from the
moment that it first saw it, so no set or differing wall clock can prolong or cut short anything; only a
host that has just started asks the wall clock, once. Every change raises ``version``; a change of state
raises ``epoch`` too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stonechat.core.states import BreakerState
from stonechat.core.transitions import check_transition

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and how it finds its way back. All durations are real time.

    Attributes:
        consecutive: failures in a row that open it.
        window: how far back calls are counted for the two rates.
        minimum_calls: calls in the window below which the rates say nothing.
        failure_rate, slow_rate: shares from 0 to 1 of the window's calls that open it.
        slow_call: a call that takes at least this long is slow.
        first_wait, longest_wait: open time after the first opening; doubled for each failed probe.
        jitter: the open time is drawn from ±this share of it, so that hosts do not probe in step.
        probe_lease: time within which a probe must have ended.
        passes: good probes in a row that close it.
        stuck_after: open longer than this is worth an alert.
    """

    consecutive: int = 5
    window: timedelta = timedelta(hours=1)
    minimum_calls: int = 8
    failure_rate: float = 0.5
    slow_rate: float = 0.8
    slow_call: timedelta = timedelta(seconds=60)
    first_wait: timedelta = timedelta(seconds=15)
    longest_wait: timedelta = timedelta(minutes=5)
    jitter: float = 0.2
    probe_lease: timedelta = timedelta(seconds=30)
    passes: int = 1
    stuck_after: timedelta = timedelta(minutes=15)

    @property
    def recovery_bound(self) -> timedelta:
        """Longest time from "healthy again" to closed, while one host runs and its probes answer.

        The rest of a hung probe's lease, one longest wait, and the good probes themselves.
        """
        return self.probe_lease * (1 + self.passes) + self.longest_wait * (1 + self.jitter)


BROWSER_POLICY = BreakerPolicy(
    consecutive=5, first_wait=timedelta(seconds=3), longest_wait=timedelta(seconds=40)
)
"""Five failures, as the mission sets; back within a minute of the cause ending."""

POSTING_POLICY = BreakerPolicy(
    consecutive=15, minimum_calls=20, longest_wait=timedelta(seconds=40), probe_lease=timedelta(seconds=180)
)
"""Fifteen failures, as the mission sets. Its probe is a real post, which may take as long as one."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The right to try once whether all is well again."""

    id: str
    owner: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What all hosts share about one breaker.

    Attributes:
        since: real time of the last change of state.
        version: raised by every change; what compare-and-set compares.
        epoch: raised by every change of state; results of calls from an older epoch are not counted.
        wait: how long it stays open before a probe; counted from ``since``.
        openings: openings in a row without a recovery in between, which double the wait.
        opened_at: real time of the first of them, or of being forced open; None while it is closed.
        passed: good probes in this half-open time.
        who: ``breaker``, or the operator who forced it.
    """

    name: str
    state: BreakerState
    since: datetime
    version: int = 0
    epoch: int = 0
    wait: timedelta = timedelta()
    openings: int = 0
    opened_at: datetime | None = None
    passed: int = 0
    probe: Probe | None = None
    why: str = ""
    who: str = "breaker"


def fresh(name: str, at: datetime) -> Record:
    """A new breaker: closed, version 0."""
    return Record(name, CLOSED, at)


def wait_over(record: Record, age: timedelta) -> bool:
    """Whether an open breaker may be probed; ``age`` is how long the record has stood as it stands."""
    return record.state is OPEN and age >= record.wait


def probe_expired(record: Record, policy: BreakerPolicy, age: timedelta) -> bool:
    """Whether the probe under way has overrun its lease."""
    return record.probe is not None and age >= policy.probe_lease


def may_probe(record: Record, age: timedelta) -> bool:
    """Whether somebody should take a probe now."""
    return wait_over(record, age) or (record.state is HALF_OPEN and record.probe is None)


def age_at_start(record: Record, policy: BreakerPolicy, wall: datetime) -> timedelta:
    """How long a record has stood, for a host that has just started and can only ask the wall clock.

    Hosts' clocks differ, so a probe is believed to be lost only after three times its lease.
    """
    # A host's monotonic clock says nothing about what others did before it started. Wall clocks of hosts
    # may be minutes apart: to take a probe for lost too early would send two at once, too late only costs
    # time.
    age = max(wall - (record.probe.since if record.probe else record.since), timedelta())
    if record.probe is not None and age < policy.probe_lease * 3:
        return timedelta()
    return age


def tripped(record: Record, policy: BreakerPolicy, *, why: str, at: datetime, luck: float) -> Record:
    """``closed → open``. ``luck`` is drawn uniformly from 0 to 1 and spreads the wait."""
    return _opened(record, policy, openings=1, why=why, at=at, luck=luck)


def probe_taken(record: Record, probe: Probe, *, at: datetime) -> Record:
    """``open → half_open``, or the next probe of a half-open time."""
    # The version makes the taking exclusive: of two hosts that try at once, the compare-and-set lets one win.
    taken = replace(record, probe=probe, version=record.version + 1)
    if record.state is HALF_OPEN:
        return taken
    return _moved(taken, HALF_OPEN, why="probing", at=at, who="breaker", passed=0)


def probe_passed(record: Record, policy: BreakerPolicy, *, at: datetime) -> Record:
    """One more good probe; ``half_open → closed`` with the last one needed."""
    passed = record.passed + 1
    if passed < policy.passes:
        return replace(record, passed=passed, probe=None, version=record.version + 1)
    return _moved(
        replace(record, probe=None, opened_at=None, version=record.version + 1),
        CLOSED,
        why="probe passed",
        at=at,
        who="breaker",
        openings=0,
        wait=timedelta(),
        passed=0,
    )


def probe_failed(record: Record, policy: BreakerPolicy, *, why: str, at: datetime, luck: float) -> Record:
    """``half_open → open``, for twice as long as before."""
    return _opened(record, policy, openings=record.openings + 1, why=why, at=at, luck=luck)


def probe_returned(record: Record) -> Record:
    """The probe was cancelled: it says nothing, and the next may start at once."""
    return replace(record, probe=None, version=record.version + 1)


def forced(record: Record, state: BreakerState, *, who: str, why: str, at: datetime) -> Record:
    """The operator forces it open or closed."""
    if state not in FORCED:
        raise ValueError(f"{state.value} is not a forced state")
    opened_at = (record.opened_at or at) if state is BreakerState.FORCED_OPEN else None
    return _moved(
        replace(record, probe=None, opened_at=opened_at, version=record.version + 1),
        state,
        why=why,
        at=at,
        who=who,
        passed=0,
    )


def reset(record: Record, *, who: str, why: str, at: datetime) -> Record:
    """The operator ends the forcing.

    A closed or forced-open breaker starts closed; an open one becomes half-open, so that the next
    probe or call decides. A closed one stays as it is.
    """
    if record.state is CLOSED:
        return record
    # Half-open and not closed: whoever resets hopes that all is well again, and the next call shows it. A
    # closed breaker would let five more fail first.
    given = replace(record, probe=None, version=record.version + 1, openings=0, wait=timedelta())
    if record.state in (OPEN, HALF_OPEN):
        return given if record.state is HALF_OPEN else _moved(given, HALF_OPEN, why=why, at=at, who=who)
    return _moved(replace(given, opened_at=None), CLOSED, why=why, at=at, who=who, passed=0)


def _opened(
    record: Record, policy: BreakerPolicy, *, openings: int, why: str, at: datetime, luck: float
) -> Record:
    # Exponential back-off; the exponent is bounded so that a month of failures overflows nothing. The
    # jitter keeps hosts and breakers that opened together from probing together (M. Brooker, "Exponential
    # Backoff and Jitter", AWS Architecture Blog, 2015).
    wait = min(policy.first_wait * 2 ** min(openings - 1, 20), policy.longest_wait)
    spread = 1 + policy.jitter * (2 * luck - 1)
    return _moved(
        replace(record, probe=None, opened_at=record.opened_at or at, version=record.version + 1),
        OPEN,
        why=why,
        at=at,
        who="breaker",
        openings=openings,
        wait=wait * spread,
        passed=0,
    )


def _moved(
    record: Record,
    state: BreakerState,
    *,
    why: str,
    at: datetime,
    who: str,
    openings: int | None = None,
    wait: timedelta | None = None,
    passed: int | None = None,
) -> Record:
    # The epoch outdates every call that is under way: its result is about a state that is over.
    check_transition(record.state, state)
    return replace(
        record,
        state=state,
        since=at,
        epoch=record.epoch + 1,
        why=why,
        who=who,
        openings=record.openings if openings is None else openings,
        wait=record.wait if wait is None else wait,
        passed=record.passed if passed is None else passed,
    )
