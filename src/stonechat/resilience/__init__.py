"""Circuit breakers that cannot stay open while what they guard is healthy, and retries."""

from stonechat.resilience.circuit_breaker import Breaker, BreakerOpen, GuardedCall
from stonechat.resilience.registry import Breakers, open_breakers
from stonechat.resilience.state_machine import BROWSER_POLICY, POSTING_POLICY, BreakerPolicy, Record

__all__ = [
    "BROWSER_POLICY",
    "POSTING_POLICY",
    "Breaker",
    "BreakerOpen",
    "BreakerPolicy",
    "Breakers",
    "GuardedCall",
    "Record",
    "open_breakers",
]
