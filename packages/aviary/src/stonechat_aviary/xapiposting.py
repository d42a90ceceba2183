"""X's API, version 2, over the same world: posts, their media, and how they are refused."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.door import MESSAGES
from stonechat_aviary.faults import cut, hang
from stonechat_aviary.levers import Levers, take
from stonechat_aviary.media import BadMedia, Uploads
from stonechat_aviary.posts import Post
from stonechat_aviary.world import Refusal
from stonechat_aviary.xapidoor import XApiDoor, not_found, plain, refused, too_many
from stonechat_aviary.xapiwire import problem

_LIMITS = (344, 185, 88)
"""Codes of the lever ``refuse`` that stand for too many posts."""
_DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


class XApiPosting:
    """The handlers that change something."""

    def __init__(self, own: XApiDoor, uploads: Uploads) -> None:
        self._own = own
        self._door = own.door
        self._world = own.world
        self._uploads = uploads

    def routes(self) -> list[web.RouteDef]:
        """Their routes."""
        return [
            web.post("/2/tweets", self.post),
            web.delete("/2/tweets/{id}", self.delete),
            web.post("/2/media/upload/initialize", self.initialize),
            web.post("/2/media/upload/{id}/append", self.append),
            web.post("/2/media/upload/{id}/finalize", self.finalize),
            web.get("/2/media/upload", self.upload_status),
            web.post("/2/media/metadata", self.describe),
        ]

    async def initialize(self, request: web.Request) -> web.Response:
        """An upload begins."""
        admitted = await self._own.admit(request, "initialize")
        if isinstance(admitted, web.Response):
            return admitted
        asked = await request.json()
        try:
            media_id = self._uploads.begin(
                admitted.handle, int(asked["total_bytes"]), str(asked["media_type"]), self._world.now()
            )
        except BadMedia as wrong:
            return refused(400, str(wrong), "invalid-request")
        return self._own.told(
            request, {"data": {"id": media_id, "media_key": f"3_{media_id}", "expires_after_secs": 86400}}
        )

    async def append(self, request: web.Request) -> web.Response:
        """A piece of it."""
        admitted = await self._own.admit(request, "append")
        if isinstance(admitted, web.Response):
            return admitted
        form = await request.post()
        piece = form.get("media")
        try:
            if not isinstance(piece, web.FileField):
                raise BadMedia("The media field is missing.")
            segment = int(str(form.get("segment_index")))
            self._uploads.append(admitted.handle, request.match_info["id"], segment, piece.file.read())
        except BadMedia as wrong:
            return refused(400, str(wrong), "invalid-request")
        return self._own.told(request, {"data": {"expires_at": int(time.time()) + 86400}})

    async def finalize(self, request: web.Request) -> web.Response:
        """The upload is whole; X works on it for a moment."""
        admitted = await self._own.admit(request, "finalize")
        if isinstance(admitted, web.Response):
            return admitted
        levers = self._door.panel.of(admitted.handle)
        if take(levers, "upload_hang"):
            await hang()
        if take(levers, "upload_5xx"):
            return web.Response(status=503, text="Service Unavailable")
        try:
            media = self._uploads.finish(admitted.handle, request.match_info["id"])
        except BadMedia as wrong:
            return refused(400, str(wrong), "invalid-request")
        info = (
            {"state": "pending", "check_after_secs": 1}
            if levers.picture_looks > 1
            else {"state": "succeeded"}
        )
        body = {"id": media.id, "media_key": media.key, "size": media.bytes, "processing_info": info}
        return self._own.told(request, {"data": body})

    async def upload_status(self, request: web.Request) -> web.Response:
        """Whether X still works on it."""
        admitted = await self._own.admit(request, "upload_status")
        if isinstance(admitted, web.Response):
            return admitted
        body = {
            "id": request.query["media_id"],
            "processing_info": {"state": "succeeded", "progress_percent": 100},
        }
        return self._own.told(request, {"data": body})

    async def describe(self, request: web.Request) -> web.Response:
        """The description of an upload."""
        admitted = await self._own.admit(request, "metadata")
        if isinstance(admitted, web.Response):
            return admitted
        asked = await request.json()
        try:
            if not take(self._door.panel.of(admitted.handle), "lose_alt_text"):
                alt = str(asked["metadata"]["alt_text"]["text"])
                self._uploads.describe(admitted.handle, str(asked["id"]), alt)
        except BadMedia as wrong:
            return refused(400, str(wrong), "invalid-request")
        return self._own.told(request, {"data": {"id": str(asked["id"])}})

    async def post(self, request: web.Request) -> web.Response:
        """A new post."""
        admitted = await self._own.admit(request, "post")
        if isinstance(admitted, web.Response):
            return admitted
        levers, asked = self._door.panel.of(admitted.handle), await request.json()
        if (refused := _refused_by(levers)) is not None:
            return refused
        if take(levers, "lose_request"):
            return cut(request)
        empty = take(levers, "empty_tweet_results")
        if empty and not levers.empty_is_live:
            return self._own.told(
                request, {"errors": [problem("internal-error", "Something went wrong", 500)]}
            )
        lost = take(levers, "lose_answer")
        outcome = self._accept(admitted, asked, levers, answered=not (lost or empty))
        if isinstance(outcome, web.Response):
            return outcome
        if lost:
            return cut(request)
        if empty:
            return self._own.told(
                request, {"errors": [problem("internal-error", "Something went wrong", 500)]}
            )
        noun = self._own.wire(admitted).noun
        data = {"id": outcome.id, "text": outcome.text, f"edit_history_{noun}_ids": [outcome.id]}
        return self._own.told(request, {"data": data}, 201)

    def _accept(
        self, account: OwnAccount, asked: Any, levers: Levers, *, answered: bool
    ) -> Post | web.Response:
        reply = str((asked.get("reply") or {}).get("in_reply_to_tweet_id") or "") or None
        ids = [str(one) for one in (asked.get("media") or {}).get("media_ids") or []]
        if asked.get("quote_tweet_id"):
            return refused(403, "Quoting posts is not available on your plan.")
        if reply and not self._may_answer(account, reply):
            return refused(403, "You may reply only to posts that mention or quote you.")
        try:
            media = self._uploads.check(account.handle, ids)
        except BadMedia as wrong:
            return refused(400, str(wrong), "invalid-request")
        outcome = self._world.publish(
            account.handle,
            str(asked.get("text") or ""),
            reply,
            {"operation": "x_api"},
            media=media,
            refuse_duplicates=levers.duplicate_refused,
            answered=answered,
        )
        if isinstance(outcome, Refusal):
            if outcome.code == 187:
                return refused(403, _DUPLICATE)
            return refused(400, outcome.message, "invalid-request")
        self._uploads.spend(media)
        return outcome

    def _may_answer(self, account: OwnAccount, post_id: str) -> bool:
        """Only whoever spoke to the account may be answered, and the account itself."""
        now = self._world.now()
        post = self._world.post(post_id, now)
        if post is None or post.author == account.handle:
            return True  # one that is gone is refused for that
        return any(one.id == post_id for one in self._world.mentions(account.handle, now))

    async def delete(self, request: web.Request) -> web.Response:
        """A post is taken back."""
        admitted = await self._own.admit(request, "delete")
        if isinstance(admitted, web.Response):
            return admitted
        post_id = request.match_info["id"]
        post = self._world.post(post_id, self._world.now())
        if post is None:
            return self._own.told(request, {"errors": [not_found("id", post_id, "post")]})
        if post.author != admitted.handle:
            return refused(403, "You are not authorized to delete this Tweet.")
        self._world.delete(post_id)
        return self._own.told(request, {"data": {"deleted": True}})


def _refused_by(levers: Levers) -> web.Response | None:
    """The answer that the lever ``refuse`` asks for, if any."""
    if take(levers, "refuse_226"):
        return refused(403, MESSAGES[226])
    left = int(levers.refuse.get("n", 1)) if levers.refuse else 0
    if left <= 0:
        return None
    if (before := int(levers.refuse.get("after", 0))) > 0:
        levers.refuse = levers.refuse | {"after": before - 1}
        return None
    levers.refuse = levers.refuse | {"n": left - 1}
    code = int(levers.refuse["code"])
    if code == 186:
        return refused(400, "Your Tweet text is too long.", "invalid-request")
    if code == 402:
        said = "Your enrolled account does not have any credits to fulfill this request."
        return plain(402, "CreditsDepleted", said)
    return too_many(levers) if code in _LIMITS else web.Response(status=503, text="Service Unavailable")
