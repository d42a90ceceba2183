"""Which breakers hold an account's effects: the gate asks, and the publisher's calls count."""

from __future__ import annotations

from collections.abc import Sequence

from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.posting.conditions import Blockers
from stonechat.posting.gate import Blocked
from stonechat.resilience.breaker import Breaker


def blocked_by(breakers: Sequence[Breaker], clock: Clock) -> Blockers:
    """A question for the gate: which of ``breakers`` lets nothing through now.

    A breaker whose wait is over does not hold: the next call may be its probe, and it says itself
    whether it is.
    """

    def blocked(_account: Account) -> Sequence[Blocked]:
        found = []
        for breaker in breakers:
            if breaker.allows:
                continue
            status = breaker.status()
            until = None
            if status.retry_after is not None:
                left = status.since + status.retry_after - clock.wall()
                if left.total_seconds() <= 0:
                    continue
                until = clock.now() + left * clock.speed
            state = status.state.value.replace("_", " ")
            found.append(Blocked(breaker.name, f"the breaker is {state}: {status.why}", until))
        return found

    return blocked
