"""The accounts that may log in here, their passwords, and what each of their sessions consists of."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

COOKIE_DOMAINS = ("127.0.0.1", ".x.com", ".twitter.com")


@dataclass(frozen=True, slots=True)
class Session:
    """The two cookies of one log-in."""

    auth_token: str
    ct0: str

    def storage_state(self) -> dict[str, Any]:
        """Playwright storage state with the two cookies, for this host and for X's own domains."""
        cookies = [
            {
                "name": name,
                "value": value,
                "domain": domain,
                "path": "/",
                "expires": -1,
                "httpOnly": name == "auth_token",
                "secure": domain != "127.0.0.1",
                "sameSite": "Lax",
            }
            for domain in COOKIE_DOMAINS
            for name, value in (("auth_token", self.auth_token), ("ct0", self.ct0))
        ]
        return {"cookies": cookies, "origins": []}

    def session_b64(self) -> str:
        """The storage state as base64, the form in which Stonechat takes a session."""
        return base64.b64encode(json.dumps(self.storage_state()).encode()).decode()


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An account of ours: what its owner knows of it.

    Attributes:
        password: opens the log-in page; nothing of Stonechat ever asks for it.
        session: the first one; there may be others (:mod:`stonechat_aviary.sessions`).
    """

    handle: str
    name: str
    bio: str
    id: str
    password: str
    session: Session
    first_followers: int
    following: int

    @property
    def auth_token(self) -> str:
        """The log-in cookie of the first session."""
        return self.session.auth_token

    @property
    def ct0(self) -> str:
        """The csrf cookie of the first session."""
        return self.session.ct0

    def storage_state(self) -> dict[str, Any]:
        """The first session as Playwright storage state."""
        return self.session.storage_state()

    def session_b64(self) -> str:
        """The first session in the form in which Stonechat takes it."""
        return self.session.session_b64()


def own_account(seed: int, handle: str, number: int) -> OwnAccount:
    """The account ``handle`` in the world of ``seed``; the same arguments give the same account."""
    words = "".join(" " + c if c.isupper() else c for c in handle.replace("_", " ")).split()
    return OwnAccount(
        handle=handle,
        name=" ".join(words).title() if len(words) > 1 else handle.capitalize(),
        bio="Notes on building calmly: sleep, focus, movement, food, stress, learning. Automated account.",
        id=str(1_500_000_000_000_000_000 + int(_secret(seed, handle, "session")[:8], 16)),
        password=_secret(seed, handle, "password")[:16],
        session=nth_session(seed, handle, 0),
        first_followers=1240 + 35 * number,
        following=180,
    )


def nth_session(seed: int, handle: str, number: int) -> Session:
    """The session that the log-in number ``number`` of an account gives, from 0."""
    more = f"/{number}" if number else ""
    return Session(
        _secret(seed, handle, f"session{more}")[:40],
        renewed_ct0(_secret(seed, handle, f"csrf{more}")),
    )


def renewed_ct0(before: str) -> str:
    """A csrf cookie as X hands it out: long, and another one each time."""
    return hashlib.sha256(before.encode()).hexdigest() * 2


def _secret(seed: int, handle: str, what: str) -> str:
    return hashlib.sha256(f"{seed}/{handle}/{what}".encode()).hexdigest()
