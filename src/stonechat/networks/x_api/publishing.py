"""Publishing on X, such that every way it can end has a name.

Pictures are uploaded and described, and everything that can be refused is looked at, before the first part is
sent. X keeps no key by which it would know a post again: after a lost answer only a look at the account's own
posts tells, and a text that X calls a duplicate is a reason to look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, StonechatError, Transient, Unknown
from stonechat.core.network import Picture, Posted, Publication, PublishOutcome, Refused, Rehearsed
from stonechat.networks.publish_failures import ended_by
from stonechat.networks.x_api.client import FREE, Charge, Client
from stonechat.networks.x_api.prices import MEDIA_METADATA, price_of_part
from stonechat.networks.x_picture_limits import refuse_pictures
from stonechat.networks.x_text_rules import MAX_LENGTH, entities, weighted_length

PIECE = 4 * 2**20
"""Bytes of a file that are sent at once."""
PROCESSING = timedelta(seconds=60)
"""Real time that X may work on one picture."""
MOST_CASHTAGS = 1

_METADATA = Charge("x_api.media", MEDIA_METADATA)


@dataclass
class PublishFlow:
    """One publication on its way; made anew for each."""

    client: Client
    clock: Clock
    publication: Publication
    before_click: Callable[[], None] | None
    handle: str
    ids: list[str] = field(default_factory=list)

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
        return Posted(tuple(self.ids), f"https://x.com/{self.handle}/status/{self.ids[0]}")

    def _never(self) -> str:
        """Why this can never be sent; empty where it can."""
        if not self.publication.parts:
            return "there is nothing to send"
        if self.publication.quote_of is not None:
            return "X's API takes no quotes from apps of the self-serve plan"
        for number, part in enumerate(self.publication.parts):
            if not part.strip():
                return "a part is empty"
            if (length := weighted_length(part)) > MAX_LENGTH:
                return f"a part is {length} long by X's count, {MAX_LENGTH} is the most"
            if (cashtags := len(entities(part).cashtags)) > MOST_CASHTAGS:
                return f"a part has {cashtags} cashtags, X takes {MOST_CASHTAGS}"
            if why := refuse_pictures(self.publication.of_part(number)):
                return why
        return ""

    async def _upload(self, number: int) -> list[str]:
        return [await self._ready(one) for one in self.publication.of_part(number)]

    async def _ready(self, picture: Picture) -> str:
        """A picture, uploaded, described and worked on; its id.

        Raises:
            Transient, Permanent, SessionTrouble: nothing has been sent.
        """
        begun = await self.client.change(
            "POST",
            "/2/media/upload/initialize",
            FREE,
            json={
                "media_type": picture.mime,
                "total_bytes": len(picture.body),
                "media_category": "tweet_gif" if picture.mime == "image/gif" else "tweet_image",
            },
        )
        media_id = _id_in(begun)
        for segment, start in enumerate(range(0, len(picture.body), PIECE)):
            await self.client.change(
                "POST",
                "/2/media/upload/{id}/append",
                FREE,
                ids={"id": media_id},
                data={"segment_index": str(segment)},
                files={"media": ("picture", picture.body[start : start + PIECE], picture.mime)},
            )
        ended = await self.client.change("POST", "/2/media/upload/{id}/finalize", FREE, ids={"id": media_id})
        await self._worked_on(media_id, ended)
        described = {"id": media_id, "metadata": {"alt_text": {"text": picture.alt}}}
        await self.client.change("POST", "/2/media/metadata", _METADATA, json=described)
        return media_id

    async def _worked_on(self, media_id: str, said: dict[str, Any]) -> None:
        """Wait until X has worked on it, asking as often as X says."""
        waited = timedelta()
        while (info := (said.get("data") or {}).get("processing_info")) and info.get("state") != "succeeded":
            if info.get("state") == "failed":
                raise Permanent("X cannot work on a picture.", meaning="Nothing was sent.")
            if waited >= PROCESSING:
                raise Transient("X is still working on a picture.", meaning="Nothing was sent.")
            pause = timedelta(seconds=min(max(float(info.get("check_after_secs") or 1), 0.5), 10.0))
            await self.clock.sleep_real(pause)
            waited += pause
            said = await self.client.ask("/2/media/upload", FREE, {"media_id": media_id, "command": "STATUS"})

    async def _send(self, number: int, media: Sequence[str]) -> None:
        text, answers = (
            self.publication.parts[number],
            self.ids[-1] if self.ids else self.publication.reply_to,
        )
        summoned = number == 0 and self.publication.reply_to_author is not None
        body: dict[str, Any] = {"text": text}
        if answers is not None:
            body["reply"] = {"in_reply_to_tweet_id": answers}
        if media:
            body["media"] = {"media_ids": list(media)}
        charge = Charge("x_api.reply" if summoned else "x_api.post", price_of_part(text, summoned=summoned))
        sent = await self.client.act("POST", "/2/tweets", charge, self.before_click, json=body)
        self.ids.append(_id_in(sent))


def _id_in(answer: dict[str, Any]) -> str:
    """The id in an answer to what was made.

    Raises:
        Unknown: there is none.
    """
    data = answer.get("data")
    found = data.get("id") if isinstance(data, dict) else None
    if not isinstance(found, str | int) or not str(found).isdigit():
        raise Unknown("X's answer names no id.", meaning="The post may be live; it is looked for.")
    return str(found)
