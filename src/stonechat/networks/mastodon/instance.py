"""What a server says of itself: its limits and what it can do. Never guessed from its version alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stonechat.core.network import Picture, TextEntities
from stonechat.networks.mastodon.text_rules import LINK_LENGTH, USUAL_LENGTH, MastodonTextRules, links_in

QUOTES_SINCE = 7
"""The version of Mastodon's API from which posts can quote (Mastodon 4.5)."""

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Instance:
    """A server's limits; the defaults are Mastodon's, for what a server does not say.

    Attributes:
        link_length: characters that a link counts.
        image_bytes, image_pixels: of one picture.
        alt_length: characters of a picture's description.
        quotes: whether a post may quote another.
    """

    title: str = ""
    max_length: int = USUAL_LENGTH
    link_length: int = LINK_LENGTH
    max_pictures: int = 4
    image_bytes: int = 16 * 2**20
    alt_length: int = 1500
    mime_types: tuple[str, ...] = PICTURES
    quotes: bool = False

    def length(self, text: str, warning: str = "") -> int:
        """The length of a text by this server's count, together with its content warning's."""
        counted = MastodonTextRules().length(text) + MastodonTextRules().length(warning)
        return counted + len(links_in(text)) * (self.link_length - LINK_LENGTH)

    def refuse_text(self, text: str, warning: str = "") -> str:
        """Why the server would not take the text; empty where it does."""
        length = self.length(text, warning)
        if length <= self.max_length:
            return ""
        return f"a part has {length} characters by the server's count, {self.max_length} is the most there"

    def refuse_pictures(self, pictures: Sequence[Picture]) -> str:
        """Why the server would not take these pictures on one part; empty where it does."""
        if len(pictures) > self.max_pictures:
            return f"{len(pictures)} pictures on one part, {self.max_pictures} is the most on this server"
        for one in pictures:
            if one.mime not in self.mime_types:
                return f"{one.mime} is no picture that this server takes"
            if len(one.body) > self.image_bytes:
                most = f"{self.image_bytes / 2**20:.1f} MB is the most on this server"
                return f"a picture of {len(one.body) / 2**20:.1f} MB, {most}"
            if not one.alt.strip():
                return "a picture without a description"
            if len(one.alt) > self.alt_length:
                return f"a description of {len(one.alt)} characters, {self.alt_length} is the most there"
        return ""


@dataclass(frozen=True, slots=True)
class ServerTextRules:
    """How one server measures a text, with the content warning that goes before each."""

    instance: Instance
    warning: str = ""

    @property
    def max_length(self) -> int:
        """What is left for a part; never more than every server takes, which is what approvals count by."""
        left = self.instance.max_length - MastodonTextRules().length(self.warning)
        return max(1, min(left, USUAL_LENGTH))

    def length(self, text: str) -> int:
        """By this server's count."""
        return self.instance.length(text)

    def entities(self, text: str) -> TextEntities:
        """As on every server."""
        return MastodonTextRules().entities(text)


def read_instance(said: Mapping[str, Any]) -> Instance:
    """The limits in what ``/api/v2/instance`` or, on older servers, ``/api/v1/instance`` answered."""
    usual = Instance()
    own = _part(said, "configuration")
    statuses, media = _part(own, "statuses"), _part(own, "media_attachments")
    types = media.get("supported_mime_types")
    version = _part(said, "api_versions").get("mastodon")
    return Instance(
        title=str(said.get("title") or said.get("domain") or said.get("uri") or ""),
        max_length=_number(statuses.get("max_characters") or said.get("max_toot_chars"), usual.max_length),
        link_length=_number(statuses.get("characters_reserved_per_url"), usual.link_length),
        max_pictures=_number(statuses.get("max_media_attachments"), usual.max_pictures),
        image_bytes=_number(media.get("image_size_limit"), usual.image_bytes),
        alt_length=_number(media.get("description_limit"), usual.alt_length),
        mime_types=tuple(map(str, types)) if isinstance(types, list) and types else usual.mime_types,
        quotes=isinstance(version, int) and version >= QUOTES_SINCE,
    )


def _part(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = said.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(said: object, usual: int) -> int:
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else usual
