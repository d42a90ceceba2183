"""Cookies as a user agent must take them: one normal form, and why one in it would be refused (RFC 6265bis).

Browsers, extensions and libraries export the same cookie under different names (``expirationDate``,
``no_restriction``, ``Name``). :func:`normal` brings them to the form of Playwright; :func:`flaw` says what a
browser would not take, in words that repeat nothing of the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LARGEST = 4096
"""Bytes of name and value together (RFC 6265bis, 5.7)."""
LONGEST_ATTRIBUTE = 1024
"""Bytes of a path or a domain (RFC 6265bis, 5.6)."""
LAST_SECOND = 253402300799
"""The last second of the year 9999: what ends later, no browser takes."""

Cookie = Mapping[str, Any]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\]")
_SAME_SITE = {"strict": "Strict", "lax": "Lax"}
_NAMES = {
    "hostkey": "domain",
    "host": "domain",
    "expirationdate": "expires",
    "expiry": "expires",
    "ishttponly": "httponly",
    "issecure": "secure",
}


def normal(given: Cookie, host: str) -> dict[str, Any]:
    """The cookie in Playwright's form; where it names no domain it is one of ``host``."""
    spelt = {_name(key): value for key, value in given.items()}
    same = _SAME_SITE.get(str(spelt.get("samesite") or "").lower(), "None")
    return {
        "name": _written(spelt.get("name")),
        "value": _written(spelt.get("value")),
        "domain": _domain(spelt, host),
        "path": str(spelt.get("path") or "/"),
        "expires": _expires(spelt.get("expires")),
        "httpOnly": _flag(spelt.get("httponly"), default=False),
        "secure": _flag(spelt.get("secure"), default=True) or same == "None",
        "sameSite": same,
    }


def flaw(cookie: Cookie) -> str:
    """Why a browser would refuse a cookie in normal form; empty where it takes it. Nothing is repeated."""
    return next(filter(None, _flaws(cookie)), "")


def belongs_to(cookie: Cookie, host: str) -> bool:
    """Whether the cookie is one of ``host`` or of a part of it (RFC 6265bis, 5.1.3)."""
    domain = str(cookie["domain"]).lstrip(".")
    return domain == host or domain.endswith(f".{host}")


def ended(cookies: Iterable[Cookie], needed: Iterable[str], now: datetime) -> datetime | None:
    """When a log-in ended, which needs all of the ``needed`` cookies; None while they last."""
    held = [cookie for cookie in cookies if cookie["name"] in set(needed)]
    last = {
        name: max((_end(one) for one in held if one["name"] == name), default=math.inf) for name in needed
    }
    first = min(last.values(), default=math.inf)
    return datetime.fromtimestamp(first, UTC) if first <= now.timestamp() else None


def _flaws(cookie: Cookie) -> Iterable[str]:
    name, value, path, domain = (str(cookie[key]) for key in ("name", "value", "path", "domain"))
    yield _text_flaw("name", name, besides=";=")
    yield _text_flaw("value", value, besides=";")
    yield "" if name else "it has no name"
    yield "name and value take more than 4,096 bytes" if _bytes(name) + _bytes(value) >= LARGEST else ""
    yield _text_flaw("path", path, besides=";") or (
        "" if path.startswith("/") else "its path begins without /"
    )
    yield "its path takes more than 1,024 bytes" if _bytes(path) > LONGEST_ATTRIBUTE else ""
    plain = domain.removeprefix(".")
    known = _bytes(domain) <= LONGEST_ATTRIBUTE and _HOST.fullmatch(plain)
    yield "" if known else "its domain is no name of a host"
    expires = cookie["expires"]
    lasts = expires == -1 or (math.isfinite(expires) and 0 < expires <= LAST_SECOND)
    yield "" if lasts else "it expires at no date that there is"
    yield "SameSite=None without Secure" if cookie["sameSite"] == "None" and not cookie["secure"] else ""
    yield _prefix_flaw(cookie, name.lower(), path, domain)


def _text_flaw(what: str, text: str, besides: str) -> str:
    if _CONTROLS.search(text):
        return f"its {what} holds a control character (a line break, a tab …)"
    if _SURROGATES.search(text):
        return f"its {what} holds half a character"
    if any(sign in text for sign in besides):
        return f"its {what} holds one of {' '.join(besides)}"
    return f"its {what} begins or ends with a blank" if text != text.strip() else ""


def _prefix_flaw(cookie: Cookie, name: str, path: str, domain: str) -> str:
    """A name may promise how its cookie was set (RFC 6265bis, 4.1.3), and is taken at its word."""
    if not name.startswith(("__secure-", "__host-", "__http-")):
        return ""
    if not cookie["secure"]:
        return "its name wants Secure"
    if name.startswith(("__http-", "__host-http-")) and not cookie["httpOnly"]:
        return "its name wants HttpOnly"
    if name.startswith("__host-") and (path != "/" or domain.startswith(".")):
        return "its name wants the path / and one host alone"
    return ""


def _written(given: object) -> str:
    """A name or value as it is written: numbers as their digits, and nothing for what is neither."""
    return str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""


def _name(key: object) -> str:
    plain = re.sub(r"[^a-z]", "", str(key).lower())
    return _NAMES.get(plain, plain)


def _domain(spelt: Mapping[str, Any], host: str) -> str:
    given = str(spelt.get("domain") or "").strip().lower()
    if not given:
        return host if _written(spelt.get("name")).lower().startswith("__host-") else f".{host}"
    return given.lstrip(".") if spelt.get("hostonly") is True else given


def _flag(given: object, *, default: bool) -> bool:
    if isinstance(given, str):
        return given.strip().lower() in {"true", "1", "yes"} if given.strip() else default
    return default if given is None else bool(given)


def _expires(given: object) -> float:
    """Seconds since 1970, -1 for the end of the session, NaN for what is no time at all."""
    if given is None or isinstance(given, bool) or given == "":
        return -1
    if isinstance(given, str):
        return _expires_text(given.strip())
    if not isinstance(given, int | float) or (isinstance(given, float) and math.isnan(given)):
        return math.nan
    seconds = float(max(-1, min(given, 1e300)))
    if seconds > LAST_SECOND and seconds / 1000 <= LAST_SECOND:
        seconds /= 1000  # some count in milliseconds
    return -1 if seconds <= 0 else seconds


def _expires_text(given: str) -> float:
    if given.lower() in {"session", "at end of session"}:
        return -1
    try:
        return _expires(float(given))
    except ValueError:
        pass
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(given)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return math.nan


def _end(cookie: Cookie) -> float:
    expires = float(cookie["expires"])
    return math.inf if expires <= 0 else expires


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
