"""How X reads a text: its weighted length, and what in it becomes live (twitter-text, configuration 3).

Links, also those without a scheme (``README.md``, ``docs.python.org``), weigh 23 whatever their length; an
emoji of any number of code points weighs 2; most Latin text 1 and the rest 2 a sign. The rules are those of
X's own open-source parser; its tables (which strings are an emoji, which top-level domains exist) are brought
up to date by ``scripts/update_text_tables.py``.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from stonechat.core.network import TextEntities

MAX_LENGTH = 280
"""Weighted characters in one post of an account without a subscription."""
LINK = 23
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_LONGEST_LINK = 4096

_SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_INVALID = r"\uFFFE\uFEFF\uFFFF"
_DIRECTIONS = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"
_LATIN = (
    r"\xC0-\xD6\xD8-\xF6\xF8-\xFF\u0100-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272"
    r"\u0289\u028B\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
_SIGN = rf"[^!'#%&()*+,\\\-./:;<=>?@\[\]^_{{|}}~${_SPACES}{_INVALID}{_DIRECTIONS}]"
_LABEL = rf"{_SIGN}(?:(?:[_-]|{_SIGN}){{0,61}}{_SIGN})?"  # 63 signs: RFC 1035, 2.3.4; bounds the time too
_PATH_SIGN = rf"[a-z\u0400-\u04FF0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{_LATIN}]"
_PARENTHESES = rf"\((?:{_PATH_SIGN}+|{_PATH_SIGN}*\({_PATH_SIGN}+\){_PATH_SIGN}*)\)"
_PATH_PIECE = (
    rf"(?:{_PATH_SIGN}*(?:{_PARENTHESES}{_PATH_SIGN}*)*[+\-a-z\u0400-\u04FF0-9=_#/{_LATIN}]"
    rf"|{_PARENTHESES}|@{_PATH_SIGN}+/)"
)
_PATH = re.compile(rf"(?::[0-9]+)?(?P<path>/{_PATH_PIECE}*)?", re.IGNORECASE)
_QUERY = re.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/]", re.IGNORECASE)

_CANDIDATE = re.compile(
    rf"(?P<before>[^A-Za-z0-9@\uFF20$#\uFF03{_INVALID}]|^)(?P<scheme>https?://)?(?P<domain>{_LABEL}(?:\.{_LABEL})+)",
    re.IGNORECASE,
)
_SCHEME_AHEAD = re.compile(r"[^A-Za-z0-9]https?://$", re.IGNORECASE)
_SHORT = re.compile(r"https?://t\.co/[a-z0-9]+", re.IGNORECASE)
_LATIN_LABELS = re.compile(rf"(?:[\-a-z0-9{_LATIN}]+\.)+", re.IGNORECASE)
_ASCII_END = re.compile(r"[a-z0-9-]+", re.IGNORECASE)
_NOT_AFTER = tuple("-_./")
_STOPS_A_DOMAIN = re.compile(r"[0-9a-zA-Z@+-]")

_MENTION = re.compile(
    rf"(?:^|[^a-zA-Z0-9_!#$%&*@\uFF20]|(?:^|[^a-zA-Z0-9_+~.-])[rR][tT]:?)[@\uFF20](?P<name>[a-zA-Z0-9_]{{1,20}})"
    rf"(?:/[a-zA-Z][a-zA-Z0-9_-]{{0,24}})?(?![@\uFF20{_LATIN}a-zA-Z0-9_]|://)"
)
_HASHTAG = re.compile(r"(?:^|[^\w&])[#\uFF03](?P<name>\w*[^\W\d_]\w*)(?![#\uFF03]|://)")
_CASHTAG = re.compile(
    rf"(?:^|[{_SPACES}{_DIRECTIONS}])\$(?P<name>[a-z]{{1,6}}(?:[._][a-z]{{1,2}})?)"
    rf"(?=$|[{_SPACES}]|[!'#%&()*+,\\\-./:;<=>?@\[\]^_{{|}}~$])",
    re.IGNORECASE,
)


class XTextRules:
    """The port :class:`stonechat.core.network.TextRules`, filled with X's rules."""

    max_length = MAX_LENGTH

    def length(self, text: str) -> int:
        """Weighted by the rules of twitter-text 3; at most :attr:`max_length` in one post."""
        return weighted_length(text)

    def entities(self, text: str) -> TextEntities:
        """What X will make live in a text; links also without a scheme."""
        return entities(text)


@dataclass(frozen=True, slots=True)
class _Tables:
    emoji: frozenset[str]
    emoji_starts: frozenset[str]
    longest_emoji: int
    domains: frozenset[str]
    other_domains: tuple[str, ...]
    """Those in other scripts, the longest first: they end where another sign of theirs may follow."""


@functools.cache
def _tables() -> _Tables:
    """Read at first use."""
    raw = json.loads(resources.files(__package__).joinpath("x_text_tables.json").read_text(encoding="utf-8"))
    emoji, domains = frozenset(raw["emoji"]), frozenset(raw["top_level_domains"])
    return _Tables(
        emoji,
        frozenset(one[0] for one in emoji),
        max(map(len, emoji)),
        domains,
        tuple(sorted((one for one in domains if not one.isascii()), key=len, reverse=True)),
    )


@functools.lru_cache(maxsize=512)
def weighted_length(text: str) -> int:
    """The length of ``text``, of which one post may have :data:`MAX_LENGTH`."""
    text = re.sub(r"\r\n?", "\n", unicodedata.normalize("NFC", text))
    ends = dict(_link_spans(text))
    weight = place = 0
    while place < len(text):
        if place in ends:
            weight, place = weight + LINK, ends[place]
        elif size := _emoji_at(text, place):
            weight, place = weight + 2, place + size
        else:
            weight += 1 if any(low <= ord(text[place]) <= high for low, high in _LIGHT) else 2
            place += 1
    return weight


def entities(text: str) -> TextEntities:
    """What X will make live in ``text``: links, also without a scheme, mentions, hashtags and cashtags."""
    text = unicodedata.normalize("NFC", text)
    spans = list(_link_spans(text))

    def outside(pattern: re.Pattern[str]) -> tuple[str, ...]:
        return tuple(
            match["name"]
            for match in pattern.finditer(text)
            if not any(start < match.end("name") and match.start("name") <= end for start, end in spans)
        )

    return TextEntities(
        links=tuple(text[start:end] for start, end in spans),
        mentions=outside(_MENTION),
        hashtags=outside(_HASHTAG),
        cashtags=outside(_CASHTAG),
    )


def _emoji_at(text: str, place: int) -> int:
    """How many code points the longest emoji has that begins there; 0 where none does."""
    tables = _tables()
    if text[place] not in tables.emoji_starts:
        return 0
    most = min(tables.longest_emoji, len(text) - place)
    return next((n for n in range(most, 0, -1) if text[place : place + n] in tables.emoji), 0)


def _link_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where links begin and end, in order."""
    place = 0
    while (found := _CANDIDATE.search(text, place)) is not None:
        start, scheme = found.start("domain"), found["scheme"]
        size = _domain_size(text, start, found["domain"])
        if not size:
            ahead = _SCHEME_AHEAD.search(text, start, found.end("domain") + len("://"))
            place = ahead.start() if ahead is not None else found.end("domain")
            continue
        path = _PATH.match(text, start + size)
        query = _QUERY.match(text, path.end() if path is not None else start + size)
        place = query.end() if query is not None else path.end() if path is not None else start + size
        domain = text[start : start + size]
        if not _can_be_resolved(domain):
            continue
        if scheme:
            short = _SHORT.match(text, found.start("scheme"))
            yield found.start("scheme"), short.end() if short is not None else place
        elif not found["before"].endswith(_NOT_AFTER):
            has_path = path is not None and path["path"]
            yield from _bare_spans(text, start, domain, place if has_path else 0)


def _domain_size(text: str, start: int, run: str) -> int:
    """How much of a run of labels is a domain: up to the last one that begins with a top-level domain."""
    labels = run.split(".")
    before = len(run)
    for last in range(len(labels) - 1, 0, -1):
        before -= len(labels[last]) + (1 if last < len(labels) - 1 else 0)
        size = _top_level(text, start + before)
        if size and "_" not in labels[last - 1]:
            return before + size
    return 0


def _top_level(text: str, place: int) -> int:
    """The length of the top-level domain that stands there; 0 where none does."""
    for one in _tables().other_domains:
        if text.startswith(one, place) and not _STOPS_A_DOMAIN.match(text, place + len(one)):
            return len(one)
    run = _ASCII_END.match(text, place)
    if run is not None:
        name = run[0].casefold()
        if name.startswith("xn--") and len(name) > len("xn--"):
            return len(name)
        ends = not _STOPS_A_DOMAIN.match(text, run.end())
        return len(name) if ends and name in _tables().domains else 0
    return 0


def _bare_spans(text: str, start: int, domain: str, end: int) -> Iterator[tuple[int, int]]:
    """Without a scheme only what is written in Latin letters becomes a link.

    Args:
        end: where the path behind the domain ends; 0 where there is none.
    """
    spans: list[tuple[int, int]] = []
    place = 0
    while (labels := _LATIN_LABELS.search(domain, place)) is not None:
        place = labels.end()
        dots = [labels.start() + n + 1 for n, sign in enumerate(labels[0]) if sign == "."]
        for dot in reversed(dots):
            size = _top_level(text, start + dot)
            if size:
                place = dot + size
                spans.append((start + labels.start(), start + place))
                break
    if spans and end and spans[-1][1] == start + len(domain):
        spans[-1] = (spans[-1][0], end)
    yield from spans


def _can_be_resolved(domain: str) -> bool:
    try:
        return 0 < len(domain.encode("idna")) <= _LONGEST_LINK
    except UnicodeError:
        return False
