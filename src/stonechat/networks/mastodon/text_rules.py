"""How Mastodon reads a text: what it counts, and what becomes live in it.

The count is that of its own validator, as ``Mastodon.py`` has it: graphemes, where a link is as long as the
server reserves for one and a mention as its name without the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stonechat.core.network import TextEntities

USUAL_LENGTH = 500
"""What a server takes at most, unless its operator has changed that."""

LINK_LENGTH = 23
"""Characters that a link counts, unless the server says otherwise."""

_LINK = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_BEHIND = ".,;:!?'\"…)»\u201d\u2019]"
_MENTION = re.compile(r"(?<![/\w@])@(\w+(?:[\w.-]*\w)?(?:@[\w-]+(?:\.[\w-]+)+)?)")
_HASHTAG = re.compile(r"(?<![/\w&#)])#(\w*[^\W\d_]\w*)")


def links_in(text: str) -> tuple[str, ...]:
    """Addresses with a scheme, without the punctuation behind them."""
    return tuple(found.rstrip(_BEHIND) for found in _LINK.findall(text))


@dataclass(frozen=True, slots=True)
class MastodonTextRules:
    """Text rules of a server.

    Attributes:
        max_length: that every server takes; what each takes indeed stands in its own description
            (:mod:`stonechat.networks.mastodon.instance`), and is held to before a post is sent.
    """

    max_length: int = USUAL_LENGTH

    def length(self, text: str) -> int:
        """By Mastodon's own count."""
        from mastodon import Mastodon  # noqa: PLC0415 - takes long, and most commands measure nothing

        return int(Mastodon.get_status_length(text))

    def entities(self, text: str) -> TextEntities:
        """Links with a scheme, mentions with or without their server, and tags."""
        links = links_in(text)
        bare = _LINK.sub(" ", text)
        return TextEntities(
            links=links,
            mentions=tuple(_MENTION.findall(bare)),
            hashtags=tuple(_HASHTAG.findall(bare)),
        )
