"""Interfaces to the outside world that have two real implementations: cache, language model, alert channel.

The other two are :class:`stonechat.core.clock.Clock` and :class:`stonechat.core.network.Network`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CacheLease:
    """The right to do something alone until ``expires_at`` (real time), as far as the cache remembers.

    A cache may forget, so a lease spares work and protects nothing: two holders at once cost a second read.

    Attributes:
        holder: who holds it: fresh for each grant, so that a late holder cannot give back its successor's.
    """

    name: str
    holder: str
    expires_at: datetime


class Cache(Protocol):
    """A store that may forget everything at any time; correctness never depends on it.

    What was kept may also be out of date: Redis after an outage holds what it held before. So a key
    carries the version of what it names, or lives for no longer than being out of date does no harm.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""

    async def lease(self, name: str, ttl: timedelta) -> CacheLease | None:
        """The right to do ``name`` alone for ``ttl`` of real time; None while somebody else has it."""

    async def release(self, lease: CacheLease) -> None:
        """Give the lease back, if it is still ours."""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A structured request to a language model.

    Attributes:
        system: the instructions.
        prompt: the request itself; foreign text in it stands quoted, as data.
        schema: JSON schema that the answer must follow.
        max_output_tokens: an upper bound that the budget reserves for.
    """

    system: str
    prompt: str
    schema: Mapping[str, Any]
    schema_name: str
    max_output_tokens: int = 800
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A model's answer: the parsed object and what it used."""

    data: Mapping[str, Any]
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float = 0.0


class Writer(Protocol):
    """A language model. Raises ``Transient`` (down, slow, 429, garbage) or ``Permanent``."""

    @property
    def model(self) -> str:
        """The model's name, as the price table knows it."""

    async def write(self, request: WriteRequest) -> WriteResult:
        """One answer that follows the request's schema."""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One message to a human.

    Attributes:
        status: ``firing`` or ``resolved``.
        severity: ``critical``, ``warning`` or ``info``.
        remedy: what to do about it.
        effect: what it means for the account.
        doing: what Stonechat does about it by itself.
        page: where on the pages to look, as a path.
        escalated: it goes, or went, to those as well who are told when nobody acknowledges.
    """

    id: str
    status: str
    severity: str
    title: str
    body: str
    remedy: str
    starts_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    effect: str = ""
    doing: str = ""
    page: str = "/alerts"
    escalated: bool = False


class AlertChannel(Protocol):
    """A way to reach a human. Raises ``Transient`` or ``Permanent``."""

    @property
    def name(self) -> str:
        """What the audit calls it; never contains a secret."""

    async def send(self, message: AlertMessage) -> None:
        """Hand the message over; return only once the other side has taken it."""
