"""Publishing on Mastodon, such that every way it can end has a name.

Pictures are uploaded and everything that can be refused is looked at before the first part is sent. Each part
carries an ``Idempotency-Key`` that every later try repeats: a server that has taken the part within the last
hour answers with the same status again. An answer that does not come is ``Unconfirmed``, whatever the server
promises: not every server keeps such keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from mastodon import Mastodon

from stonechat.core.errors import StonechatError, Transient, Unknown
from stonechat.core.network import (
    Picture,
    Posted,
    Publication,
    PublishOutcome,
    Refused,
    Rehearsed,
)
from stonechat.networks.mastodon.client import Client
from stonechat.networks.mastodon.instance import Instance
from stonechat.networks.mastodon.statuses import read_post
from stonechat.networks.publish_failures import ended_by

FIRST_LOOK = 0.5
LONGEST_LOOK = 5.0
"""Real seconds between two looks at a picture that the server still works on; the first wait doubles."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the owner wants posts to appear.

    Attributes:
        visibility: of posts, as Mastodon names it.
        reply_visibility: of replies to others.
        warning: the content warning of every post; empty for none.
        language: ISO 639-1; empty leaves it to the account's own setting.
        processing: real time that a server may take for one picture.
    """

    visibility: str = "public"
    reply_visibility: str = "unlisted"
    warning: str = ""
    language: str = ""
    processing: timedelta = timedelta(seconds=60)


@dataclass
class PublishFlow:
    """One publication on its way; made anew for each."""

    client: Client
    instance: Instance
    manner: Manner
    publication: Publication
    before_click: Callable[[], None] | None
    ids: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    url: str = ""

    async def run(self) -> PublishOutcome:
        """Send all parts, one below the other."""
        if why := self._never():
            return Refused(why, permanent=True)
        if not self.publication.final_click:
            return Rehearsed("all but the uploads and the post itself")
        try:
            uploaded = [await self._upload(number) for number in range(len(self.publication.parts))]
            for number, media in enumerate(uploaded):
                await self._send(number, media)
        except StonechatError as exc:
            return ended_by(exc, tuple(self.ids))
        return Posted(tuple(self.ids), self.url, tuple(self.doubts))

    def _never(self) -> str:
        """Why this can never be sent; empty where it can."""
        if not self.publication.parts:
            return "there is nothing to send"
        if self.publication.quote_of is not None and not self.instance.quotes:
            return "this server knows no quotes"
        for number, part in enumerate(self.publication.parts):
            if not part.strip():
                return "a part is empty"
            why = self.instance.refuse_text(part, self.manner.warning)
            why = why or self.instance.refuse_pictures(self.publication.of_part(number))
            if why:
                return why
        return ""

    async def _upload(self, number: int) -> list[str]:
        """The pictures of a part, uploaded and ready; their ids.

        Raises:
            Transient, Permanent, SessionTrouble: nothing has been sent.
        """
        return [await self._ready(one) for one in self.publication.of_part(number)]

    async def _ready(self, picture: Picture) -> str:
        media = await self.client.ask(
            lambda api: api.media_post(picture.body, mime_type=picture.mime, description=picture.alt)
        )
        wait, waited = FIRST_LOOK, 0.0
        while not media.get("url"):  # HTTP 202: taken, and still worked on
            if waited >= self.manner.processing.total_seconds():
                raise Transient("The server is still working on a picture.", meaning="Nothing was sent.")
            await asyncio.sleep(wait)
            waited, wait = waited + wait, min(wait * 2, LONGEST_LOOK)
            media = await self.client.ask(partial(_looked_at, media["id"]))
        return str(media["id"])

    async def _send(self, number: int, media: Sequence[str]) -> None:
        answers = self.ids[-1] if self.ids else self.publication.reply_to
        to_others = number == 0 and self.publication.reply_to_author is not None
        text = (
            self._addressed(self.publication.parts[number]) if to_others else self.publication.parts[number]
        )
        wanted = self.manner.reply_visibility if to_others else self.manner.visibility
        status: Mapping[str, Any] = await self.client.act(
            lambda api: api.status_post(
                text,
                in_reply_to_id=answers,
                media_ids=list(media) or None,
                visibility=wanted,
                sensitive=bool(self.manner.warning),
                spoiler_text=self.manner.warning or None,
                language=self.manner.language or None,
                quoted_status_id=self.publication.quote_of if number == 0 else None,
                idempotency_key=self.publication.key_of_part(number, answers)
                if self.publication.key
                else None,
            ),
            self.before_click,
        )
        if not status.get("id"):
            raise Unknown("The server's answer names no post.", meaning="The post may be live.")
        self.ids.append(str(status["id"]))
        self.url = self.url or str(status.get("url") or status.get("uri") or "")
        self.doubts += doubts_of(status, self.publication.of_part(number), wanted)

    def _addressed(self, text: str) -> str:
        """A reply with the name of whom it answers, without which they are not told of it."""
        author = self.publication.reply_to_author or ""
        named = f"@{author.lstrip('@')} {text}"
        known = f"@{author.lstrip('@')}".casefold() in text.casefold()
        return text if known or self.instance.refuse_text(named, self.manner.warning) else named


def _looked_at(media_id: object, api: Mastodon) -> Any:
    return api.media(media_id)


def doubts_of(status: Mapping[str, Any], pictures: Sequence[Picture], visibility: str) -> list[str]:
    """Differences between what was sent and what the server made of it."""
    shown = read_post(status)
    doubts = []
    if len(shown.pictures) != len(pictures):
        doubts.append(f"{len(pictures)} pictures were sent and {len(shown.pictures)} are shown")
    elif [one.alt.strip() for one in shown.pictures] != [one.alt.strip() for one in pictures]:
        doubts.append("a picture's description is not shown as it was sent")
    if status.get("visibility") not in (None, visibility):
        doubts.append(f"it was sent as {visibility} and is {status['visibility']}")
    return doubts
