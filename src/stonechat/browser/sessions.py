"""Sessions: the cookies and local storage with which a browser is logged in. Parsed and validated here.

A session is the owner's own: logged in by hand (``stonechat login``), or exported (Playwright's
``storage_state``, or a plain array of cookies) and given base64-encoded in a setting. Where they are kept
is :mod:`stonechat.browser.session_store`. No password is ever seen or kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from stonechat.config.session_form import NEEDED, read_session
from stonechat.core.errors import ConfigError, ConfigFault

SETTING = "TWITTER_SESSION_B64"
EXPECTED = "base64 of a Playwright storage_state (or of a cookies array) saved while logged in"
SITES = ("x.com", "twitter.com")
LONGER = timedelta(hours=12)
"""A cookie that ends later by less is not worth a write: sites move the end on with each answer."""
_SAME_SITE = {"strict": "Strict", "lax": "Lax"}


@dataclass(frozen=True, slots=True)
class Session:
    """Cookies, and local storage by origin, in the form that Playwright takes. Never printed."""

    cookies: tuple[Mapping[str, Any], ...]
    origins: tuple[Mapping[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"Session({len(self.cookies)} cookies, {self.fingerprint()})"

    def fingerprint(self) -> str:
        """Changes when what identifies the log-in changes; says nothing about it."""
        keys = sorted((str(c["name"]), str(c["value"])) for c in self.cookies if c["name"] in NEEDED)
        return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:12]

    def state(self) -> dict[str, Any]:
        """As Playwright's ``storage_state``."""
        return {
            "cookies": [dict(one) for one in self.cookies],
            "origins": [dict(one) for one in self.origins],
        }


class SessionStore(Protocol):
    """Where the pool gets an account's session from, and writes renewed cookies back to."""

    async def load(self, account_id: str) -> Session | None:
        """The newest session; None where the account needs none. Cheap: called before every operation.

        Raises:
            SessionTrouble: the account has none that can be used.
        """

    async def save(self, account_id: str, session: Session) -> None:
        """Keep what the site renewed."""


def parse_session(encoded: str, *, setting: str = SETTING) -> Session:
    """The session in a setting's value.

    Raises:
        ConfigError: it is not base64, not JSON, of another shape, or lacks a cookie that a log-in needs.
    """
    try:
        cookies, origins = read_session(encoded)
    except ValueError as exc:
        raise ConfigError((ConfigFault(setting, str(exc), EXPECTED),)) from exc
    return Session(tuple(_playwright_cookie(one) for one in cookies), tuple(origins))


def from_cookies(cookies: Sequence[Mapping[str, Any]]) -> Session:
    """The session that consists of these cookies of a browser."""
    return Session(tuple(_playwright_cookie(one) for one in cookies))


def for_site(session: Session, base_url: str) -> Session:
    """The same session with its cookies on the host of ``base_url``: the local network stands for X there."""
    target = urlsplit(base_url)
    host = target.hostname or ""
    if host in SITES or any(host.endswith(f".{site}") for site in SITES):
        return session
    cookies = {}
    for cookie in session.cookies:
        secure = bool(cookie["secure"]) and target.scheme == "https"
        same = cookie["sameSite"] if secure or cookie["sameSite"] != "None" else "Lax"
        cookies[cookie["name"], cookie["path"]] = {
            **cookie,
            "domain": host,
            "secure": secure,
            "sameSite": same,
        }
    origin = f"{target.scheme}://{target.netloc}"
    return Session(tuple(cookies.values()), tuple({**one, "origin": origin} for one in session.origins[:1]))


def renewed(session: Session, cookies: Sequence[Mapping[str, Any]]) -> Session | None:
    """The session with the cookies that a browser holds now; None where unchanged or logged out.

    A cookie that lasts longer than before is renewed too: a site may prolong a log-in without changing it.
    """
    before = {(c["name"], c["domain"], c["path"]): c for c in session.cookies}
    after = {(c["name"], c["domain"], c["path"]): c for c in cookies}
    same = before.keys() == after.keys() and not any(_is_renewed(before[key], after[key]) for key in after)
    if same or not all(any(c["name"] == name and c["value"] for c in cookies) for name in NEEDED):
        return None
    return Session(tuple(_playwright_cookie(c) for c in cookies), session.origins)


def _is_renewed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if old["value"] != new["value"]:
        return True
    ends, now_ends = float(old.get("expires", -1)), float(new.get("expires", -1))
    return now_ends > 0 and (ends <= 0 or now_ends - ends > LONGER.total_seconds())


def _playwright_cookie(cookie: Mapping[str, Any]) -> Mapping[str, Any]:
    """Exports name the same things differently (``expirationDate``, ``no_restriction``): one form for all."""
    expires = cookie.get("expires", cookie.get("expirationDate", -1))
    same = _SAME_SITE.get(str(cookie.get("sameSite") or "").lower(), "None")
    return {
        "name": cookie["name"],
        "value": str(cookie["value"]),
        "domain": str(cookie.get("domain") or ".x.com"),
        "path": str(cookie.get("path") or "/"),
        "expires": float(expires) if isinstance(expires, int | float) and expires > 0 else -1,
        "httpOnly": bool(cookie.get("httpOnly", False)),
        "secure": bool(cookie.get("secure", True)) or same == "None",
        "sameSite": same,
    }


class GivenSessions:
    """Sessions held in memory alone, for who has no database: scripts and benchmarks."""

    def __init__(self, given: Mapping[str, Session], base_url: str) -> None:
        self._held = {account: for_site(session, base_url) for account, session in given.items()}

    async def load(self, account_id: str) -> Session | None:
        """What was given or renewed since."""
        return self._held.get(account_id)

    async def save(self, account_id: str, session: Session) -> None:
        """Keep what the site renewed, until the end."""
        self._held[account_id] = session
