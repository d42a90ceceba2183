"""Removing what looks like a secret from a text that people will read."""

from __future__ import annotations

import re

MASK = "•••"

_PORT = r"\d{1,5}[/?#\"',;)\]}]"
_SECRET_TEXTS = (
    # user:password in an address: either may be empty, and a password may hold an @ or a / of its own
    re.compile(rf"(?<=://)(?:[^\s:/?#\[]*:(?!{_PORT})\S*|[^\s/?#]+)(?=@)"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
    re.compile(r"\bsk-[\w-]{8,}"),
    re.compile(
        r"(?i)\b(?:auth_token|ct0|password|api_?key|token|secret)[\"']?\s*[=:]\s*[\"']?[^\s\"',;&]{4,}"
    ),
)


_SECRET_ADDRESSES = (
    # an address of a messaging service (tgram://…, slack://…) is a key as a whole
    re.compile(
        r"(?i)(?<![\w+.-])((?!(?:https?|wss?|rediss?|valkeys?|postgres[\w+]*|sqlite[\w+]*|file|chrome|about|data|blob|at):)"
        r"[a-z][a-z0-9+.-]*://)[^\s\"'<>]+"
    ),
    re.compile(
        r"(?i)(\bhttps?://(?:hooks\.slack\.com|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|"
        r"api\.telegram\.org)/)[^\s\"'<>]+"
    ),
)


def masked(text: str) -> str:
    """The text without what looks like a secret, whoever it belongs to.

    Found are log-ins in addresses (``scheme://user:password@host``, up to the last ``@``), addresses of
    messaging services, authorization headers, model keys, and values named token, password and the like.
    """
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(MASK, text)
    for pattern in _SECRET_ADDRESSES:
        text = pattern.sub(lambda found: found[1] + MASK, text)
    return text
