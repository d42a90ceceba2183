"""Translates errors of Redis into ``Transient`` errors that tell the owner what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import redis.exceptions as said

from stonechat.core.errors import Transient

MEANING = "The cache in this process serves meanwhile; nothing is lost."


@dataclass(frozen=True, slots=True)
class _Fault:
    found: Callable[[BaseException, str], bool]
    what: str
    remedy: str


def _named(*words: str) -> Callable[[BaseException, str], bool]:
    return lambda _exc, text: any(word in text for word in words)


def _is(*kinds: type[BaseException]) -> Callable[[BaseException, str], bool]:
    return lambda exc, _text: isinstance(exc, kinds)


_FAULTS = (
    _Fault(
        _named("certificate verify failed", "certificate_verify_failed"),
        "Redis shows a certificate that is not trusted",
        "Name the authority that signed it: rediss://…?ssl_ca_certs=/path/to/ca.pem in REDIS_URL.",
    ),
    _Fault(
        _named("wrong version number", "record layer failure", "ssl"),
        "Redis and we do not agree on TLS",
        "REDIS_URL begins with rediss:// where the server speaks TLS, and with redis:// where not.",
    ),
    _Fault(
        _named("max number of clients"),
        "Redis takes no more connections",
        "Raise maxclients on the server, or lower REDIS_POOL_SIZE.",
    ),
    _Fault(
        _is(said.AuthenticationError, said.NoPermissionError, said.AuthorizationError),
        "Redis does not let us in",
        "Check the user and the password in REDIS_URL, and what that user may do.",
    ),
    _Fault(
        _named("noauth", "authentication required"),
        "Redis asks for a password",
        "Put the user and the password into REDIS_URL: redis://user:password@host:6379/0.",
    ),
    _Fault(
        _is(said.ReadOnlyError),
        "Redis is a replica that can only be read",
        "REDIS_URL must name the primary server.",
    ),
    _Fault(
        _is(said.OutOfMemoryError),
        "Redis is full",
        "Raise its maxmemory, or let it forget: maxmemory-policy allkeys-lru.",
    ),
    _Fault(
        _named("no connection available", "too many connections"),
        "Every connection to Redis is in use",
        "It answers too slowly for what is asked of it; raise REDIS_POOL_SIZE if that lasts.",
    ),
    _Fault(
        _is(said.BusyLoadingError),
        "Redis is starting and reads its data",
        "Nothing: it is used as soon as it is ready.",
    ),
)


def explained(exc: BaseException, seconds: float) -> Transient:
    """The error that a failed call raises; ``seconds`` is the deadline that calls have."""
    text = str(exc).strip()
    reason = text.rstrip(".") or f"no answer within {seconds:g} s"
    for fault in _FAULTS:
        if fault.found(exc, text.casefold()):
            return Transient(f"{fault.what}: {reason}.", meaning=MEANING, remedy=fault.remedy)
    return Transient(
        f"Redis did not do what was asked: {reason}.",
        meaning=MEANING,
        remedy="Check that the server runs and that REDIS_URL is right.",
    )
