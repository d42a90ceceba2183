"""X's rules for one part of a post: its length, and what of it becomes clickable."""

from __future__ import annotations

import re

from stonechat.core.text_rules import LiveKind, LivePart
from stonechat.networks.x_web.text import MAX_LENGTH, parser, weighted_length

_MENTION = re.compile(r"[@\uff20]\w{1,20}(?:/[A-Za-z][\w-]{0,24})?", re.ASCII)
_HASHTAG = re.compile(r"[#\uff03](?=\d*[^\W\d])[\w\u200c\u00b7]+")
_CASHTAG = re.compile(r"\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?=$|\s|[!-/:-@\[-`{-~])")


def live_parts(text: str) -> tuple[LivePart, ...]:
    """Links, mentions, hashtags and cashtags; rather one too many than one too few."""
    found = [LivePart(LiveKind.LINK, url) for url in parser().extract_urls(text)]
    for kind, pattern in (
        (LiveKind.MENTION, _MENTION),
        (LiveKind.HASHTAG, _HASHTAG),
        (LiveKind.CASHTAG, _CASHTAG),
    ):
        found += [LivePart(kind, match[0]) for match in pattern.finditer(text)]
    return tuple(found)


class XTextRules:
    """The rules by themselves, for whoever judges a text without opening the network."""

    max_length = MAX_LENGTH

    def length(self, text: str) -> int:
        """Weighted by the rules of twitter-text 3."""
        return weighted_length(text)

    def live_parts(self, text: str) -> tuple[LivePart, ...]:
        """As X links them."""
        return live_parts(text)
