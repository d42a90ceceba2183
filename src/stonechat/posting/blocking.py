"""Which breakers hold an account's effects: the gate asks, and the publisher's calls count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.core.states import BreakerState
from stonechat.posting.gate import Blocked
from stonechat.posting.gate_input import Blockers
from stonechat.resilience import Breaker, Guarded, breaker_name
from stonechat.resilience.state_machine import Record

_SHUT = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.FORCED_OPEN)

PROBE_ROOM = timedelta(seconds=3)
"""Real time that a probe may take before the gate is asked again."""


def blocked_by(breakers_of: Callable[[Account], Iterable[Breaker]], clock: Clock) -> Blockers:
    """A question for the gate: which breakers hold the account back, and when to ask again.

    One without a background probe lets a single post through when its wait is over: that post is the probe.
    """

    def blocked(account: Account) -> Sequence[Blocked]:
        found = []
        for breaker in breakers_of(account):
            if breaker.allows:
                continue
            status = breaker.status()
            until = _until(status.state, status.since + (status.retry_after or timedelta()), clock)
            found.append(Blocked(breaker.name, _why(status.state, status.why), until))
        return found

    return blocked


def stored_blockers(records: Iterable[Record], clock: Clock) -> Blockers:
    """The same question, answered from what the hosts have stored: for who only looks at the queue.

    The breaker of a host's own browser holds that host alone, and is left out.
    """
    shut = [one for one in records if one.state in _SHUT]

    def blocked(account: Account) -> Sequence[Blocked]:
        kinds, sites = (Guarded.NETWORK, Guarded.POSTING), (account.network, account.id)
        names = {breaker_name(kind, site) for kind in kinds for site in sites}
        return [
            Blocked(one.name, _why(one.state, one.why), _until(one.state, one.since + one.wait, clock))
            for one in shut
            if one.name in names
        ]

    return blocked


def _why(state: BreakerState, why: str) -> str:
    return f"the breaker is {state.value.replace('_', ' ')}: {why}"


def _until(state: BreakerState, probed_at: datetime, clock: Clock) -> datetime | None:
    """Account time at which a probe should have ended; None where only an operator can close it."""
    if state not in (BreakerState.OPEN, BreakerState.HALF_OPEN):
        return None
    left = max(probed_at - clock.wall(), timedelta())
    return clock.now() + (left + PROBE_ROOM) * clock.speed
