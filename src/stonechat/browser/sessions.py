"""Sessions: the cookies and local storage with which a browser is logged in. Parsed and validated here.

A session is the owner's own: logged in by hand (``stonechat login``), or exported and given in a setting or
a file (:mod:`stonechat.config.session_form`). Where they are kept is
:mod:`stonechat.browser.session_store`. No password is ever seen or kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from stonechat.config.addresses import is_loopback
from stonechat.config.cookies import Cookie, belongs_to, flaw, normal
from stonechat.config.session_form import SessionForm, read_session
from stonechat.core.errors import ConfigError, ConfigFault, Permanent

LONGER = timedelta(hours=12)
"""A cookie that ends later by less is not worth a write: sites move the end on with each answer."""

_RANDOM = 16
"""Characters of the shortest value that may be random."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where sessions are used: the form that they have there, and the address that is opened.

    The address is the site's own, or one of this machine where a local network stands for it.
    """

    form: SessionForm
    address: str


@dataclass(frozen=True, slots=True)
class Session:
    """Cookies, and local storage by origin, in the form that Playwright takes. Never printed.

    Attributes:
        needed: names of the cookies that identify the log-in.
    """

    cookies: tuple[Cookie, ...]
    origins: tuple[Mapping[str, Any], ...]
    needed: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Session({len(self.cookies)} cookies, {self.fingerprint()})"

    def fingerprint(self) -> str:
        """Changes when what identifies the log-in changes; says nothing about it."""
        keys = sorted((str(c["name"]), str(c["value"])) for c in self.cookies if c["name"] in self.needed)
        return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:12]

    def secrets(self) -> tuple[str, ...]:
        """What must stand in no log, page or post: what identifies the log-in, and whatever else is long
        and has figures in it; the value ``dark`` of a cookie is no secret."""
        stored = (one for origin in self.origins for one in origin.get("localStorage", ()))
        others = (*self.cookies, *stored)
        return tuple(
            value
            for one in others
            if (value := str(one.get("value", "")))
            and (one.get("name") in self.needed or _looks_random(value))
        )

    def state(self) -> dict[str, Any]:
        """As Playwright's ``storage_state``."""
        return {
            "cookies": [dict(one) for one in self.cookies],
            "origins": [dict(one) for one in self.origins],
        }


def _looks_random(value: str) -> bool:
    return len(value) >= _RANDOM and any(sign.isdigit() for sign in value) and " " not in value


class SessionStore(Protocol):
    """Where the pool gets an account's session from, and writes renewed cookies back to."""

    async def load(self, account_id: str) -> Session | None:
        """The newest session; None where the account needs none. Cheap: called before every operation.

        Raises:
            SessionTrouble: the account has none that can be used.
        """

    async def save(self, account_id: str, session: Session) -> None:
        """Keep what the site renewed."""


def parse_session(given: str | bytes, form: SessionForm, *, setting: str | None = None) -> Session:
    """The session in a setting's value or in a file.

    Raises:
        ConfigError: it is in no form that a log-in can have, or lacks a cookie that a log-in needs.
    """
    try:
        saved = read_session(given, form)
    except ValueError as exc:
        raise ConfigError((ConfigFault(setting or form.setting, str(exc), form.expected),)) from exc
    return Session(saved.cookies, saved.origins, form.needed)


def from_cookies(cookies: Sequence[Cookie], form: SessionForm) -> Session:
    """The session that consists of these cookies of a browser."""
    return Session(tuple(normal(one, form.host) for one in cookies), (), form.needed)


def for_site(session: Session, site: Site) -> Session:
    """The same session with its cookies on the host of the address, without what no browser takes there.

    Raises:
        Permanent: the address is neither the site's own nor on this machine; no cookie goes there.
    """
    target = urlsplit(site.address)
    host = target.hostname or ""
    if not belongs_to({"domain": host}, site.form.host):
        session = _moved(session, site, f"{target.scheme}://{target.netloc}", host)
    if not any(map(flaw, session.cookies)):
        return session
    return replace(session, cookies=tuple(one for one in session.cookies if not flaw(one)))


def _moved(session: Session, site: Site, origin: str, host: str) -> Session:
    if not is_loopback(site.address):
        raise Permanent(
            f"{host} is neither {site.form.host} nor on this machine.",
            meaning="A session's cookies are sent to no other host.",
            remedy=f"Set the network's address to https://{site.form.host}.",
        )
    encrypted = origin.startswith("https:")
    cookies = {}
    for cookie in session.cookies:
        secure = bool(cookie["secure"]) and encrypted
        same = cookie["sameSite"] if secure or cookie["sameSite"] != "None" else "Lax"
        here = {**cookie, "domain": host, "secure": secure, "sameSite": same}
        cookies[cookie["name"], cookie["path"]] = here
    origins = tuple({**one, "origin": origin} for one in session.origins[:1])
    return replace(session, cookies=tuple(cookies.values()), origins=origins)


def renewed(session: Session, cookies: Sequence[Mapping[str, Any]]) -> Session | None:
    """The session with the cookies that a browser holds now; None where unchanged or logged out.

    A cookie that lasts longer than before is renewed too: a site may prolong a log-in without changing it.
    """
    before = {(c["name"], c["domain"], c["path"]): c for c in session.cookies}
    after = {(c["name"], c["domain"], c["path"]): c for c in cookies}
    same = before.keys() == after.keys() and not any(_is_renewed(before[key], after[key]) for key in after)
    logged_in = all(any(c["name"] == name and c["value"] for c in cookies) for name in session.needed)
    if same or not logged_in:
        return None
    return replace(session, cookies=tuple(normal(c, "") for c in cookies))


def _is_renewed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if old["value"] != new["value"]:
        return True
    ends, now_ends = float(old.get("expires", -1)), float(new.get("expires", -1))
    return now_ends > 0 and (ends <= 0 or now_ends - ends > LONGER.total_seconds())


class GivenSessions:
    """Sessions held in memory alone, for who has no database: scripts and benchmarks."""

    def __init__(self, given: Mapping[str, Session], site: Site) -> None:
        self._held = {account: for_site(session, site) for account, session in given.items()}

    async def load(self, account_id: str) -> Session | None:
        """What was given or renewed since."""
        return self._held.get(account_id)

    async def save(self, account_id: str, session: Session) -> None:
        """Keep what the site renewed, until the end."""
        self._held[account_id] = session
