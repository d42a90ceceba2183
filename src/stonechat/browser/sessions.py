"""Saved sessions: what a browser needs to be logged in as the owner. Read, checked, kept encrypted.

A session is the owner's own, exported once (Playwright's ``storage_state``, or a plain array of
cookies) and given base64-encoded in ``TWITTER_SESSION_B64``. The site renews its cookies as they are
used; what it renewed is written back, encrypted, and wins over the setting until the setting changes.
No password is ever seen or kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken

from stonechat.config.session_form import NEEDED, read_session
from stonechat.core.errors import ConfigError, ConfigFault

SETTING = "TWITTER_SESSION_B64"
EXPECTED = "base64 of a Playwright storage_state (or of a cookies array) saved while logged in"
SITES = ("x.com", "twitter.com")
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

    def load(self, account_id: str) -> Session | None:
        """The newest session; None where the account has none. Cheap: called before every operation."""

    def save(self, account_id: str, session: Session) -> None:
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
    """The session with the cookies that a browser holds now; None where unchanged or logged out."""
    before = {(c["name"], c["domain"], c["path"]): c["value"] for c in session.cookies}
    after = {(c["name"], c["domain"], c["path"]): c["value"] for c in cookies}
    if before == after or not all(any(c["name"] == name and c["value"] for c in cookies) for name in NEEDED):
        return None
    return Session(tuple(_playwright_cookie(c) for c in cookies), session.origins)


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


class SavedSessions:
    """Sessions by account: from the settings, and, once renewed, from an encrypted file.

    The key stands in ``key`` beside the files, readable by this user alone: it protects backups and
    copies of the session files, not against who can read the whole folder.

    Args:
        folder: where renewed sessions are kept.
        given: the settings' sessions by account id.
        base_url: the site that they are for.
    """

    def __init__(self, folder: Path, given: Mapping[str, Session], base_url: str) -> None:
        self._folder = folder
        self._base_url = base_url
        self._given = {account: for_site(session, base_url) for account, session in given.items()}
        self._current: dict[str, Session] = {}
        self._cipher: Fernet | None = None

    def load(self, account_id: str) -> Session | None:
        if account_id not in self._current:
            newest = self._kept(account_id) or self._given.get(account_id)
            if newest is None:
                return None
            self._current[account_id] = newest
        return self._current[account_id]

    def give(self, account_id: str, session: Session) -> None:
        """Take a new session at once, without a restart: it wins over what was kept."""
        self._given[account_id] = for_site(session, self._base_url)
        self.save(account_id, self._given[account_id])

    def save(self, account_id: str, session: Session) -> None:
        self._current[account_id] = session
        given = self._given.get(account_id)
        content = json.dumps({"given": given.fingerprint() if given else "", "state": session.state()})
        path = self._path(account_id)
        part = path.with_suffix(".part")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(part, self._key().encrypt(content.encode()))
        part.replace(path)

    def _kept(self, account_id: str) -> Session | None:
        """What was written back, unless the setting has changed since or it cannot be read."""
        try:
            content = json.loads(self._key().decrypt(self._path(account_id).read_bytes()))
        except (OSError, InvalidToken, ValueError):
            return None
        given = self._given.get(account_id)
        if given is not None and content.get("given") != given.fingerprint():
            return None
        state = content["state"]
        return for_site(Session(tuple(state["cookies"]), tuple(state["origins"])), self._base_url)

    def _path(self, account_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(account_id.encode()).hexdigest()[:16]}.session"

    def _key(self) -> Fernet:
        if self._cipher is None:
            path = self._folder / "key"
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _write_private(path, Fernet.generate_key())
            try:
                self._cipher = Fernet(path.read_bytes())
            except ValueError:  # a damaged key opens nothing any more: the setting's session serves again
                _write_private(path, Fernet.generate_key())
                self._cipher = Fernet(path.read_bytes())
        return self._cipher


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
