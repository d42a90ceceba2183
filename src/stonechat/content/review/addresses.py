"""Links, mentions, tags, wallets, numbers to call: whatever leads a reader elsewhere, unless the owner
allows it.

Two measures, and a text must satisfy both. What the network itself will make live (its own extractor) must be
allowed by name. And what merely reads like an address is refused though the network would leave it plain,
since readers type it and other networks link it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import urlsplit

from stonechat.content.review.draft_review import Bounds, Draft

_I = re.IGNORECASE
_DOT = r"(?:[.。\uff0e｡\u2024‧·•]|\s?[\[({<]\s?(?:\.|dot|punkt|point|punto|ponto)\s?[\])}>]\s?)"
_WORD_DOT = re.compile(r"(?<=\w)\s+(?:dot|d0t|punkt|punto|ponto)\s+(?=\w)", _I)
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_HOST = re.compile(rf"{_LABEL}(?:{_DOT}{_LABEL})+", _I)
_SPACED = re.compile(
    r"\w\s?\.\s(?:com|net|org|io|co|xyz|info|biz|shop|online|site|top|club|link|app|ru|cn|eth|tk)\b", _I
)
_SPACED_BEFORE = re.compile(r"\w\s+\.\s?[a-z]{2,}\b", _I)
_SCHEME = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]{1,15}:(?://|\\\\)|h[tx]{2}ps?\b|www\b|mailto:|tel:|magnet:|ipfs:|javascript:)", _I
)
_PATH = re.compile(
    r"\w\.\w+/|/\w+\?\w+=|\blocalhost\b|\b\d{1,3}(?:\.\d{1,3}){3}\b|\[[0-9a-f:]{3,}\]|"
    r"\b(?:[0-9a-f]{1,4}:){3,}",
    _I,
)
_ABBREVIATION = re.compile(
    r"(?:[^\W\d_]\.)+[^\W\d_]?|\d+(?:[.:]\d+)+(?:am|pm|h)?|(?:vs|etc|no|st|dr|mr|mrs|ms|al|ca|bzw|usw)\.\w?",
    _I,
)
_HANDLE = re.compile(r"[@\uff20\ufe6b]([\w.]*\w|)")
_HASHTAG = re.compile(r"[#\uff03\ufe5f♯]\s?(\w+)")
_CASHTAG = re.compile(r"[$\uff04\ufe69]\s?[^\W\d]")
_AT_WORD = re.compile(
    r"[\w.+-]+(?:\s?[(\[{]at[)\]}]\s?|\s+at\s+)[\w-]+(?:\.|\s?[(\[{]dot[)\]}]\s?|\s+dot\s+)\w{2,}", _I
)
_PHONE = re.compile(r"(?<!\w)[+(]?\d(?:[\s().\-/_\u2013—·]{0,3}\d){6,}(?!\w)")
_NUMERAL = (
    r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|null|eins|zwei|"
    r"drei|vier|fünf|sechs|sieben|acht|neun)"
)
_SPELLED = re.compile(rf"\b{_NUMERAL}(?:[\s,.-]+{_NUMERAL}){{5,}}\b", _I)
_OPAQUE = re.compile(r"[A-Za-z0-9+/_=-]{12,}")
_ELSEWHERE = re.compile(
    r"\b(?:dm|pm|inbox|whats\s?app|telegram|signal|discord|snapchat|kik|message|text|call|"
    r"email|e-mail|mail|ping|write|contact)"
    r" (?:me|us|him|her|them|my|our|to (?:me|us|my))\b|\b(?:dms?|inbox|comments?) (?:are |is )?open\b"
    r"|\blinks? (?:is )?(?:in|below|above|at|on)\b|\b(?:in|on) (?:my|our|the) (?:bio|"
    r"profile)\b|\bclick (?:here|below|the|this|on|my)\b"
    r"|\b(?:whats\s?app|telegram|discord|snapchat|only\s?fans|patreon|cash\s?app|venmo|paypal|"
    r"zelle|go\s?fund\s?me|kofi|ko-fi)\b"
    r"|\bsearch (?:for )?\S+ on\b|\bgoogle (?:for |the |it\b)|\bscan (?:the|this|my) (?:code|"
    r"qr)|\bqr code\b|\bpromo ?codes?\b"
    r"|\b(?:use|with) (?:the |my |our )?(?:discount )?code\b|\bdiscount codes?\b|"
    r"\bfollow (?:me|us|back|for|this account|them|him|her)\b|\bfollow4follow\b|\bf4f\b"
    r"|\b(?:retweet|repost|like and share|share (?:this|if)|tag (?:a|your|three|two|\d)|"
    r"subscribe|sign up|join (?:us|my|our|the)"
    r" (?:group|channel|server|list|chat|community))\b",
    _I,
)
_LONGEST_WORD = 32


def links(draft: Draft, bounds: Bounds) -> str | None:
    """Nothing that the network makes live, and nothing that reads like an address, unless the voice allows
    it.

    Under and above foreign posts the voice allows nothing either.
    """
    free = not draft.kind.addresses
    voice = bounds.voice
    known = _Known(
        voice.links if free else (),
        voice.handles if free else (),
        voice.hashtags if free else (),
        _own(bounds),
    )
    for part in draft.parts:
        for text in dict.fromkeys((part, *_readings(part))):
            why = _live(text, bounds, known) or _written(text, known)
            if why:
                return why
    return None


def holds_link(text: str) -> bool:
    """Whether a foreign post links, or reads as if it did."""
    return any(_reads_like_link(one, _NOTHING_KNOWN) for one in (text, *_readings(text)))


class _Known:
    """What the voice file allows, folded for comparing."""

    def __init__(
        self, hosts: Iterable[str], handles: Iterable[str], tags: Iterable[str], words: frozenset[str]
    ) -> None:
        self.hosts = tuple(host for host in map(_host, hosts) if host)
        self.handles = frozenset(one.lstrip("@").casefold() for one in handles)
        self.tags = frozenset(one.lstrip("#").casefold() for one in tags)
        self.words = words

    def host(self, written: str) -> bool:
        host = _host(written)
        return host in self.words or any(host == one or host.endswith(f".{one}") for one in self.hosts)


def _own(bounds: Bounds) -> frozenset[str]:
    """Words with a dot that the owner uses in the voice file, such as ``Node.js``."""
    voice = bounds.voice
    texts = (*voice.topics, voice.niche, *voice.sources)
    return frozenset(match[0].casefold() for text in texts for match in _HOST.finditer(text))


def _readings(text: str) -> Iterator[str]:
    """The text as networks and readers fold it."""
    folded = unicodedata.normalize("NFKC", text)
    yield folded
    yield "".join(char for char in folded if char in "\n " or unicodedata.category(char)[0] not in "CM")
    yield _WORD_DOT.sub(".", folded)


def _live(text: str, bounds: Bounds, known: _Known) -> str | None:
    live = bounds.rules.entities(text)
    if not all(known.host(link) for link in live.links):
        return "contains an unknown link"
    if not all(name.casefold() in known.handles for name in live.mentions):
        return "contains an unknown mention"
    if not all(tag.casefold() in known.tags for tag in live.hashtags):
        return "contains an unknown hashtag"
    return "contains a cashtag" if live.cashtags else None


def _written(text: str, known: _Known) -> str | None:
    rest = _without_known_links(text, known)
    if _reads_like_link(rest, known):
        return "contains an unknown link"
    if _AT_WORD.search(rest):
        return "contains an e-mail address"
    if any(match[1].casefold() not in known.handles for match in _HANDLE.finditer(rest)):
        return "contains an unknown mention"
    if any(
        match[1].casefold() not in known.tags and not match[1].isdigit() for match in _HASHTAG.finditer(rest)
    ):
        return "contains an unknown hashtag"
    if _CASHTAG.search(rest):
        return "contains a cashtag"
    if _PHONE.search(rest) or _SPELLED.search(rest):
        return "contains a number to call"
    if _unreadable(rest):
        return "contains a wallet address, a key or something else that no reader can read"
    return "sends readers elsewhere" if _ELSEWHERE.search(rest) else None


def _reads_like_link(text: str, known: _Known) -> bool:
    if any(pattern.search(text) for pattern in (_SCHEME, _PATH, _SPACED, _SPACED_BEFORE)):
        return True
    return any(
        not _ABBREVIATION.fullmatch(match[0]) and not known.host(match[0]) for match in _HOST.finditer(text)
    )


def _without_known_links(text: str, known: _Known) -> str:
    """Links that are allowed, with scheme and path, are left out of every further check."""
    if not known.hosts:
        return text
    hosts = "|".join(map(re.escape, known.hosts))
    return re.sub(
        rf"(?:https?://)?(?:[\w-]+\.)*(?:{hosts})(?=[/?#\s,;!)\]]|\.?(?:\s|$))(?:[/?#]\S*)?",
        " ",
        text,
        flags=_I,
    )


def _unreadable(text: str) -> bool:
    """Wallets, keys, hashes, encodings: by their shape, whatever currency or cipher they are of."""
    pieces = 0
    for token in text.split():
        bare = token.strip(".,;:!?()[]{}\"'“”„«»…")
        if any(_opaque(match[0]) for match in _OPAQUE.finditer(bare)):
            return True
        if max(map(len, re.split(r"[-/'\u2019\u2013—…]+", bare)), default=0) > _LONGEST_WORD:
            return True
        mixed = any(map(str.isdigit, bare)) and any(map(str.isalpha, bare)) and len(bare) >= 3
        pieces = pieces + 1 if mixed else 0
        if pieces >= 3:  # a wallet cut into groups
            return True
    return False


def _opaque(token: str) -> bool:
    digits = any(map(str.isdigit, token))
    letters = [char for char in token if char.isalpha()]
    turns = sum(one.islower() and other.isupper() for one, other in pairwise(letters))
    if (
        digits
        and letters
        and not re.fullmatch(
            r"(?:\d{1,4}-)?[a-z]+(?:-[a-z]+)*(?:-\d{1,4})*|[\d-]+[a-z]*(?:-[a-z\d]{1,8})*", token, _I
        )
    ):
        return True
    return (
        turns >= 3
        or "=" in token
        or "+" in token
        or (len(token) >= 20 and token.isupper() and token.isalpha())
    )


def _host(link: str) -> str:
    bare = re.sub(_DOT, ".", link.strip().casefold())
    try:
        host = urlsplit(bare if "://" in bare else f"//{bare}").hostname or ""
    except ValueError:
        return bare
    return host.removeprefix("www.").rstrip(".,;!")


_NOTHING_KNOWN = _Known((), (), (), frozenset())
