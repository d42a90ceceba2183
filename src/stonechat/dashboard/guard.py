"""Who may do what: log-in, sessions, and where a request may come from."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from starlette.requests import Request

from stonechat.core.clock import Clock

COOKIE = "stonechat_session"
SESSION_AGE = timedelta(hours=12)
TRIES, TRY_PERIOD = 5, timedelta(minutes=1)
"""So many passwords may be tried from one address in so long a time."""

WAITING = 4
"""Passwords that may wait to be hashed, one at a time, since each takes 64 MB; more are refused at once."""

_SOURCES = 10_000
_PROXY_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
)
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request.

    Attributes:
        name: what the audit trail says.
        holds_drafts: what they hand in waits for the owner, whatever the account's policy is.
    """

    name: str
    holds_drafts: bool = False


class Guard:
    """With a password: sessions by cookie. Without one: only this machine, by a local name.

    The password may be given in clear or as an argon2 hash (``$argon2id$…``). Sessions are kept in
    memory as digests; they end after 12 hours, at log-out, and when the process does.

    Args:
        token: what the owner's commands show instead (:mod:`stonechat.dashboard.command_access`).
    """

    def __init__(self, password: str | None, clock: Clock, token: str | None = None) -> None:
        self._token = _digest(f"Bearer {token}") if token else None
        self._clock = clock
        self._hasher = PasswordHasher()
        self._hash = self._hashed(password) if password else None
        self._sessions: dict[str, float] = {}
        self._tries: dict[str, list[float]] = {}
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def needs_login(self) -> bool:
        """Whether a password is set."""
        return self._hash is not None

    def visitor(self, request: Request) -> Visitor | None:
        """Who it is, or None where the request may see nothing."""
        agent = getattr(request.state, "agent", None)
        if isinstance(agent, Visitor):
            return agent
        shown = _digest(request.headers.get("authorization", ""))
        if self._token is not None and hmac.compare_digest(shown, self._token):
            return Visitor("owner")
        if not self.needs_login:
            return Visitor("local owner") if _is_local(request) else None
        token = request.cookies.get(COOKIE, "")
        ends = self._sessions.get(_digest(token)) if token else None
        if ends is None or ends < self._clock.monotonic():
            return None
        return Visitor("owner")

    def refuses(self, source: str) -> bool:
        """Whether a password from ``source`` would not be looked at now: it tried too often, or many wait."""
        return self._waiting >= WAITING or len(self._lately(source)) >= TRIES

    async def log_in(self, password: str, source: str) -> str | None:
        """A new session's token, or None where the password is wrong or tried too often from ``source``.

        A try is counted before its hash is computed, so that a flood costs neither memory nor time, and for
        its address alone, so that nobody can lock the owner out.
        """
        if self._hash is None or self._waiting >= WAITING or not self._counted(source):
            return None
        self._waiting += 1
        try:
            async with self._turn:
                is_right = await asyncio.to_thread(self._is_right, self._hash, password)
        finally:
            self._waiting -= 1
        if not is_right:
            return None
        self._tries.pop(source, None)
        now = self._clock.monotonic()
        token = secrets.token_urlsafe(32)
        self._sessions = {key: ends for key, ends in self._sessions.items() if ends > now}
        self._sessions[_digest(token)] = now + SESSION_AGE.total_seconds()
        return token

    def _counted(self, source: str) -> bool:
        """Count a try; False where there were too many lately."""
        now = self._clock.monotonic()
        if len(self._tries) >= _SOURCES:
            self._tries = {
                one: at for one, at in self._tries.items() if now - at[-1] < TRY_PERIOD.total_seconds()
            }
        lately = self._lately(source)
        if len(lately) >= TRIES or (not lately and len(self._tries) >= _SOURCES):
            return False
        self._tries[source] = [*lately, now]
        return True

    def _lately(self, source: str) -> list[float]:
        now = self._clock.monotonic()
        return [at for at in self._tries.get(source, ()) if now - at < TRY_PERIOD.total_seconds()]

    def _is_right(self, known: str, password: str) -> bool:
        """Takes some 50 ms of processor time and 64 MB by design."""
        try:
            return self._hasher.verify(known, password)
        except Argon2Error:
            return False

    def log_out(self, request: Request) -> None:
        """End the session."""
        self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)

    def _hashed(self, password: str) -> str:
        if password.startswith("$argon2"):
            try:
                self._hasher.check_needs_rehash(password)
            except InvalidHashError:
                return self._hasher.hash(password)
            return password
        return self._hasher.hash(password)


def comes_from_us(request: Request) -> bool:
    """Whether a request that changes something was made by one of our own pages, not by a foreign site.

    Browsers say so in ``Sec-Fetch-Site`` (W3C Fetch Metadata); older ones in ``Origin``. A request with
    neither is not from a browser's page.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        ours = urlsplit(origin).netloc
    except ValueError:  # an address that is none, such as ``http://[``
        return False
    return hmac.compare_digest(ours.encode(), request.headers.get("host", "").encode())


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_local(request: Request) -> bool:
    """From this machine, by a local name and through no proxy.

    A foreign page that names us otherwise is turned away, and so is whatever a proxy on this machine passes
    on: it speaks for the whole world.
    """
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    client = request.client.host if request.client else ""
    try:
        named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:  # a name that is none, such as ``[::1``
        return False
    return is_loopback(client) and named in _LOCAL_NAMES


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
