"""Bluesky's API: the port :class:`stonechat.core.network.NetworkAdapter`, filled with XRPC calls.

What is ours is read from the account's own repository, which is never behind; counts, and posts of others,
come from the network's view of it, which may lag.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from stonechat.core.clock import Clock
from stonechat.core.errors import NotFound, SessionTrouble, StonechatError, Transient
from stonechat.core.model import Account
from stonechat.core.network import NetworkPost, Profile, Publication, PublishOutcome, Timeline
from stonechat.core.states import SessionState
from stonechat.networks.bluesky.client import Client, Tokens
from stonechat.networks.bluesky.posts import read_post, read_profile, read_view
from stonechat.networks.bluesky.publishing import PublishFlow
from stonechat.networks.bluesky.records import POST, PROFILE, key_of, owner_of
from stonechat.networks.publish_failures import ended_by

PAGE = 100
"""Records that a server gives at once, at most."""

COUNTED = 25
"""Posts whose counts may be asked for at once."""

DEEP = 200
"""Own records that are looked through for what answers a post."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """What lets an account in.

    Attributes:
        kept: a session from before, where one was kept.
    """

    server: str
    password: str = field(repr=False)
    kept: Tokens | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Open:
    access: Access
    client: Client


class Bluesky:
    """Accounts on any servers of the protocol.

    Args:
        access: what lets an account in, as it is now; raises ``SessionTrouble`` where there is nothing.
        keep: keeps an account's new session, so that the next process need not begin another.
        timeout: real time to wait for each answer.
    """

    name = "bluesky"

    def __init__(
        self,
        access: Callable[[Account], Awaitable[Access]],
        keep: Callable[[Account, Tokens], Awaitable[None]],
        clock: Clock,
        *,
        language: str = "",
        timeout: timedelta,
    ) -> None:
        self._access = access
        self._keep = keep
        self._clock = clock
        self._language = language
        self._timeout = timeout
        self._open: dict[str, _Open] = {}

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        """Publish, and say how it went; see :class:`stonechat.networks.bluesky.publishing.PublishFlow`."""
        try:
            client = await self._client(account)
            await self._own(account, client)
        except StonechatError as exc:
            return ended_by(exc, ())
        flow = PublishFlow(client, self._clock, publication, before_click, account.handle, self._language)
        return await flow.run()

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and own threads, from the account's repository, with their counts."""
        return await self._records(account, limit, replies=False)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and replies."""
        return await self._records(account, limit, replies=True)

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        """The account's own posts around a post: the post itself, and those that answer it."""
        client = await self._client(account)
        own = await self._own(account, client)
        if not post_id.startswith("at://") or owner_of(post_id) == own.did:
            key = key_of(post_id)
            await client.ask("com.atproto.repo.getRecord", repo=own.did, collection=POST, rkey=key)
        elif not (await client.ask("app.bsky.feed.getPosts", uris=post_id)).get("posts"):
            raise NotFound(f"There is no post {post_id} any more.")
        posts, _ = await self._newest(account, client, own.did, DEEP, lambda _post: True)
        around = tuple(one for one in posts if post_id in (one.id, one.in_reply_to))
        return Timeline(around, True, None, "api")

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        """Posts of others that match, newest first."""
        client = await self._client(account)
        own = await self._own(account, client)
        found = await client.ask("app.bsky.feed.searchPosts", q=query, sort="latest", limit=min(limit, PAGE))
        posts = [read_view(one) for one in _list(found, "posts") if one["author"]["did"] != own.did]
        return Timeline(tuple(posts), True, posts[-1].created_at if posts else None, "api")

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        """Posts of others that mention, answer or quote the account, newest first."""
        client = await self._client(account)
        own = await self._own(account, client)
        told = await client.ask(
            "app.bsky.notification.listNotifications",
            reasons=["mention", "reply", "quote"],
            limit=min(limit, PAGE),
        )
        kinds = ("mention", "reply", "quote")
        ours = [one for one in _list(told, "notifications") if one.get("reason") in kinds]
        posts = [
            read_post(str(one["uri"]), one["record"], str(one["author"]["handle"]))
            for one in ours
            if one["author"]["did"] != own.did
        ]
        return Timeline(tuple(posts), True, posts[-1].created_at if posts else None, "api")

    async def profile(self, account: Account, handle: str) -> Profile:
        """The account called ``handle``.

        Raises:
            NotFound: there is none.
        """
        client, handle = await self._client(account), handle.lstrip("@")
        if "." not in handle and not handle.startswith(
            "did:"
        ):  # servers answer it with an error of their own
            raise NotFound(f"There is no account @{handle}: a handle is a domain, such as me.bsky.social.")
        return read_profile(await client.ask("app.bsky.actor.getProfile", actor=handle))

    async def session(self, account: Account) -> SessionState:
        """Ask the server whose session it is."""
        try:
            client = await self._client(account)
            await self._own(account, client)
            await client.ask("com.atproto.server.getSession")
        except SessionTrouble as trouble:
            return trouble.state
        except Transient as exc:
            if exc.retry_after is not None:  # HTTP 429
                return SessionState.RATE_LIMITED
            raise
        return SessionState.VALID

    async def is_labelled(self, account: Account) -> bool:
        """Whether the account's profile says by its own label that it is automated; for checks.

        Raises:
            SessionTrouble, Transient: it cannot be asked.
        """
        client = await self._client(account)
        own = await self._own(account, client)
        try:
            found = await client.ask(
                "com.atproto.repo.getRecord", repo=own.did, collection=PROFILE, rkey="self"
            )
        except NotFound:
            return False
        labels = (found.get("value") or {}).get("labels") or {}
        return any(one.get("val") == "bot" for one in labels.get("values") or ())

    # ---------------------------------------------------------------- inside

    async def _client(self, account: Account) -> Client:
        """The account's client; a new one where it was connected anew."""
        access = await self._access(account)
        own = self._open.get(account.id)
        if own is None or own.access != access:

            async def keep(tokens: Tokens) -> None:
                await self._keep(account, tokens)

            client = Client(
                access.server,
                account.handle,
                access.password,
                self._clock,
                kept=access.kept,
                keep=keep,
                timeout=self._timeout,
            )
            own = self._open[account.id] = _Open(access, client)
        return own.client

    async def _own(self, account: Account, client: Client) -> Tokens:
        """Whose session it is.

        Raises:
            SessionTrouble: somebody else's.
        """
        own = await client.session()
        if own.handle.casefold() != account.handle.casefold():
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"The app password is that of @{own.handle} and not of @{account.handle}.",
                meaning="Nothing is read or published.",
                remedy="Connect the right account, or write its handle as it is now into the settings.",
            )
        return own

    async def _records(self, account: Account, limit: int, *, replies: bool) -> Timeline:
        client = await self._client(account)
        did = (await self._own(account, client)).did

        def wanted(post: NetworkPost) -> bool:
            return replies or post.in_reply_to is None or owner_of(post.in_reply_to) == did

        posts, whole = await self._newest(account, client, did, limit, wanted)
        counted = await self._counted(client, [one.id for one in posts])
        shown = [
            read_post(one.id, counted[one.id]["record"], account.handle, counted[one.id])
            if one.id in counted
            else one
            for one in posts
        ]
        return Timeline(tuple(shown), True, None if whole or not shown else shown[-1].created_at, "api")

    async def _newest(
        self,
        account: Account,
        client: Client,
        did: str,
        limit: int,
        wanted: Callable[[NetworkPost], bool],
    ) -> tuple[list[NetworkPost], bool]:
        """The account's own records that are wanted, newest first, and whether these are all there are."""
        posts: list[NetworkPost] = []
        cursor: str | None = None
        while len(posts) < limit:
            page = await client.ask(
                "com.atproto.repo.listRecords", repo=did, collection=POST, limit=PAGE, cursor=cursor
            )
            read = [
                read_post(str(one["uri"]), one["value"], account.handle) for one in _list(page, "records")
            ]
            posts += filter(wanted, read)
            cursor = page.get("cursor")
            if not read or cursor is None:
                return posts, True
        return posts, False

    async def _counted(self, client: Client, uris: Sequence[str]) -> dict[str, Json]:
        """The network's view of these posts, by address; without those that it does not know yet."""
        views: dict[str, Json] = {}
        for part in _parts(uris):
            found = await client.ask("app.bsky.feed.getPosts", uris=list(part))
            views |= {str(one["uri"]): one for one in _list(found, "posts")}
        return views


def _parts(uris: Sequence[str]) -> Iterable[Sequence[str]]:
    return (uris[start : start + COUNTED] for start in range(0, len(uris), COUNTED))


def _list(said: Json, name: str) -> list[Json]:
    found = said.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
