"""The outside world, where two real implementations exist (``Clock`` and ``Network`` stand elsewhere)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do something alone until ``expires_at`` (real time).

    Attributes:
        token: the fencing token; each grant of the same name gets a larger one.
    """

    name: str
    token: int
    expires_at: datetime


class Cache(Protocol):
    """A store that may forget everything at any time; correctness never depends on it."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is absent or has expired."""

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keep ``value`` for at most ``ttl`` of real time."""

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        """Keep ``value`` only where the key is absent; say whether it was kept."""

    async def count(self, key: str, ttl: timedelta) -> int:
        """Add one and return the new count; the first count starts the time to live."""

    async def forget(self, key: str) -> None:
        """Remove the key, if it is there."""

    async def lease(self, name: str, ttl: timedelta) -> Lease | None:
        """Take the lease, or None where somebody else holds it."""

    async def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours."""

    async def ping(self) -> None:
        """Raise ``Transient`` where the store cannot be reached."""


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
class Written:
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

    async def write(self, request: WriteRequest) -> Written:
        """One answer that follows the request's schema."""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One message to a human.

    Attributes:
        status: ``firing`` or ``resolved``.
        severity: ``critical``, ``warning`` or ``info``.
        remedy: what to do about it.
    """

    id: str
    status: str
    severity: str
    title: str
    body: str
    remedy: str
    starts_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)


class AlertChannel(Protocol):
    """A way to reach a human. Raises ``Transient`` or ``Permanent``."""

    @property
    def name(self) -> str:
        """What the audit calls it; never contains a secret."""

    async def send(self, message: AlertMessage) -> None:
        """Hand the message over; return only once the other side has taken it."""
