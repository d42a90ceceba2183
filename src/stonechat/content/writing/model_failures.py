"""What an endpoint's refusal means: whether to try again, when, and what the owner has to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from stonechat.content.errors import ModelRefused, ModelTrouble

_I = re.IGNORECASE
_QUOTA = re.compile(
    r"insufficient_quota|billing_hard_limit|insufficient.{0,20}(?:balance|credit|funds)|top.?up"
    r"|credit balance|exceeded your current quota, please check your plan|payment required|out of credits",
    _I,
)
_FILTER = re.compile(
    r"content_filter|content management policy|content_policy|safety system|flagged_input|moderation", _I
)
BAD_KEY = re.compile(r"API_KEY_INVALID|API key not valid|invalid.{0,3}(?:x-)?api.key", _I)
"""A wrong key in words: Gemini says so with 400."""
_AGAIN = frozenset({408, 409, 425, 429, 498})
_LONGEST = timedelta(days=1)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = r"((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\s*)+)"
_IN_BODY = re.compile(
    rf"(?:retry|again|wait|reset\w*)\D{{0,30}}?{_SPAN}|retrydelay\"?\s*:\s*\"?{_SPAN}"
    r"|\"retry_after(?:_seconds)?\"\s*:\s*(\d+(?:\.\d+)?)",
    _I,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h|d)", _I)


NEXT_TEXT = "Nothing; the next text is another one."


class EndpointRefusal(Exception):
    """An answer with a status from 400 on."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class ProviderMissing(Exception):
    """A model is named by a provider whose library is not installed; its one argument."""


class EndpointTimeout(Exception):
    """No answer in time."""


class EndpointUnreachable(Exception):
    """No connection, or one that broke; its text is the kind of the error."""


def failure_of(model: str, status: int, headers: Mapping[str, str], body: Any) -> ModelTrouble | ModelRefused:
    """The error for an answer with a status from 400 on."""
    said = body if isinstance(body, str) else json.dumps(body, default=str)
    if status == 402 or _QUOTA.search(said):
        what = f"says that its quota is used up (HTTP {status})"
        return refused(model, what, "Top up the provider's account.")
    if _FILTER.search(said) and status in {400, 403, 422}:
        return refused(model, "filtered the request (content filter)", NEXT_TEXT)
    if status == 429:
        return trouble(model, "is rate limiting us", retry_after=rest_of(headers, said))
    if status in {401, 403} or BAD_KEY.search(said):
        return refused(model, f"does not accept the key (HTTP {status})", "Check OPENAI_API_KEY.")
    if status in {404, 405}:
        what = f"does not know this model or path (HTTP {status})"
        return refused(model, what, "Check OPENAI_MODEL and OPENAI_BASE_URL.")
    if status == 421:
        what = "redirects to another address, which is not followed"
        return refused(model, what, "Put the last address into OPENAI_BASE_URL.")
    if "unreadable answer" in said:
        what = "something that is not JSON"
        if "web page" in said or "longer than" in said:
            what = "a web page or text where JSON was expected" if "web page" in said else "without an end"
        return trouble(model, f"answered {what}", maybe_billed=True)
    if status >= 500 or status in _AGAIN:
        return trouble(model, f"failed with HTTP {status}", retry_after=rest_of(headers, said))
    return refused(model, f"does not accept the request (HTTP {status})", "Run `stonechat doctor --model`.")


def trouble(model: str, what: str, **more: Any) -> ModelTrouble:
    """A failure that may be over at the next try."""
    return ModelTrouble(
        f"The model {model} {what}.",
        meaning="Another try, the next model or the reserve serves instead.",
        remedy="Nothing, unless it lasts; then check OPENAI_BASE_URL and the provider's status.",
        **more,
    )


def refused(model: str, what: str, remedy: str, *, spent: tuple[int, int] | None = None) -> ModelRefused:
    """A failure that another try would meet again."""
    return ModelRefused(
        f"The model {model} {what}.",
        meaning="Nothing is written with it; the next model or the reserve serves.",
        remedy=remedy,
        spent=spent,
    )


def rest_of(headers: Mapping[str, str], said: str = "") -> timedelta | None:
    """How long the endpoint wants to rest: by ``Retry-After``, by its rate limits' resets, or in its own
    words.
    """
    if (asked := retry_after(headers)) is not None:
        return asked
    if match := _IN_BODY.search(said):
        return _span(match[1] or match[2] or match[3])
    resets = [
        _until(value, headers.get("date", ""))
        for name, value in headers.items()
        if "ratelimit" in name
        and "reset" in name
        and headers.get(name.replace("reset", "remaining"), "0") == "0"
    ]
    return max((one for one in resets if one), default=None)


def _until(written: str, date: str) -> timedelta | None:
    """A length, or the moment at which a limit is lifted: in ISO 8601 or in (milli)seconds since 1970, held
    against the answer's own ``Date``.
    """
    if (span := _span(written)) is not None:
        return span
    try:
        now = parsedate_to_datetime(date)
        if re.fullmatch(r"\d{10}(?:\d{3})?(?:\.\d+)?", written.strip()):
            seconds = float(written) / (1000 if float(written) > 1e11 else 1)
            wait = timedelta(seconds=seconds) - timedelta(seconds=now.timestamp())
        else:
            wait = datetime.fromisoformat(written.strip()) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wait, _LONGEST) if wait > timedelta() else None


def _span(written: str) -> timedelta | None:
    """``39.2s``, ``1m2.5s``, ``6m0s``, ``20 seconds``, ``250ms`` or bare seconds."""
    if re.fullmatch(r"\d+(?:\.\d+)?", written.strip()):
        seconds = float(written)
    elif not re.fullmatch(_SPAN, written.strip(), _I):
        return None
    else:
        found = [(float(number), unit.lower()) for number, unit in _PART.findall(written)]
        seconds = sum(number * _UNITS["ms" if unit == "milli" else unit] for number, unit in found)
    return min(timedelta(seconds=seconds), _LONGEST) if 0 < seconds < 1e7 else None


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that a ``Retry-After`` or ``retry-after-ms`` header asks for, at most a day.

    Seconds, or a date (RFC 9110, 10.2.3), which is held against the answer's own ``Date``.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if seconds >= 0:
            return timedelta(seconds=min(seconds, _LONGEST.total_seconds()))
    try:
        wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):  # no date, or one of the two without a zone
        return None
    return min(max(wait, timedelta()), _LONGEST) or None
