"""Mastodon's API: the port :class:`stonechat.core.network.NetworkAdapter`, filled with ``Mastodon.py``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from mastodon import Mastodon as Library
from mastodon.errors import MastodonNotFoundError

from stonechat.core.clock import Clock
from stonechat.core.errors import NotFound, Permanent, SessionTrouble, StonechatError, Transient
from stonechat.core.model import Account
from stonechat.core.network import NetworkPost, Profile, Publication, PublishOutcome, TextRules, Timeline
from stonechat.core.states import SessionState
from stonechat.networks.mastodon.client import Client, Threads
from stonechat.networks.mastodon.instance import Instance, ServerTextRules, read_instance
from stonechat.networks.mastodon.publishing import Manner, PublishFlow
from stonechat.networks.mastodon.statuses import read_post, read_profile
from stonechat.networks.mastodon.text_rules import MastodonTextRules
from stonechat.networks.publish_failures import ended_by

PAGE = 40
"""Posts that a server gives at once, at most."""

INSTANCE_FOR = timedelta(hours=1)
"""Real time for which what a server says of itself is believed."""

MOST_THREADS = 8

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """What lets an account in: its server's address, and its token there."""

    server: str
    token: str = field(repr=False)


@dataclass(slots=True)
class _Open:
    """An account's client, and what is known of its server and of itself."""

    access: Access
    client: Client
    own_id: str = ""
    instance: Instance | None = None
    read: float = 0.0


class Mastodon:
    """Accounts on any servers that speak Mastodon's API.

    Args:
        access: what lets an account in, as it is now; raises ``SessionTrouble`` where there is nothing.
        timeout: real time to wait for each answer.
    """

    name = "mastodon"

    def __init__(
        self,
        access: Callable[[Account], Awaitable[Access]],
        clock: Clock,
        manner: Manner,
        *,
        timeout: timedelta,
    ) -> None:
        self._access = access
        self._clock = clock
        self._manner = manner
        self._timeout = timeout
        self._threads = Threads(MOST_THREADS)
        self._open: dict[str, _Open] = {}

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        """Publish, and say how it went; see :class:`stonechat.networks.mastodon.publishing.PublishFlow`."""
        try:
            own = await self._own(account)
            instance = await self._instance(own)
        except StonechatError as exc:
            return ended_by(exc, ())
        flow = PublishFlow(own.client, instance, self._manner, publication, before_click)
        return await flow.run()

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and own threads; boosts are left out."""
        return await self._own_statuses(account, limit, replies=False)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and replies."""
        return await self._own_statuses(account, limit, replies=True)

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        """The account's own posts in the conversation of a post: the post itself, and what answers it."""
        own = await self._own(account)
        own_id = await self._own_id(account, own)
        try:
            status = await own.client.ask(lambda api: api.status(post_id))
            below = await own.client.ask(lambda api: api.status_context(post_id))
        except (NotFound, SessionTrouble):
            raise
        except Permanent as exc:  # withheld, and so perhaps there: only what is gone may be taken for absent
            raise Transient(exc.what) from exc
        shown = [status, *below.get("descendants", [])]
        mine = [one for one in shown if str(one["account"]["id"]) == own_id]
        return Timeline(tuple(read_post(one, ours=account.handle) for one in mine), True, None, "api")

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        """Posts of others that match; for ``#tag`` those with that tag, which every server can tell."""
        own = await self._own(account)
        tag = query.strip().removeprefix("#")
        if query.strip().startswith("#") and tag.isidentifier():
            found = await own.client.ask(lambda api: api.timeline_hashtag(tag, limit=min(limit, PAGE)))
        else:
            answer = await own.client.ask(
                lambda api: api.search_v2(
                    query, resolve=False, result_type="statuses", limit=min(limit, PAGE)
                )
            )
            found = answer.get("statuses", [])
        return await self._of_others(account, own, found)

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        """Posts of others that mention, answer or quote the account, newest first."""
        own = await self._own(account)
        kinds = ["mention", "quote"] if (await self._instance(own)).quotes else ["mention"]
        told = await own.client.ask(lambda api: api.notifications(types=kinds, limit=min(limit, PAGE)))
        return await self._of_others(account, own, [one["status"] for one in told if one.get("status")])

    async def profile(self, account: Account, handle: str) -> Profile:
        """The account called ``handle``, its server behind ``@`` where it is on another one.

        Raises:
            NotFound: the server knows nobody of that name.
        """
        own, handle = await self._own(account), handle.lstrip("@")
        if handle.casefold() == account.handle.casefold():
            return read_profile(await self._verified(account, own), handle)
        return read_profile(await own.client.ask(lambda api: api.account_lookup(handle)), handle)

    async def session(self, account: Account) -> SessionState:
        """Ask the server who the token is for."""
        try:
            own = await self._own(account)
            await self._verified(account, own)
        except SessionTrouble as trouble:
            return trouble.state
        except Transient as exc:
            if exc.retry_after is not None:  # HTTP 429
                return SessionState.RATE_LIMITED
            raise
        return SessionState.VALID

    async def text_of(self, account: Account) -> TextRules:
        """How the account's own server measures a text; as every server does where it cannot be asked."""
        try:
            instance = await self._instance(await self._own(account))
        except StonechatError:
            return MastodonTextRules()
        return ServerTextRules(instance, self._manner.warning)

    async def examine(self, account: Account) -> tuple[Json, Instance]:
        """The account as its server describes it to its owner, and the server; for checks."""
        own = await self._own(account)
        return await self._verified(account, own), await self._instance(own)

    # ---------------------------------------------------------------- inside

    async def _own(self, account: Account) -> _Open:
        """The account's client; a new one where it was connected anew."""
        access = await self._access(account)
        own = self._open.get(account.id)
        if own is None or own.access != access:
            client = Client(access.server, access.token, self._threads, self._clock, self._timeout)
            own = self._open[account.id] = _Open(access, client)
        return own

    async def _instance(self, own: _Open) -> Instance:
        now = self._clock.monotonic()
        if own.instance is None or now - own.read > INSTANCE_FOR.total_seconds():
            own.instance, own.read = read_instance(await own.client.ask(_describe)), now
        return own.instance

    async def _own_id(self, account: Account, own: _Open) -> str:
        if not own.own_id:
            await self._verified(account, own)
        return own.own_id

    async def _verified(self, account: Account, own: _Open) -> Json:
        """The account as its server has it.

        Raises:
            SessionTrouble: the token is somebody else's, or the account has moved away.
        """
        found: Json = await own.client.ask(lambda api: api.account_verify_credentials())
        name, wanted = str(found.get("acct", "")).partition("@")[0], account.handle.partition("@")[0]
        if name.casefold() != wanted.casefold():
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"The token is that of @{name} and not of @{account.handle}.",
                meaning="Nothing is read or published.",
                remedy="Connect the right account, or write its handle as it is now into the settings.",
            )
        if moved := found.get("moved"):
            raise SessionTrouble(
                SessionState.LOCKED,
                f"@{account.handle} has moved to {moved.get('url') or moved.get('acct')}.",
                meaning="Its server takes no posts for it any more.",
                remedy="Connect the account in its new place, and write its new handle into the settings.",
            )
        own.own_id = str(found["id"])
        return found

    async def _own_statuses(self, account: Account, limit: int, *, replies: bool) -> Timeline:
        own = await self._own(account)
        own_id = await self._own_id(account, own)
        posts: list[NetworkPost] = []
        oldest: str | None = None
        while len(posts) < limit:
            page = await own.client.ask(partial(_statuses, own_id, oldest, replies))
            if not page:
                return Timeline(tuple(posts), True, None, "api")
            posts += [read_post(one, ours=account.handle) for one in page]
            oldest = str(page[-1]["id"])
        return Timeline(tuple(posts), True, posts[-1].created_at, "api")

    async def _of_others(self, account: Account, own: _Open, found: Iterable[Json]) -> Timeline:
        own_id = await self._own_id(account, own)
        others = [one for one in found if str(one["account"]["id"]) != own_id and not one.get("reblog")]
        posts = tuple(read_post(one) for one in others)
        return Timeline(posts, True, posts[-1].created_at if posts else None, "api")


def _statuses(own_id: str, before: str | None, replies: bool, api: Library) -> Sequence[Json]:
    page: Sequence[Json] = api.account_statuses(
        own_id, exclude_replies=not replies, exclude_reblogs=True, max_id=before, limit=PAGE
    )
    return page


def _describe(api: Library) -> Json:
    """What the server says of itself; older ones know the first form alone."""
    try:
        return dict(api.instance_v2())
    except MastodonNotFoundError:
        return dict(api.instance_v1())
