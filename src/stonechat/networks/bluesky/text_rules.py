"""How Bluesky reads a text: it counts graphemes; what is live is said by the author, in facets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stonechat.core.network import TextEntities

MAX_LENGTH = 300
MAX_BYTES = 3000

_LINK = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_BEHIND = ".,;:!?'\"…)»\u201d\u2019]"
_MENTION = re.compile(r"(?<![\w@/.])@((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9])", re.I)
_HASHTAG = re.compile(r"(?<![\w&#/])#(\w*[^\W\d_]\w*)")


@dataclass(frozen=True, slots=True)
class Found:
    """Something live in a text: its kind (``link``, ``mention``, ``tag``), what it says, and where it stands.

    ``start`` and ``end`` count bytes of the text in UTF-8.
    """

    kind: str
    value: str
    start: int
    end: int


def live_in(text: str) -> Iterator[Found]:
    """Links, mentions and tags, in that order of kinds; a tag or a name within a link is none."""
    taken: list[tuple[int, int]] = []
    for kind, pattern in (("link", _LINK), ("mention", _MENTION), ("tag", _HASHTAG)):
        for found in pattern.finditer(text):
            start, shown = found.start(), found[0].rstrip(_BEHIND) if kind == "link" else found[0]
            end = start + len(shown)
            if any(start < other_end and end > other for other, other_end in taken):
                continue
            taken.append((start, end))
            value = shown if kind == "link" else shown[1:]
            yield Found(kind, value, len(text[:start].encode()), len(text[:end].encode()))


@dataclass(frozen=True, slots=True)
class BlueskyTextRules:
    """Text rules of Bluesky."""

    max_length: int = MAX_LENGTH

    def length(self, text: str) -> int:
        """In graphemes; a text of more than 3,000 bytes is too long whatever its graphemes."""
        import grapheme  # noqa: PLC0415 - takes a while, and most commands measure nothing

        counted = int(grapheme.length(text))
        return counted if len(text.encode()) <= MAX_BYTES else max(counted, self.max_length + 1)

    def entities(self, text: str) -> TextEntities:
        """Links with a scheme, mentions of whole handles, and tags."""
        found = list(live_in(text))
        return TextEntities(
            links=tuple(one.value for one in found if one.kind == "link"),
            mentions=tuple(one.value for one in found if one.kind == "mention"),
            hashtags=tuple(one.value for one in found if one.kind == "tag"),
        )
