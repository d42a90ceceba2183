"""X's API, version 2, over the same world: what is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.posts import Post
from stonechat_aviary.searching import parse_query
from stonechat_aviary.xapidoor import XApiDoor, not_found, refused
from stonechat_aviary.xapiwire import Json, XApiWire

_CONVERSATION = re.compile(r"^conversation_id:(\d+)")


class XApiReading:
    """The handlers that read."""

    def __init__(self, own: XApiDoor) -> None:
        self._own = own
        self._door = own.door
        self._world = own.world

    def routes(self) -> list[web.RouteDef]:
        """Their routes."""
        return [
            web.get("/2/users/me", self.me),
            web.get("/2/users/by/username/{username}", self.user),
            web.get("/2/users/{id}/tweets", self.tweets_of),
            web.get("/2/users/{id}/mentions", self.mentions),
            web.get("/2/tweets/search/recent", self.search),
            web.get("/2/tweets/{id}", self.tweet),
        ]

    async def me(self, request: web.Request) -> web.Response:
        """Whose token it is."""
        admitted = await self._own.admit(request, "me")
        if isinstance(admitted, web.Response):
            return admitted
        return self._own.told(request, {"data": self._own.wire(admitted).user(admitted)})

    async def user(self, request: web.Request) -> web.Response:
        """An account by its name; one that is not there is a problem with HTTP 200."""
        admitted = await self._own.admit(request, "user")
        if isinstance(admitted, web.Response):
            return admitted
        author = self._world.author(request.match_info["username"])
        if author is None:
            return self._own.told(
                request, {"errors": [not_found("username", request.match_info["username"], "user")]}
            )
        return self._own.told(request, {"data": self._own.wire(admitted).user(author)})

    async def tweet(self, request: web.Request) -> web.Response:
        """One post."""
        admitted = await self._own.admit(request, "tweet")
        if isinstance(admitted, web.Response):
            return admitted
        if unknown := self._unknown_names(request, admitted):
            return unknown
        wire = self._own.wire(admitted)
        post = self._world.post(request.match_info["id"], wire.now)
        if post is None:
            return self._own.told(request, {"errors": [not_found("id", request.match_info["id"], wire.noun)]})
        body = wire.answer([post], own_figures=post.author == admitted.handle)
        return self._own.told(request, {**body, "data": body["data"][0]})

    async def tweets_of(self, request: web.Request) -> web.Response:
        """An account's posts, newest first."""
        admitted = await self._own.admit(request, "tweets")
        if isinstance(admitted, web.Response):
            return admitted
        levers = self._door.panel.of(admitted.handle)
        wire, wanted = self._own.wire(admitted), request.match_info["id"]
        author = next((one for one in self._world.accounts.values() if one.id == wanted), None)
        if author is None:
            return self._own.told(request, {"errors": [not_found("id", wanted, "user")]})
        posts = self._world.posts_of(author.handle, wire.now, replies=True)
        delay = levers.profile_delay_s * self._world.clock.speed
        return self._page(
            request, admitted, wire, [one for one in posts if one.at + delay <= wire.now], own=True
        )

    async def mentions(self, request: web.Request) -> web.Response:
        """Who spoke to the account."""
        admitted = await self._own.admit(request, "mentions")
        if isinstance(admitted, web.Response):
            return admitted
        wire = self._own.wire(admitted)
        return self._page(request, admitted, wire, self._world.mentions(admitted.handle, wire.now))

    async def search(self, request: web.Request) -> web.Response:
        """Posts that match."""
        admitted = await self._own.admit(request, "search")
        if isinstance(admitted, web.Response):
            return admitted
        if self._door.panel.of(admitted.handle).search_broken:
            return web.Response(status=503, text="Service Unavailable")
        wire, query = self._own.wire(admitted), request.query.get("query", "")
        if found := _CONVERSATION.match(query):
            posts = self._conversation(found[1], wire.now)
        else:
            posts = self._world.search(parse_query(query), wire.now, latest=True)
        readable = [one for one in posts if not one.hidden and one.reposted is None]
        return self._page(request, admitted, wire, readable)

    def _conversation(self, root: str, now: float) -> list[Post]:
        below, next_ones = list[Post](), self._world.answers(root, now)
        while next_ones:
            post = next_ones.pop(0)
            below.append(post)
            next_ones += self._world.answers(post.id, now)
        return below

    def _page(
        self,
        request: web.Request,
        account: OwnAccount,
        wire: XApiWire,
        posts: Sequence[Post],
        *,
        own: bool = False,
    ) -> web.Response:
        if unknown := self._unknown_names(request, account):
            return unknown
        most = int(request.query.get("max_results") or 10)
        before = int(request.query.get("pagination_token") or request.query.get("next_token") or 0)
        since = int(request.query.get("since_id") or 0)
        older = [one for one in posts if int(one.id) > since and (not before or int(one.id) < before)]
        shown, more = older[:most], len(older) > most
        meta: Json = {"result_count": len(shown)}
        if shown:
            meta |= {"newest_id": shown[0].id, "oldest_id": shown[-1].id}
        if more:
            meta["next_token"] = shown[-1].id
        body = wire.answer(shown, own_figures=own) | {"meta": meta}
        if not shown:
            body = {"meta": meta}
        if shown and self._door.panel.of(account.handle).errors_beside_data:
            gone = not_found(f"referenced_{wire.noun}s.id", "1", wire.noun)
            body["errors"] = [*body.get("errors", []), gone]
        return self._own.told(request, body)

    def _unknown_names(self, request: web.Request, account: OwnAccount) -> web.Response | None:
        """The answer to names of parameters that this server does not know (yet, or any more)."""
        older = self._door.panel.of(account.handle).older_names
        wrong = "post.fields" if older else "tweet.fields"
        if wrong not in request.query:
            return None
        known = "tweet.fields" if older else "post.fields"
        said = f"The query parameter [{wrong}] is not one of [expansions,{known},user.fields]"
        return refused(400, said, "invalid-request")
