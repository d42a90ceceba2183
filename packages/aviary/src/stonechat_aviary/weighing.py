"""How X reads a text: its links, and its weighted length (twitter-text configuration v3).

Written apart from what Stonechat does for the same rules, so that the two can be held against each other;
only the tables are the same (``scripts/update_text_tables.py``).
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from importlib import resources

MAX_WEIGHTED = 280
_LINK = 23
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_WITH_SCHEME = r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]']"
_LABEL = r"[a-z0-9\u00c0-\u024f](?:[a-z0-9\u00c0-\u024f-]*[a-z0-9\u00c0-\u024f])?"
_BARE = (
    rf"(?<![\w@#$./\u00b7-])(?:{_LABEL}\.)+(?P<end>[a-z0-9-]+)(?![\w@+-])(?:/[^\s<>\"]*[^\s<>\".,;:!?)\]'])?"
)
_ANY = re.compile(rf"(?:{_WITH_SCHEME})|(?:{_BARE})", re.IGNORECASE)


@functools.cache
def _tables() -> tuple[frozenset[str], frozenset[str], int]:
    """Emoji, top-level domains, and the length of the longest emoji."""
    raw = json.loads(resources.files(__package__).joinpath("text_tables.json").read_text(encoding="utf-8"))
    return frozenset(raw["emoji"]), frozenset(raw["top_level_domains"]), max(map(len, raw["emoji"]))


def find_links(text: str, *, bare: bool = True) -> list[re.Match[str]]:
    """The links of a text, in order; ``bare`` ones have no scheme (``README.md``)."""
    domains = _tables()[1]
    return [
        match
        for match in _ANY.finditer(text)
        if match["end"] is None or (bare and match["end"].lower() in domains)
    ]


def weighted_length(text: str) -> int:
    """Most characters weigh 1, ideographs and emoji 2, a URL 23; 280 is the most that may be posted."""
    text = unicodedata.normalize("NFC", text)
    emoji, _, longest = _tables()
    ends = {match.start(): match.end() for match in find_links(text)} if "." in text else {}
    weight = place = 0
    while place < len(text):
        sizes = (
            range(min(longest, len(text) - place), 0, -1)
            if ord(text[place]) > 168 or "\u20e3" in text
            else ()
        )
        size = next((n for n in sizes if text[place : place + n] in emoji), 0)
        if place in ends:
            weight, place = weight + _LINK, ends[place]
        elif size:
            weight, place = weight + 2, place + size
        else:
            weight += 1 if any(low <= ord(text[place]) <= high for low, high in _LIGHT) else 2
            place += 1
    return weight
