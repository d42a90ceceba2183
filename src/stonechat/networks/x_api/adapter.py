"""X's API: the port :class:`stonechat.core.network.NetworkAdapter`, filled with calls of version 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from stonechat.core.clock import Clock
from stonechat.core.errors import NotFound, SessionTrouble, StonechatError, Transient
from stonechat.core.model import Account
from stonechat.core.network import NetworkPost, Profile, Publication, PublishOutcome, Timeline
from stonechat.core.states import SessionState
from stonechat.networks.credentials import Credentials, Values
from stonechat.networks.http_calls import HttpCalls, Json
from stonechat.networks.publish_failures import ended_by
from stonechat.networks.spending import Spending
from stonechat.networks.x_api import prices
from stonechat.networks.x_api.client import ME, Charge, Client
from stonechat.networks.x_api.limits import RateLimits
from stonechat.networks.x_api.posts import (
    entries,
    holds_unread,
    included_in,
    read_post,
    read_posts,
    read_profile,
)
from stonechat.networks.x_api.problems import impairing
from stonechat.networks.x_api.publishing import PublishFlow
from stonechat.networks.x_api.tokens import Tokens

PAGE = 100
"""Posts that X gives at once, at most."""
LEAST = 5
"""Posts that are asked for at once, at least; of a search ten."""
DEEP = 200
"""Own posts that are looked through for what answers a post."""

SELF = Charge("x_api.own_account", prices.USER_READ, prices.USER_READ, by_read=True)
USER = Charge("x_api.user", prices.USER_READ, prices.USER_READ, by_read=True)
ONE_POST = Charge("x_api.read", prices.POST_READ, prices.POST_READ, by_read=True)
DELETE = Charge("x_api.delete", prices.DELETED)


@dataclass(frozen=True, slots=True)
class Manner:
    """How the API is used.

    Attributes:
        server: its address, without a slash at the end.
        owns_app: the account owns the app, so that reading what is its own costs less.
        timeout: real time for each answer.
    """

    server: str
    owns_app: bool
    timeout: timedelta


@dataclass(slots=True)
class _Open:
    client: Client
    own_id: str = ""


class XApi:
    """Accounts on X.

    Args:
        given: credentials of the settings, for an account for which none are saved.
    """

    name = "x_api"

    def __init__(
        self, credentials: Credentials, given: Values, clock: Clock, spending: Spending, manner: Manner
    ) -> None:
        self._credentials = credentials
        self._given = given
        self._clock = clock
        self._spending = spending
        self._manner = manner
        self._http = HttpCalls(manner.server, manner.timeout)
        self._open: dict[str, _Open] = {}

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        """Publish, and say how it went; see :class:`stonechat.networks.x_api.publishing.PublishFlow`."""
        own = self._own(account)
        try:
            await self._own_id(account, own)
        except StonechatError as exc:
            return ended_by(exc, ())
        return await PublishFlow(own.client, self._clock, publication, before_click, account.handle).run()

    async def delete(self, account: Account, post_id: str) -> bool:
        """Take a post of the account's back; False where it was gone already.

        Raises:
            Unknown: it may be gone.
            SessionTrouble, Permanent, Transient: it is still there.
        """
        own = self._own(account)
        await self._own_id(account, own)
        try:
            said = await own.client.act("DELETE", "/2/tweets/{id}", DELETE, None, ids={"id": post_id})
        except NotFound:
            return False
        return bool((said.get("data") or {}).get("deleted"))

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and own threads; reposts are left out."""
        return await self._own_timeline(account, limit, replies=False)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and replies."""
        return await self._own_timeline(account, limit, replies=True)

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        """The account's own posts that answer a post, after that itself where it is the account's."""
        own = self._own(account)
        own_id = await self._own_id(account, own)
        said = await own.client.ask("/2/tweets/{id}", ONE_POST, posts=True, id=post_id)
        post = read_post(said["data"], included_in(said), ours=account.handle, own_id=own_id)
        newer = await self._pages(account, own, DEEP, since=post_id)
        below = tuple(one for one in newer.posts if one.in_reply_to == post_id)
        mine = (post,) if str(said["data"].get("author_id")) == own_id else ()
        return Timeline((*below, *mine), newer.complete, None, "api")

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        """Posts of the last seven days that match, newest first."""
        own, most = self._own(account), min(max(limit, 2 * LEAST), PAGE)
        own_id = await self._own_id(account, own)
        charge = Charge("x_api.search", most * prices.POST_READ, prices.POST_READ, by_read=True)
        asked = {"query": query, "max_results": most, "sort_order": "recency"}
        said = await own.client.ask("/2/tweets/search/recent", charge, asked, posts=True)
        return _timeline(said, read_posts(said, ours=account.handle, own_id=own_id))

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        """Posts of others that mention or answer the account, newest first."""
        own, most = self._own(account), min(max(limit, LEAST), PAGE)
        own_id = await self._own_id(account, own)
        said = await own.client.ask(
            "/2/users/{id}/mentions",
            self._owned("x_api.mentions", most),
            {"max_results": most},
            posts=True,
            id=own_id,
        )
        others = [
            one
            for one in read_posts(said, ours=account.handle, own_id=own_id)
            if one.author != account.handle
        ]
        return _timeline(said, others)

    async def profile(self, account: Account, handle: str) -> Profile:
        """The account called ``handle``.

        Raises:
            NotFound: there is none.
        """
        own, handle = self._own(account), handle.lstrip("@")
        if handle.casefold() == account.handle.casefold():
            return read_profile(await self._verified(account, own))
        if not handle.replace("_", "").isalnum() or not handle.isascii():
            raise NotFound(f"There is no account @{handle}: a handle has letters, digits and _ only.")
        asked = {"user.fields": "description,name,public_metrics,username"}
        said = await own.client.ask("/2/users/by/username/{username}", USER, asked, username=handle)
        return read_profile(said["data"])

    async def session(self, account: Account) -> SessionState:
        """Ask X whose tokens they are."""
        try:
            await self._verified(account, self._own(account))
        except SessionTrouble as trouble:
            return trouble.state
        except Transient as exc:
            if exc.retry_after is not None:  # HTTP 429
                return SessionState.RATE_LIMITED
            raise
        return SessionState.VALID

    # ---------------------------------------------------------------- inside

    def _own(self, account: Account) -> _Open:
        own = self._open.get(account.id)
        if own is None:
            server = self._manner.server
            http = self._http
            tokens = Tokens(
                account.id, account.handle, self._credentials, self._given, http, self._clock, server
            )
            client = Client(
                account.id, server, http, tokens, self._clock, self._spending, RateLimits(self._clock)
            )
            own = self._open[account.id] = _Open(client)
        return own

    async def _own_id(self, account: Account, own: _Open) -> str:
        if not own.own_id:
            await self._verified(account, own)
        return own.own_id

    async def _verified(self, account: Account, own: _Open) -> Json:
        """The account as X has it.

        Raises:
            SessionTrouble: the tokens are somebody else's.
        """
        asked = {"user.fields": "description,name,public_metrics,username"}
        said = await own.client.ask(ME, SELF, asked)
        found: Json = said["data"]
        name = str(found.get("username") or "")
        if name.casefold() != account.handle.casefold():
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"The tokens are those of @{name} and not of @{account.handle}.",
                meaning="Nothing is read or published.",
                remedy="Connect the right account, or write its handle as it is now into the settings.",
            )
        own.own_id = str(found["id"])
        return found

    def _owned(self, what: str, most: int) -> Charge:
        each = prices.OWN_READ if self._manner.owns_app else prices.POST_READ
        return Charge(what, most * each, each, by_read=True)

    async def _own_timeline(self, account: Account, limit: int, *, replies: bool) -> Timeline:
        own = self._own(account)
        own_id = await self._own_id(account, own)

        def is_wanted(post: Mapping[str, Any]) -> bool:
            return replies or post.get("in_reply_to_user_id") in (None, own_id)

        return await self._pages(account, own, limit, is_wanted)

    async def _pages(
        self,
        account: Account,
        own: _Open,
        limit: int,
        is_wanted: Callable[[Mapping[str, Any]], bool] = lambda _post: True,
        *,
        since: str = "",
    ) -> Timeline:
        """The account's own posts that are wanted, newest first, from as few calls as possible."""
        own_id = await self._own_id(account, own)
        posts: list[NetworkPost] = []
        token, complete = "", True
        while len(posts) < limit:
            most = min(max(limit - len(posts), LEAST), PAGE)
            asked = {
                "max_results": most,
                "exclude": "retweets",
                "pagination_token": token,
                "since_id": since,
            }
            charge = self._owned("x_api.own_posts", most)
            said = await own.client.ask("/2/users/{id}/tweets", charge, asked, posts=True, id=own_id)
            complete = complete and _is_whole(said)
            wanted = {**said, "data": [one for one in entries(said) if is_wanted(one)]}
            posts += read_posts(wanted, ours=account.handle, own_id=own_id)
            token = str((said.get("meta") or {}).get("next_token") or "")
            if not token:
                return Timeline(tuple(posts), complete, None, "api")
        return Timeline(tuple(posts), complete, posts[-1].created_at, "api")


def _timeline(said: Json, posts: list[NetworkPost]) -> Timeline:
    return Timeline(tuple(posts), _is_whole(said), posts[-1].created_at if posts else None, "api")


def _is_whole(said: Json) -> bool:
    """Whether everything that was asked for is there and could be read."""
    return not impairing(said) and not holds_unread(said)
