"""The form of a saved log-in: cookies of a network's site, however they were exported.

Taken are a Playwright ``storage_state``, an array of cookies as extensions and libraries export it, an object
of names and values, a ``cookies.txt`` as Netscape's, and a ``Cookie:`` line; each as it stands or in base64
(base64url too), in UTF-8 or UTF-16.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stonechat.config.cookies import Cookie, belongs_to, flaw, normal

EXPECTED = (
    "the cookies of a logged-in browser: a Playwright storage_state, an array of cookies, a cookies.txt or a "
    "Cookie: line, as it stands or in base64"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_LINE = re.compile(r"(?:cookie:)?\s*[^\s=;,{}\[\]\"]+=[^;]*(?:;\s*[^\s=;]+=[^;]*)*;?\s*", re.IGNORECASE)
_HTTP_ONLY = "#HttpOnly_"
_COLUMNS = 7
_NESTED = 3
"""Base64 in base64 is read so many times over, and no more."""


@dataclass(frozen=True, slots=True)
class SessionForm:
    """What a log-in at a network consists of, and the setting that it may be given by.

    Attributes:
        setting: gives it for the network's first account; with ``_<HANDLE>`` behind it, for that account.
        host: of the site that the cookies are for.
        needed: names of the cookies without which the site knows nobody.
    """

    setting: str
    host: str
    needed: tuple[str, ...]

    @property
    def expected(self) -> str:
        """What the setting should hold."""
        return EXPECTED

    def has_log_in(self, cookies: Sequence[Cookie]) -> bool:
        """Whether these cookies hold a whole log-in."""
        return all(any(one["name"] == name and one["value"] for one in cookies) for name in self.needed)


@dataclass(frozen=True, slots=True)
class SavedSession:
    """What was read: cookies and local storage as Playwright takes them, and what was left out and why.

    Attributes:
        left_out: a sentence each, with a cookie's name and never its value.
    """

    cookies: tuple[Cookie, ...]
    origins: tuple[Mapping[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()


def read_session(given: str | bytes, form: SessionForm) -> SavedSession:
    """The log-in in a setting's value or a file, without what the site does not need and no browser takes.

    Raises:
        ValueError: what is wrong with it, in words that follow the setting's name and repeat nothing of it.
    """
    cookies, origins = _read(given)
    kept, others, left_out = list[Cookie](), set[str](), list[str]()
    for number, one in enumerate(cookies, 1):
        cookie = normal(one, form.host)
        if not belongs_to(cookie, form.host):
            others.add(cookie["domain"].lstrip("."))
        elif why := flaw(cookie):
            if cookie["name"] in form.needed:
                raise ValueError(f"holds a cookie {cookie['name']} that no browser takes: {why}")
            left_out.append(f"{_called(cookie, number)} is left out: {why}")
        else:
            kept.append(cookie)
    _refuse_without_log_in(kept, others, form)
    return SavedSession(tuple(kept), _origins(origins, form), tuple(left_out))


def _refuse_without_log_in(kept: Sequence[Cookie], others: set[str], form: SessionForm) -> None:
    if not kept and others:
        known = [one for one in sorted(others) if re.fullmatch(r"[\w.-]{1,60}", one)]
        raise ValueError(f"holds cookies of {known[0] if known else 'another site'}, and none of {form.host}")
    missing = [name for name in form.needed if not any(c["name"] == name and c["value"] for c in kept)]
    if missing:
        raise ValueError(f"lacks the cookie{'s' if len(missing) > 1 else ''} {' and '.join(missing)}")


def _called(cookie: Cookie, number: int) -> str:
    """The cookie by its name; by its number where the name itself may hold what nobody should see."""
    name = str(cookie["name"])
    return f"the cookie {name}" if re.fullmatch(r"[\w.-]{1,40}", name) else f"cookie number {number}"


def _origins(given: object, form: SessionForm) -> tuple[Mapping[str, Any], ...]:
    """The local storage of the site's own origins, in the form in which Playwright takes it."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValueError("holds origins of another form than Playwright's")
    found = []
    for one in given:
        entries = one.get("localStorage") or []
        if not isinstance(one.get("origin"), str) or not isinstance(entries, list):
            raise ValueError("holds origins of another form than Playwright's")
        try:
            parts = urlsplit(one["origin"])
            host = (parts.hostname or "").lower()
        except ValueError:
            continue
        if parts.scheme in {"http", "https"} and belongs_to({"domain": host}, form.host):
            kept = [{"name": e["name"], "value": e["value"]} for e in entries if _is_entry(e)]
            found.append({"origin": f"{parts.scheme}://{parts.netloc}", "localStorage": kept})
    return tuple(found)


def _is_entry(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str)


# --- which form it is ---------------------------------------------------------------------------------------


def _read(given: str | bytes) -> tuple[list[Mapping[str, Any]], object]:
    """The cookies as they are written, and the origins."""
    text = _plain(given)
    for depth in range(_NESTED):
        if text.startswith(("{", "[")):
            return _of_json(text, encoded=depth > 0)
        if found := list(_netscape(text)):
            return found, []
        decoded = _of_base64("".join(text.split()))
        if decoded is None:
            break
        text = decoded
    if _LINE.fullmatch(text):
        return list(_cookie_line(text)), []
    raise ValueError("is none of the forms that a log-in can have (is it cut off?)")


_URL_SAFE = str.maketrans("-_", "+/")


def _of_base64(text: str) -> str | None:
    """The text in the base64; None where it is none, or holds no text."""
    if not _BASE64.fullmatch(text):
        return None
    bare = text.rstrip("=")
    try:
        return _plain(base64.b64decode(bare.translate(_URL_SAFE) + "=" * (-len(bare) % 4)))
    except (binascii.Error, ValueError):
        return None


def _plain(given: str | bytes) -> str:
    """The text without marks of its encoding, without blanks and quotation marks around it.

    Raises:
        ValueError: it is no text.
    """
    text = _decoded(given) if isinstance(given, bytes) else given
    text = text.lstrip("\ufeff").strip().strip("\0")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _decoded(raw: bytes) -> str:
    try:
        return _of_encoding(raw)
    except UnicodeDecodeError as exc:
        raise ValueError("is no text in UTF-8 or UTF-16") from exc


def _of_encoding(raw: bytes) -> str:
    sixteen = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not sixteen and raw[1:2] == b"\0":
        return raw.decode("utf-16-le")
    if not sixteen and raw[:1] == b"\0":
        return raw.decode("utf-16-be")
    return raw.decode("utf-16" if sixteen else "utf-8-sig")


def _of_json(text: str, *, encoded: bool) -> tuple[list[Mapping[str, Any]], object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is {'base64, but not of ' if encoded else 'no '}JSON (is it cut off?)") from exc
    origins: object = []
    if isinstance(data, dict):
        spelt = {str(key).lower(): value for key, value in data.items()}
        if "cookies" in spelt:
            data, origins = spelt["cookies"], spelt.get("origins") or []
        elif data and all(isinstance(one, str) for one in data.values()):
            data = [{"name": key, "value": value} for key, value in data.items()]
    if not isinstance(data, list) or not data:
        raise ValueError("holds no cookies")
    if not all(isinstance(one, dict) for one in data):
        raise ValueError("holds a list of something else than cookies")
    return data, origins


def _netscape(text: str) -> Iterator[Mapping[str, Any]]:
    """The lines of a ``cookies.txt``: domain, subdomains, path, secure, expires, name, value."""
    for line in text.splitlines():
        columns = line.removeprefix(_HTTP_ONLY).split("\t")
        if len(columns) != _COLUMNS or (line.startswith("#") and not line.startswith(_HTTP_ONLY)):
            continue
        domain, subdomains, path, secure, expires, name, value = columns
        yield {
            "name": name,
            "value": value,
            "domain": domain,
            "hostOnly": subdomains.upper() != "TRUE" and not domain.startswith("."),
            "path": path,
            "secure": secure,
            "expires": expires,
            "httpOnly": line.startswith(_HTTP_ONLY),
        }


def _cookie_line(text: str) -> Iterator[Mapping[str, Any]]:
    for pair in re.sub(r"(?i)^cookie:", "", text).split(";"):
        name, sign, value = pair.strip().partition("=")
        if sign:
            yield {"name": name, "value": value}
