"""Records as Bluesky keeps them: a post with its facets, pictures, card, quote and place in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from stonechat.core.network import Picture
from stonechat.networks.bluesky.text_rules import live_in

POST = "app.bsky.feed.post"
PROFILE = "app.bsky.actor.profile"

MOST_PICTURES = 4
LARGEST_PICTURE = 1_000_000
LONGEST_ALT = 2000
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_TID_LENGTH = 13

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """A record, by its address and the digest of what stands in it.

    Attributes:
        root: of the conversation that the record is part of; None where it begins one.
    """

    uri: str
    cid: str
    root: tuple[str, str] | None = None

    def as_json(self) -> Json:
        """As other records name it."""
        return {"uri": self.uri, "cid": self.cid}


def record_key(key: str, first_tried: datetime) -> str:
    """The key under which a part is kept: the same for the same ``key``, and about as old as the first try.

    A timestamp identifier of the protocol: microseconds and ten bits, in base 32 that sorts. The milliseconds
    are those of the first try, the rest comes from ``key``, so that no two parts share one.
    """
    digest = int(key[:15], 16)
    milliseconds = int(first_tried.timestamp() * 1000)
    number = ((milliseconds * 1000 + digest % 1000) << 10) | (digest // 1000 % 1024)
    digits = ""
    for _ in range(_TID_LENGTH):
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits


def address(did: str, key: str) -> str:
    """The address of a post."""
    return f"at://{did}/{POST}/{key}"


def key_of(uri: str) -> str:
    """The key in an address; also where it is one already."""
    return uri.rpartition("/")[2]


def owner_of(uri: str) -> str:
    """Whose record stands at an address."""
    return uri.removeprefix("at://").partition("/")[0]


def post_record(
    text: str,
    at: datetime,
    *,
    dids: Mapping[str, str],
    language: str = "",
    answers: Reference | None = None,
    quotes: Reference | None = None,
    pictures: Sequence[Json] = (),
) -> Json:
    """A post.

    Args:
        dids: who is mentioned, by handle; a name that is missing here stays text.
        pictures: as :func:`picture_entry` makes them.
    """
    record: Json = {"$type": POST, "text": text, "createdAt": _moment(at)}
    if facets := facets_of(text, dids):
        record["facets"] = facets
    if language:
        record["langs"] = [language]
    if answers is not None:
        root = {"uri": answers.root[0], "cid": answers.root[1]} if answers.root else answers.as_json()
        record["reply"] = {"root": root, "parent": answers.as_json()}
    if embed := _embed(text, quotes, pictures):
        record["embed"] = embed
    return record


def facets_of(text: str, dids: Mapping[str, str]) -> list[Json]:
    """What is live in a text, by bytes."""
    facets = []
    for found in live_in(text):
        match found.kind:
            case "link":
                feature = {"$type": "app.bsky.richtext.facet#link", "uri": found.value}
            case "tag":
                feature = {"$type": "app.bsky.richtext.facet#tag", "tag": found.value}
            case _ if did := dids.get(found.value.casefold()):
                feature = {"$type": "app.bsky.richtext.facet#mention", "did": did}
            case _:
                continue
        facets.append({"index": {"byteStart": found.start, "byteEnd": found.end}, "features": [feature]})
    return facets


def picture_entry(blob: Json, alt: str) -> Json:
    """An uploaded picture with its description."""
    return {"image": blob, "alt": alt}


def refuse_pictures(pictures: Sequence[Picture]) -> str:
    """Why Bluesky would not take these pictures on one part; empty where it does."""
    if len(pictures) > MOST_PICTURES:
        return f"{len(pictures)} pictures on one part, {MOST_PICTURES} is the most"
    for one in pictures:
        if one.mime not in PICTURES:
            return f"{one.mime} is no picture that Bluesky takes (JPEG, PNG, WebP or GIF)"
        if len(one.body) > LARGEST_PICTURE:
            return f"a picture of {len(one.body) / 1e6:.1f} MB, {LARGEST_PICTURE // 1_000_000} MB is the most"
        if not one.alt.strip():
            return "a picture without a description"
        if len(one.alt) > LONGEST_ALT:
            return f"a description of {len(one.alt)} characters, {LONGEST_ALT} is the most"
    return ""


def _embed(text: str, quotes: Reference | None, pictures: Sequence[Json]) -> Json | None:
    """Pictures and quote, together where there are both; else a card of the first link."""
    images: Json | None = None
    if pictures:
        images = {"$type": "app.bsky.embed.images", "images": list(pictures)}
    if quotes is not None:
        quoted: Json = {"$type": "app.bsky.embed.record", "record": quotes.as_json()}
        both = {"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": images}
        return quoted if images is None else both
    return images or _card(text)


def _card(text: str) -> Json | None:
    """A card with the address alone: pages of others are not fetched to describe them."""
    link = next((one.value for one in live_in(text) if one.kind == "link"), None)
    if link is None:
        return None
    external = {"uri": link, "title": urlsplit(link).hostname or link, "description": ""}
    return {"$type": "app.bsky.embed.external", "external": external}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
