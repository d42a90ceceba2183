"""Which breakers hold an account's effects: the gate asks, and the publisher's calls count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.core.states import BreakerState
from stonechat.posting.conditions import Blockers
from stonechat.posting.gate import Blocked
from stonechat.resilience.breaker import Breaker

PROBE_ROOM = timedelta(seconds=3)
"""Real time that a probe may take before the gate is asked again."""


def blocked_by(breakers: Sequence[Breaker], clock: Clock) -> Blockers:
    """A question for the gate: which of ``breakers`` lets nothing through now, and when to ask again.

    Each must have a background probe, since posts wait for it and are not used as probes themselves.
    """

    def blocked(_account: Account) -> Sequence[Blocked]:
        found = []
        for breaker in breakers:
            if breaker.allows:
                continue
            status = breaker.status()
            until = None
            if status.state in (BreakerState.OPEN, BreakerState.HALF_OPEN):
                left = status.since + (status.retry_after or timedelta()) - clock.wall()
                until = clock.now() + (max(left, timedelta()) + PROBE_ROOM) * clock.speed
            state = status.state.value.replace("_", " ")
            found.append(Blocked(breaker.name, f"the breaker is {state}: {status.why}", until))
        return found

    return blocked
