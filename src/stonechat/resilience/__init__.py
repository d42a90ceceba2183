"""Circuit breakers that cannot stay open while what they guard is healthy, and retries."""

from stonechat.resilience.breaker import Breaker, BreakerOpen, Call
from stonechat.resilience.machine import BROWSER_POLICY, POSTING_POLICY, Policy, Record
from stonechat.resilience.registry import Breakers, open_breakers

__all__ = [
    "BROWSER_POLICY",
    "POSTING_POLICY",
    "Breaker",
    "BreakerOpen",
    "Breakers",
    "Call",
    "Policy",
    "Record",
    "open_breakers",
]
