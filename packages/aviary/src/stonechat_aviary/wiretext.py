"""A post's text as X's wire carries it: shortened, marked up, with what X itself puts before and after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.media import Media
from stonechat_aviary.people import Person
from stonechat_aviary.weighing import find_links
from stonechat_aviary.wirelinks import short_link
from stonechat_aviary.wiremedia import media_entity

Json = dict[str, Any]
DISPLAYED = 280
"""Characters of ``full_text``; longer posts carry the rest as ``note_tweet``."""
_MENTION = re.compile(r"(?<!\w)@(\w{1,30})")
_HASHTAG = re.compile(r"(?<![\w&])#(\w*[^\W\d]\w*)")
_LEAD = re.compile(r"(?:@\w{1,30}\s+)+")


@dataclass(frozen=True, slots=True)
class WireText:
    """What ``legacy`` says of a post's text.

    Attributes:
        full_text: links shortened to ``t.co``; ``&``, ``<`` and ``>`` escaped, as X does here and only here.
        shown: the range of characters that the page shows: neither the mentions before an answer nor the
            link that stands for pictures.
        entities: links, mentions, hashtags and media with their places; kinds that do not occur are left out.
    """

    full_text: str
    shown: list[int]
    entities: Json


def wire_text(
    text: str,
    *,
    answered: str | None,
    media: Sequence[Media],
    address: str,
    author: Callable[[str], OwnAccount | Person | None],
    bare: bool = False,
) -> WireText:
    """The text of a post.

    Args:
        answered: handle of the account that is answered, where that is another one than the author.
        address: ``https://x.com/HANDLE/status/ID`` of the post.
        author: finds an account by its handle.
        bare: domains without a scheme become links, too.
    """
    if answered is not None and not text.lower().startswith(f"@{answered.lower()}"):
        text = f"@{answered} {text}"
    text, urls = _shortened(text, bare)
    text = _cut(text)
    lead = _LEAD.match(text) if answered is not None else None
    start, end = len(lead[0]) if lead else 0, len(text)
    entities: Json = {}
    if urls := [entity for entity in urls if entity["indices"][1] <= end]:
        entities["urls"] = urls
    if mentions := [_mention(match, who) for match in _MENTION.finditer(text) if (who := author(match[1]))]:
        entities["user_mentions"] = mentions
    if hashtags := [{"indices": list(match.span()), "text": match[1]} for match in _HASHTAG.finditer(text)]:
        entities["hashtags"] = hashtags
    if media:
        link = short_link(f"{address}/photo/1")
        text = f"{text} {link}" if text else link
        place = [len(text) - len(link), len(text)]
        entities["media"] = [media_entity(one, link, place, address, n) for n, one in enumerate(media, 1)]
    return WireText(escape(text, quote=False), [start, max(start, end)], entities)


def link_entities(text: str, *, bare: bool = False) -> list[Json]:
    """The links of a text as they stand in it, for long texts: there they are shortened, too."""
    return _shortened(text, bare)[1]


def with_short_links(text: str, *, bare: bool = False) -> str:
    """The text with its links shortened."""
    return _shortened(text, bare)[0]


def _shortened(text: str, bare: bool) -> tuple[str, list[Json]]:
    parts: list[str] = []
    entities: list[Json] = []
    done = length = 0
    for match in find_links(text, bare=bare):
        address = match[0] if "://" in match[0] else f"http://{match[0]}"
        short = short_link(address)
        parts += [text[done : match.start()], short]
        start = length + match.start() - done
        done, length = match.end(), start + len(short)
        entities.append(
            {
                "display_url": _displayed(address),
                "expanded_url": address,
                "indices": [start, length],
                "url": short,
            }
        )
    return "".join([*parts, text[done:]]), entities


def _displayed(link: str) -> str:
    bare = link.split("://", 1)[1].removeprefix("www.").rstrip("/")
    return bare if len(bare) <= 27 else bare[:26] + "…"


def _cut(text: str) -> str:
    """At most :data:`DISPLAYED` characters, ending with a whole word."""
    if len(text) <= DISPLAYED:
        return text
    return text[:DISPLAYED].rsplit(maxsplit=1)[0]


def _mention(match: re.Match[str], who: OwnAccount | Person) -> Json:
    return {
        "id_str": who.id,
        "indices": list(match.span()),
        "name": who.name,
        "screen_name": who.handle,
    }
