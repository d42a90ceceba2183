"""The text of a post: as the wire carries it, as its author wrote it, and how long X thinks it is.

*As sent*: the long text (``note_tweet``) where there is one, else ``full_text``. X escapes ``&``,
``<`` and ``>`` in ``full_text`` but not in long texts; here they are always plain. Shortened links
(``t.co``) stay as they are, and so does X's own ``RT @name:`` before a repost, which X cuts off
(the reposted post stands in the answer with its whole text).

*As written*: the same without what X added: the mentions put before a reply, the link that stands
for attached pictures, and shortened links replaced by what they stand for. This is the text to look
for when we search a profile for a post of ours.
"""

from __future__ import annotations

import functools
import html
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from stonechat.networks.x_web.json_access import at, mapping, text

MAX_LENGTH = 280
"""Weighted characters in one post of an account without a subscription."""


def as_sent(post: Mapping[str, Any]) -> str:
    """The whole text of a wire post, entities decoded."""
    long_text = text(post, "note_tweet", "note_tweet_results", "result", "text")
    return long_text if long_text is not None else html.unescape(at(post, "legacy", "full_text"))


def as_written(post: Mapping[str, Any]) -> str:
    """The text that the author typed, as far as the wire tells."""
    legacy = mapping(post, "legacy")
    written = as_sent(post)
    lead = _mentions_before_reply(legacy)
    if lead and written.startswith(lead):
        written = written[len(lead) :]
    for short, long in _links(post):
        written = written.replace(short, long)
    return written.strip()


def _mentions_before_reply(legacy: Mapping[str, Any]) -> str:
    shown = legacy.get("display_text_range")
    if not legacy.get("in_reply_to_status_id_str") or not isinstance(shown, list) or len(shown) != 2:
        return ""
    start = shown[0]
    return html.unescape(legacy["full_text"][:start]) if isinstance(start, int) and start > 0 else ""


def _links(post: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    legacy = mapping(post, "legacy", "entities")
    long_text = mapping(post, "note_tweet", "note_tweet_results", "result", "entity_set")
    for entities in (long_text, legacy):
        for kind in ("urls", "media"):
            for entity in entities.get(kind) or ():
                short = text(entity, "url")
                if short is not None:
                    yield short, (text(entity, "expanded_url") or short) if kind == "urls" else ""


@functools.lru_cache(maxsize=512)
def weighted_length(written: str) -> int:
    """The length by the rules of twitter-text 3: links 23, emoji 2, most Latin text 1, the rest 2 each."""
    return int(parser().parse_tweet(written).weightedLength)


@functools.cache
def parser() -> Any:
    """The parser, loaded at first use: its emoji table takes a tenth of a second.

    It reads that table through ``pkg_resources``, which takes 9 MB and warns of its own age; the one function
    that it calls stands in for it while it loads.
    """
    stand_in = ModuleType("pkg_resources")
    stand_in.__dict__["resource_string"] = pkgutil.get_data
    before = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        import twitter_text  # noqa: PLC0415
    finally:
        if before is None:
            del sys.modules["pkg_resources"]
        else:
            sys.modules["pkg_resources"] = before
    return twitter_text
