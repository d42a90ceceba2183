"""Publishing on Bluesky: each part is a record whose key is fixed before the first try.

A key that is taken refuses a second record, so that even a wrong decision to send again posts nothing twice.
After a lost answer that one record is read: it is there, or it is not yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stonechat.core.clock import Clock
from stonechat.core.errors import NotFound, Permanent, SessionTrouble, StonechatError, Transient, Unknown
from stonechat.core.network import (
    Posted,
    Publication,
    PublishOutcome,
    Refused,
    Rehearsed,
)
from stonechat.networks.bluesky.client import Client
from stonechat.networks.bluesky.records import (
    POST,
    Json,
    Reference,
    address,
    key_of,
    owner_of,
    picture_entry,
    post_record,
    record_key,
    refuse_pictures,
)
from stonechat.networks.bluesky.text_rules import BlueskyTextRules, live_in
from stonechat.networks.publish_failures import ended_by

RULES = BlueskyTextRules()


@dataclass
class PublishFlow:
    """One publication on its way; made anew for each."""

    client: Client
    clock: Clock
    publication: Publication
    before_click: Callable[[], None] | None
    handle: str
    language: str = ""
    ids: list[str] = field(default_factory=list)

    async def run(self) -> PublishOutcome:
        """Send all parts, one below the other."""
        if why := self._never():
            return Refused(why, permanent=True)
        if not self.publication.final_click:
            return Rehearsed("all but the uploads and the post itself")
        try:
            did = (await self.client.session()).did
            answers = await self._reference(self.publication.reply_to, did)
            quotes = await self._reference(self.publication.quote_of, did)
            uploaded = [await self._upload(number) for number in range(len(self.publication.parts))]
            for number, pictures in enumerate(uploaded):
                sent = await self._send(number, did, answers, quotes if number == 0 else None, pictures)
                root = (answers.root or (answers.uri, answers.cid)) if answers else None
                answers = Reference(sent.uri, sent.cid, root)
                self.ids.append(sent.uri)
        except StonechatError as exc:
            return ended_by(exc, tuple(self.ids))
        url = f"https://bsky.app/profile/{self.handle}/post/{key_of(self.ids[0])}"
        return Posted(tuple(self.ids), url)

    def _never(self) -> str:
        """Why this can never be sent; empty where it can."""
        if not self.publication.parts:
            return "there is nothing to send"
        for number, part in enumerate(self.publication.parts):
            if not part.strip():
                return "a part is empty"
            if (length := RULES.length(part)) > RULES.max_length:
                return f"a part has {length} characters, {RULES.max_length} is the most"
            if why := refuse_pictures(self.publication.of_part(number)):
                return why
        return ""

    async def _reference(self, uri: str | None, did: str) -> Reference | None:
        """The post that is answered or quoted, as it is now.

        Raises:
            NotFound: it is gone.
        """
        if uri is None:
            return None
        if not uri.startswith("at://"):
            raise NotFound(f"There is no post {uri}.")
        if owner_of(uri) == did:
            found = await self.client.ask(
                "com.atproto.repo.getRecord", repo=did, collection=POST, rkey=key_of(uri)
            )
            record, cid = found["value"], str(found["cid"])
        else:
            posts = (await self.client.ask("app.bsky.feed.getPosts", uris=uri)).get("posts") or []
            if not posts:
                raise NotFound(f"There is no post {uri} any more.")
            record, cid = posts[0]["record"], str(posts[0]["cid"])
        root = (record.get("reply") or {}).get("root")
        return Reference(uri, cid, (str(root["uri"]), str(root["cid"])) if root else None)

    async def _upload(self, number: int) -> list[Json]:
        pictures = []
        for one in self.publication.of_part(number):
            blob = (await self.client.upload(one.body, one.mime))["blob"]
            pictures.append(picture_entry(blob, one.alt))
        return pictures

    async def _send(
        self,
        number: int,
        did: str,
        answers: Reference | None,
        quotes: Reference | None,
        pictures: Sequence[Json],
    ) -> Reference:
        text = self.publication.parts[number]
        key = self.publication.key_of_part(number, answers.uri if answers else None)
        rkey = record_key(key, self.publication.first_tried or self.clock.now())
        record = post_record(
            text,
            self.clock.now(),
            dids=await self._dids(text),
            language=self.language,
            answers=answers,
            quotes=quotes,
            pictures=pictures,
        )
        wanted = {"repo": did, "collection": POST, "rkey": rkey, "record": record}
        try:
            made = await self.client.act("com.atproto.repo.createRecord", wanted, self.before_click)
        except (Unknown, Permanent, Transient) as exc:
            if isinstance(exc, SessionTrouble):
                raise
            there = await self._there(did, rkey, text)
            if there is None:
                raise
            return there
        return Reference(str(made.get("uri") or address(did, rkey)), str(made["cid"]))

    async def _there(self, did: str, rkey: str, text: str) -> Reference | None:
        """The record under our own key; None where it is not there, or cannot be asked for."""
        try:
            found = await self.client.ask("com.atproto.repo.getRecord", repo=did, collection=POST, rkey=rkey)
        except StonechatError:
            return None
        same = (found.get("value") or {}).get("text") == text
        return Reference(str(found["uri"]), str(found["cid"])) if same else None

    async def _dids(self, text: str) -> dict[str, str]:
        """Whom the text mentions, by handle; a name that nobody has stays text."""
        dids = {}
        for handle in {one.value.casefold() for one in live_in(text) if one.kind == "mention"}:
            try:
                found = await self.client.ask("com.atproto.identity.resolveHandle", handle=handle)
            except SessionTrouble:
                raise
            except Permanent:
                continue
            dids[handle] = str(found["did"])
        return dids
