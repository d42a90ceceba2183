"""Mastodon's API over the same world: tokens are the ``auth_token`` cookies, levers those of the site."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.door import Door
from stonechat_aviary.faults import cut, disturb, hang
from stonechat_aviary.levers import Levers, take
from stonechat_aviary.mastodonwire import (
    LARGEST_PICTURE,
    LONGEST_DESCRIPTION,
    MIME_TYPES,
    MOST_CHARACTERS,
    MOST_PICTURES,
    Json,
    MastodonWire,
    attachment,
    instance,
    length,
    old_instance,
)
from stonechat_aviary.media import BadMedia, Uploads
from stonechat_aviary.posts import Post
from stonechat_aviary.searching import parse_query
from stonechat_aviary.world import Refusal

KEPT_SECONDS = 3600.0
"""Real time for which an idempotency key is kept, as Mastodon keeps it."""

_LIMITS = (344, 185, 88)
"""Codes of the lever ``refuse`` that stand for too many posts."""

TOO_LONG = 186
"""The code that stands for a text that is refused for good."""

_GONE = "Record not found"


class Mastodon:
    """The handlers of the API."""

    def __init__(self, door: Door, uploads: Uploads) -> None:
        self._door = door
        self._world = door.world
        self._uploads = uploads
        self._keys: dict[tuple[str, str], tuple[str, float]] = {}
        self._looked: dict[str, int] = {}
        self._sent: dict[str, Json] = {}

    def routes(self) -> list[web.RouteDef]:
        """All routes, under ``/api``."""
        return [
            web.get("/api/v2/instance", self.instance),
            web.get("/api/v2/instance/", self.instance),
            web.get("/api/v1/instance", self.old_instance),
            web.get("/api/v1/instance/", self.old_instance),
            web.get("/api/v1/accounts/verify_credentials", self.verify),
            web.get("/api/v1/accounts/lookup", self.lookup),
            web.get("/api/v1/accounts/{id}/statuses", self.statuses_of),
            web.post("/api/v1/statuses", self.post),
            web.get("/api/v1/statuses/{id}", self.status),
            web.get("/api/v1/statuses/{id}/context", self.context),
            web.post("/api/v2/media", self.upload),
            web.get("/api/v1/media/{id}", self.media),
            web.get("/api/v1/notifications", self.notifications),
            web.get("/api/v2/search", self.search),
            web.get("/api/v1/timelines/tag/{tag}", self.tagged),
        ]

    # ---------------------------------------------------------------- the door

    async def _admit(self, request: web.Request) -> OwnAccount | web.Response:
        """Whose token the call carries, or the answer that turns it away."""
        self._door.requests[f"mastodon{request.path}"[:40]] += 1
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        account = self._door.sessions.account(token)
        levers = self._door.panel.of(account.handle if account else None)
        if levers.moved_to:
            return web.Response(status=301, headers={"Location": levers.moved_to + request.path})
        if account is None or levers.logged_out:
            return _error(401, "The access token is invalid")
        if take(levers, "html"):
            return web.Response(text="<!DOCTYPE html><h1>Back soon</h1>", content_type="text/html")
        disturbed = await disturb(levers, self._world.seed, self._door.requests.total())
        if disturbed is not None:
            return _too_many(levers) if disturbed.status == 429 else disturbed
        if levers.suspended:
            return _error(403, "Your login is currently disabled")
        if levers.locked or levers.challenged:
            return _error(403, "Your login is missing a confirmed e-mail address")
        return account

    def _wire(self, request: web.Request, account: OwnAccount) -> MastodonWire:
        origin = f"{request.scheme}://{request.host}"
        bot = self._door.panel.of(account.handle).bot
        return MastodonWire(self._world, self._world.now(), origin, bot, self._sent)

    # ---------------------------------------------------------------- reading

    async def instance(self, request: web.Request) -> web.Response:
        """The server's limits."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        if self._door.panel.of(admitted.handle).plain_server:
            return _error(404, _GONE)
        return web.json_response(instance(f"{request.scheme}://{request.host}"))

    async def old_instance(self, request: web.Request) -> web.Response:
        """The server's limits, in the older form."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        return web.json_response(old_instance(f"{request.scheme}://{request.host}"))

    async def verify(self, request: web.Request) -> web.Response:
        """Whose token it is."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        return web.json_response(self._wire(request, admitted).account(admitted))

    async def lookup(self, request: web.Request) -> web.Response:
        """An account by its name."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        author = self._world.author(request.query.get("acct", "").lstrip("@"))
        if author is None:
            return _error(404, _GONE)
        return web.json_response(self._wire(request, admitted).account(author))

    async def statuses_of(self, request: web.Request) -> web.Response:
        """An account's posts, newest first."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        wire = self._wire(request, admitted)
        author = next(
            (one for one in self._world.accounts.values() if one.id == request.match_info["id"]), None
        )
        if author is None:
            return _error(404, _GONE)
        replies = request.query.get("exclude_replies") not in ("1", "true", "True")
        posts = self._world.posts_of(author.handle, wire.now, replies=replies)
        delay = self._door.panel.of(admitted.handle).profile_delay_s * self._world.clock.speed
        return self._page(request, wire, [one for one in posts if one.at + delay <= wire.now])

    async def status(self, request: web.Request) -> web.Response:
        """One post."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        wire = self._wire(request, admitted)
        post = self._world.post(request.match_info["id"], wire.now)
        return _error(404, _GONE) if post is None else web.json_response(wire.status(post))

    async def context(self, request: web.Request) -> web.Response:
        """What answers a post, and what answers that."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        wire = self._wire(request, admitted)
        below, next_ones = list[Post](), self._world.answers(request.match_info["id"], wire.now)
        while next_ones:
            post = next_ones.pop(0)
            below.append(post)
            next_ones = [*self._world.answers(post.id, wire.now), *next_ones]
        return web.json_response({"ancestors": [], "descendants": [wire.status(one) for one in below]})

    async def notifications(self, request: web.Request) -> web.Response:
        """Who spoke to the account."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        wire = self._wire(request, admitted)
        posts = self._world.mentions(admitted.handle, wire.now)[: _limit(request)]
        rows = [(post, self._world.author(post.author)) for post in posts]
        return web.json_response(
            [
                {
                    "id": post.id,
                    "type": "mention",
                    "created_at": wire.status(post)["created_at"],
                    "account": wire.account(author),
                    "status": wire.status(post),
                }
                for post, author in rows
                if author is not None
            ]
        )

    async def search(self, request: web.Request) -> web.Response:
        """Posts with these words."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        if self._door.panel.of(admitted.handle).search_broken:
            return web.Response(status=503, text="Service Unavailable")
        wire = self._wire(request, admitted)
        found = self._world.search(parse_query(request.query.get("q", "")), wire.now, latest=True)
        shown = [wire.status(one) for one in _readable(found)[: _limit(request)]]
        return web.json_response({"accounts": [], "statuses": shown, "hashtags": []})

    async def tagged(self, request: web.Request) -> web.Response:
        """Posts with a tag."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        wire = self._wire(request, admitted)
        tag = parse_query(f"#{request.match_info['tag']}")
        return self._page(request, wire, _readable(self._world.search(tag, wire.now, latest=True)))

    def _page(self, request: web.Request, wire: MastodonWire, posts: Sequence[Post]) -> web.Response:
        before = int(request.query.get("max_id") or 0)
        older = [one for one in posts if not before or int(one.id) < before]
        return web.json_response([wire.status(one) for one in older[: _limit(request)]])

    # ---------------------------------------------------------------- posting

    async def upload(self, request: web.Request) -> web.Response:
        """A picture with its description; taken at once, worked on for a while."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        levers = self._door.panel.of(admitted.handle)
        form = await request.post()
        file, alt = form.get("file"), str(form.get("description") or "")
        if take(levers, "upload_hang"):
            await hang()
        if take(levers, "upload_5xx"):
            return web.Response(status=503, text="Service Unavailable")
        if not isinstance(file, web.FileField):
            return _error(422, "Validation failed: File can't be blank")
        body = file.file.read()
        if file.content_type not in MIME_TYPES:
            return _error(422, "Validation failed: File content type is invalid")
        if len(body) > LARGEST_PICTURE:
            return _error(413, "File too large")
        if len(alt) > LONGEST_DESCRIPTION:
            return _error(422, "Validation failed: Description is too long")
        try:
            media_id = self._uploads.begin(admitted.handle, len(body), file.content_type, self._world.now())
            self._uploads.append(admitted.handle, media_id, 0, body)
            media = self._uploads.finish(admitted.handle, media_id)
            if alt and not take(levers, "lose_alt_text"):
                self._uploads.describe(admitted.handle, media_id, alt)
        except BadMedia as problem:
            return _error(422, f"Validation failed: {problem}")
        self._looked[media.id] = levers.picture_looks
        ready = levers.picture_looks == 0
        shown = attachment(media, f"{request.scheme}://{request.host}", ready=ready)
        return web.json_response(shown, status=200 if ready else 202)

    async def media(self, request: web.Request) -> web.Response:
        """Whether a picture is ready: 206 while it is worked on."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        media_id = request.match_info["id"]
        try:
            [media] = self._uploads.check(admitted.handle, [media_id])
        except BadMedia:
            return _error(404, _GONE)
        left = self._looked[media_id] = max(0, self._looked.get(media_id, 0) - 1)
        shown = attachment(media, f"{request.scheme}://{request.host}", ready=not left)
        return web.json_response(shown, status=206 if left else 200)

    async def post(self, request: web.Request) -> web.Response:
        """A new post; the same one again where its key is known."""
        admitted = await self._admit(request)
        if isinstance(admitted, web.Response):
            return admitted
        levers, form = self._door.panel.of(admitted.handle), await request.post()
        key = (admitted.handle, request.headers.get("Idempotency-Key", ""))
        known = self._keys.get(key)
        if key[1] and known is not None and time.time() - known[1] < KEPT_SECONDS and not levers.forgets_keys:
            post = self._world.post(known[0], self._world.now())
            return _error(404, _GONE) if post is None else self._told(request, admitted, post)
        if (refused := _refused_by(levers)) is not None:
            return refused
        if take(levers, "lose_request"):
            return cut(request)
        lost = take(levers, "lose_answer")
        outcome = self._accept(admitted, form, answered=not lost)
        if isinstance(outcome, web.Response):
            return outcome
        self._keys[key] = (outcome.id, time.time())
        self._sent[outcome.id] = {
            name: str(form[name]) for name in ("visibility", "spoiler_text", "language") if form.get(name)
        }
        return cut(request) if lost else self._told(request, admitted, outcome)

    def _accept(self, account: OwnAccount, form: Any, *, answered: bool) -> Post | web.Response:
        text = str(form.get("status") or "")
        ids = [str(one) for one in form.getall("media_ids[]", [])]
        if length(text) + len(str(form.get("spoiler_text") or "")) > MOST_CHARACTERS:
            return _error(422, f"Validation failed: Text character limit of {MOST_CHARACTERS} exceeded")
        if len(ids) > MOST_PICTURES:
            return _error(422, f"Validation failed: Cannot attach more than {MOST_PICTURES} files")
        if any(self._looked.get(one) for one in ids):
            return _error(
                422, "Cannot attach files that have not finished processing. Try again in a moment!"
            )
        try:
            media = self._uploads.check(account.handle, ids)
        except BadMedia as problem:
            return _error(422, f"Validation failed: {problem}")
        outcome = self._world.publish(
            account.handle,
            text,
            str(form.get("in_reply_to_id") or "") or None,
            {"operation": "mastodon"},
            media=media,
            quoted=str(form.get("quoted_status_id") or "") or None,
            refuse_duplicates=False,
            answered=answered,
            weighed=False,
        )
        if isinstance(outcome, Refusal):
            return _error(404 if outcome.code in (385, 144) else 422, _said(outcome))
        self._uploads.spend(media)
        return outcome

    def _told(self, request: web.Request, account: OwnAccount, post: Post) -> web.Response:
        return web.json_response(self._wire(request, account).status(post))


def _said(refusal: Refusal) -> str:
    if refusal.code == 385:
        return "The post you are trying to reply to does not appear to exist."
    return _GONE if refusal.code == 144 else f"Validation failed: {refusal.message}"


def _refused_by(levers: Levers) -> web.Response | None:
    """The answer that the lever ``refuse`` asks for, if any."""
    left = int(levers.refuse.get("n", 1)) if levers.refuse else 0
    if left <= 0:
        return None
    if (before := int(levers.refuse.get("after", 0))) > 0:
        levers.refuse = levers.refuse | {"after": before - 1}
        return None
    levers.refuse = levers.refuse | {"n": left - 1}
    code = int(levers.refuse["code"])
    if code == TOO_LONG:
        return _error(422, "Validation failed: this is not allowed here")
    return _too_many(levers) if code in _LIMITS else web.Response(status=503, text="Service Unavailable")


def _readable(posts: Sequence[Post]) -> list[Post]:
    return [one for one in posts if not one.hidden and one.reposted is None]


def _limit(request: web.Request) -> int:
    return min(40, max(1, int(request.query.get("limit") or 20)))


def _error(status: int, said: str) -> web.Response:
    return web.json_response({"error": said}, status=status)


def _too_many(levers: Levers) -> web.Response:
    """Mastodon says when the window ends as a time, and not as a number."""
    ends = datetime.fromtimestamp(time.time() + max(levers.retry_after, 2), UTC)
    headers = {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": ends.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    return web.json_response({"error": "Too many requests"}, status=429, headers=headers)
