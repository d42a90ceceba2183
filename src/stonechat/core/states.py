"""The states of content, opportunities, runs, breakers, sessions, alerts and layers.

Which changes between them are legal stands in :mod:`stonechat.core.transitions`.
"""

from __future__ import annotations

from enum import StrEnum


class ContentState(StrEnum):
    """Where a piece of content stands on its way to the network."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    POSTING = "posting"
    UNCONFIRMED = "unconfirmed"
    POSTED = "posted"
    FAILED = "failed"
    REJECTED = "rejected"
    MISSED = "missed"
    CANCELLED = "cancelled"


class OpportunityState(StrEnum):
    """Where a post that we might reply to stands."""

    FOUND = "found"
    CLAIMED = "claimed"
    REPLIED = "replied"
    SKIPPED = "skipped"
    EXPIRED = "expired"


class RunState(StrEnum):
    """Where one run of a job stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABANDONED = "abandoned"
    SKIPPED = "skipped"


class BreakerState(StrEnum):
    """The circuit breaker's states, the last two set by the operator."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"


class SessionState(StrEnum):
    """Whether the network accepts an account's session, and if not, why."""

    VALID = "valid"
    EXPIRED = "expired"
    CHALLENGED = "challenged"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    RATE_LIMITED = "rate_limited"


class AlertState(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class LayerState(StrEnum):
    """How well a layer does its work."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"
