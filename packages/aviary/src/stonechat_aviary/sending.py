"""``CreateTweet``: a post arrives, and every way in which its answer can go wrong."""

from __future__ import annotations

import re
import unicodedata

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.door import MESSAGES, Door, answer
from stonechat_aviary.faults import cut
from stonechat_aviary.levers import Levers, take
from stonechat_aviary.media import INVALID, BadMedia, Uploads
from stonechat_aviary.operations import created
from stonechat_aviary.posts import Post
from stonechat_aviary.wire import Wire
from stonechat_aviary.wirelists import error
from stonechat_aviary.wirepeople import Json
from stonechat_aviary.world import Refusal

_STATUS = re.compile(r"/status/(\d+)/?$")
_EMPTY: Json = {"data": {"create_tweet": {"tweet_results": {}}}}
TOAST = "x-aviary-toast"
"""Header that tells the page's script what its toast links to; ``none`` for no toast at all."""


class Sending:
    """Takes posts in."""

    def __init__(self, door: Door, uploads: Uploads) -> None:
        self._door = door
        self._uploads = uploads
        self._world = door.world

    def create(
        self, request: web.Request, account: OwnAccount, variables: Json, headers: dict[str, str]
    ) -> web.Response:
        """The answer to a ``CreateTweet`` that was let in."""
        levers = self._door.panel.of(account.handle)
        code = _refusal_code(levers)
        if code:
            return _refused(Refusal(code, MESSAGES.get(code, "Refused.")), levers, headers)
        if take(levers, "lose_request"):
            return cut(request)
        empty = take(levers, "empty_tweet_results")
        if empty and not levers.empty_is_live:
            return answer(_EMPTY, levers, headers)
        lost = not empty and take(levers, "lose_answer")
        outcome = self._publish(request, account, variables, levers, answered=not (empty or lost))
        if isinstance(outcome, Refusal):
            return _refused(outcome, levers, headers)
        if lost:
            return cut(request)
        return answer(_EMPTY if empty else self._told(outcome, levers, headers), levers, headers)

    def _publish(
        self, request: web.Request, account: OwnAccount, variables: Json, levers: Levers, *, answered: bool
    ) -> Post | Refusal:
        reply = variables.get("reply") or {}
        link = _STATUS.search(str(variables.get("attachment_url") or ""))
        entities = (variables.get("media") or {}).get("media_entities") or []
        try:
            media = self._uploads.check(account.handle, [str(one.get("media_id")) for one in entities])
        except BadMedia as problem:
            return Refusal(INVALID, str(problem))
        outcome = self._world.publish(
            account.handle,
            _stored(str(variables.get("tweet_text", "")), levers),
            str(reply.get("in_reply_to_tweet_id") or "") or None,
            {"user_agent": request.headers.get("User-Agent", ""), "operation": "CreateTweet"},
            media=media,
            quoted=link[1] if link else None,
            refuse_duplicates=levers.duplicate_refused,
            answered=answered,
        )
        if not isinstance(outcome, Refusal):
            self._uploads.spend(media)
            if (
                levers.edit_every
                and outcome.ordinal is not None
                and not (outcome.ordinal + 1) % levers.edit_every
            ):
                self._world.edit(outcome.id, f"{outcome.text} (edited)")
        return outcome

    def _told(self, post: Post, levers: Levers, headers: dict[str, str]) -> Json:
        """The answer's body: of the post itself, or (by a lever) of an older one of the same account."""
        now = self._world.now()
        older = [one for one in self._world.posts_of(post.author, now, replies=True) if one.id != post.id]
        if levers.no_toast:
            headers[TOAST] = "none"
        elif older and take(levers, "wrong_toast"):
            headers[TOAST] = f"/{post.author}/status/{older[-1].id}"
        shown = older[-1] if older and take(levers, "wrong_id") else post
        return {"data": created(Wire(self._world, now, post.author.lower(), "CreateTweet", levers), shown)}


def _stored(text: str, levers: Levers) -> str:
    """The text in the form that the network keeps it in."""
    return unicodedata.normalize("NFC", text) if levers.stores_nfc else text


def _refused(refusal: Refusal, levers: Levers, headers: dict[str, str]) -> web.Response:
    body = {"errors": [error(refusal.code, refusal.message, "create_tweet")], "data": {}}
    return answer(body, levers, headers)


def _refusal_code(levers: Levers) -> int:
    if take(levers, "refuse_226"):
        return 226
    left = int(levers.refuse.get("n", 1)) if levers.refuse else 0
    if left <= 0:
        return 0
    if (before := int(levers.refuse.get("after", 0))) > 0:
        levers.refuse = levers.refuse | {"after": before - 1}
        return 0
    levers.refuse = levers.refuse | {"n": left - 1}
    return int(levers.refuse["code"])
