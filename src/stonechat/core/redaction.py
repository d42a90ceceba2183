"""Removing what looks like a secret from a text that people will read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MASK = "•••"

SHORTEST = 6
"""Characters of the shortest secret that is looked for; shorter ones stand in every other text by chance."""

MOST_LEARNED = 2_000

_PORT = r"\d{1,5}[/?#\"',;)\]}]"
_VALUE = r"""(?:"[^"]{4,}"|'[^']{4,}'|[^\s"',;&]{4,})"""
_SECRET_TEXTS = (
    # user:password in an address: either may be empty, and a password may hold an @ or a / of its own
    re.compile(rf"(?<=://)(?:[^\s:/?#\[]{{0,200}}:(?!{_PORT})\S{{0,500}}|[^\s/?#]{{1,500}})(?=@)"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
    re.compile(r"\bsk-[\w-]{8,}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON Web Token (RFC 7519)
    re.compile(r"\$argon2\w+\$[^\s\"']+"),
    re.compile(r"(?i)\b(?:set-)?cookies?\s*[:=]\s*\w[\w.-]*=[^\n]+"),
    # a value whose name says so: DASHBOARD_PASSWORD=…, X-Api-Key: …, "auth_token": "…", session_key='a b'
    re.compile(
        r"(?i)(?<![a-z0-9_-])(?:[a-z0-9]{1,40}[_-]){0,8}(?:auth_token|ct0|kdt|passw(?:or)?d|pwd|passphrase|secret|token|"
        r"api_?key|(?:api|session|secret|access|private|encryption|signing|auth)[_-]key|session_b64(?:_\w+)?)"
        rf"[\"']?\s*[=:]\s*{_VALUE}"
    ),
    re.compile(r"(?i)(?<=[?&])(?:key|sig|signature|code|auth|pass|access_token|x-amz-\w+)=[^\s\"'&#]{4,}"),
)


_SECRET_ADDRESSES = (
    # an address of a messaging service (tgram://…, slack://…) is a key as a whole
    re.compile(
        r"(?i)(?<![\w+.-])((?!(?:https?|wss?|rediss?|valkeys?|postgres[\w+]*|sqlite[\w+]*|file|chrome|about|data|blob|at):)"
        r"[a-z][a-z0-9+.-]*://)[^\s\"'<>]+"
    ),
    # services whose path is the key, and any path that calls itself a hook
    re.compile(
        r"(?i)(\bhttps?://(?:hooks\.slack\.com|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|"
        r"api\.telegram\.org|ntfy\.sh|hc-ping\.com|hchk\.io|[\w.-]{1,200}\.webhook\.office\.com|"
        r"[\w.-]{1,200}\.logic\.azure\.com(?::\d+)?|maker\.ifttt\.com|chat\.googleapis\.com|"
        r"(?:[\w-]{1,60}\.){0,4}(?:pushover\.net|healthchecks\.io|cronitor\.link|betterstack\.com|webhook\.site)|"
        r"[^\s/\"'<>]{1,200}/(?:[^\s\"'<>]{0,300}/)?(?:web)?hooks?)/)[^\s\"'<>]+"
    ),
    re.compile(r"(?i)(\bhttps?://[^\s\"'<>]{1,500}/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}[^\s\"'<>]*"),
)


_WITH_PASSWORD = re.compile(
    r"(?i)(?:--?[\w-]+=)?(?:psql\s+[\"'])?[a-z][a-z0-9+.-]*://"
    r"(?:[^\s:/?#\[]*:(?!\d{1,5}[/?#])\S+@|\S*[?&](?:password|passwd|pwd|token|(?:api_?)?key|secret)=\S)"
)


def is_address_with_password(word: str) -> bool:
    """Whether a word of a command (also as ``--option=…``) is an address that holds a password or a key."""
    return _WITH_PASSWORD.match(word) is not None


def masked(text: str) -> str:
    """The text without what looks like a secret, whoever it belongs to.

    Found are log-ins in addresses (``scheme://user:password@host``, up to the last ``@``), addresses of
    messaging services, authorization and cookie headers, model keys, web tokens, and values named token,
    password and the like.
    """
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(MASK, text)
    for pattern in _SECRET_ADDRESSES:
        text = pattern.sub(lambda found: found[1] + MASK, text)
    return text


class Secrets:
    """What this process knows to be secret now: what the settings give, and what it comes to know later.

    Log-ins change while it runs, by ``stonechat login`` and by the sites themselves; whoever holds this
    object sees them as soon as they are learned. Of those the newest are kept.
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._given = tuple(given)
        self._learned: dict[str, None] = {}
        self.longest_first: tuple[str, ...] = ()
        self.learn(())

    def learn(self, secrets: Iterable[str]) -> None:
        """Know these too."""
        for secret in secrets:
            self._learned.pop(secret, None)
            self._learned[secret] = None
        for old in list(self._learned)[:-MOST_LEARNED]:
            del self._learned[old]
        every = {one for one in (*self._given, *self._learned) if len(one) >= SHORTEST}
        self.longest_first = tuple(sorted(every, key=len, reverse=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self.longest_first)

    def hidden(self, text: str) -> str:
        """The text without them, and without whatever else looks like a secret."""
        for secret in self.longest_first:
            text = text.replace(secret, MASK)
        return masked(text)
