"""Circuit breakers, shared by all hosts of a database.

A breaker stops calls to something that keeps failing and admits probes until it works again. It promises
that it cannot stay open while what it guards is healthy: a probe that hangs or whose host dies loses its
lease, and a cancelled call counts as nothing. Others use ``open_breakers`` and ``Breaker.call``; the state
machine behind it (``state_machine``) is pure.

::

    async with open_breakers(database, clock, events, rng) as breakers:
        name = breaker_name(Guarded.NETWORK, "example")
        breaker = breakers.add(name, BROWSER_POLICY, probe=look_at_the_site)
        async with breaker.call():        # raises BreakerOpen while it is open
            await network.own_posts(account, limit=20)
"""

from stonechat.resilience.circuit_breaker import Breaker, BreakerOpen, GuardedCall
from stonechat.resilience.names import Guarded, breaker_name, kind_of
from stonechat.resilience.registry import Breakers, open_breakers
from stonechat.resilience.state_machine import BROWSER_POLICY, POSTING_POLICY, BreakerPolicy, Record

__all__ = [
    "BROWSER_POLICY",
    "POSTING_POLICY",
    "Breaker",
    "BreakerOpen",
    "BreakerPolicy",
    "Breakers",
    "Guarded",
    "GuardedCall",
    "Record",
    "breaker_name",
    "kind_of",
    "open_breakers",
]
