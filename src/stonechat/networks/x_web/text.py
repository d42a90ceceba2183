"""The text of a post: as the wire carries it, and as its author wrote it.

*As sent*: the long text (``note_tweet``) where there is one, else ``full_text``. X escapes ``&``,
``<`` and ``>`` in ``full_text`` but not in long texts; here they are always plain. Shortened links
(``t.co``) stay as they are, and so does X's own ``RT @name:`` before a repost, which X cuts off
(the reposted post stands in the answer with its whole text).

*As written*: the same without what X added: the mentions put before a reply, the link that stands
for attached pictures, and shortened links replaced by what they stand for. This is the text to look
for when we search a profile for a post of ours.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from stonechat.core.texts import STATUS_LINK
from stonechat.networks.x_web.json_access import listed, mapping, text


def as_sent(post: Mapping[str, Any]) -> str:
    """The whole text of a wire post, entities decoded."""
    long_text = text(post, "note_tweet", "note_tweet_results", "result", "text")
    return long_text if long_text is not None else html.unescape(text(post, "legacy", "full_text") or "")


def as_written(post: Mapping[str, Any]) -> str:
    """The text that the author typed, as far as the wire tells."""
    legacy = mapping(post, "legacy")
    written = _article(post) or as_sent(post)
    lead = _mentions_before_reply(legacy)
    if lead and written.startswith(lead):
        written = written[len(lead) :]
    for short, long in _links(post):
        written = written.replace(short, long)
    quoted = text(legacy, "quoted_status_id_str")
    link = STATUS_LINK.search(written)
    if link is not None and link["id"] == quoted:  # X puts it there for the quoted post
        written = written[: link.start()]
    return written.strip()


def _article(post: Mapping[str, Any]) -> str:
    """Title and beginning of an article, whose text is no more than a link to itself; "" for other posts."""
    article = mapping(post, "article", "article_results", "result")
    said = (text(article, "title"), text(article, "preview_text"))
    return "\n\n".join(one for one in said if one)


def _mentions_before_reply(legacy: Mapping[str, Any]) -> str:
    shown = legacy.get("display_text_range")
    if not legacy.get("in_reply_to_status_id_str") or not isinstance(shown, list) or len(shown) != 2:
        return ""
    start = shown[0]
    lead = text(legacy, "full_text") or ""
    return html.unescape(lead[:start]) if isinstance(start, int) and start > 0 else ""


def _links(post: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    legacy = mapping(post, "legacy", "entities")
    long_text = mapping(post, "note_tweet", "note_tweet_results", "result", "entity_set")
    for entities in (long_text, legacy):
        for kind in ("urls", "media"):
            for entity in listed(entities, kind):
                short = text(entity, "url")
                if short is not None:
                    yield short, (text(entity, "expanded_url") or short) if kind == "urls" else ""
