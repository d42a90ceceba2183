"""X through its own web page: the port :class:`stonechat.core.network.Network`, filled with a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import quote

from playwright.async_api import Page

from stonechat.browser import BrowserPool, LeasePriority
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, SessionTrouble, Transient
from stonechat.core.events import EventStream, SelectorMoved
from stonechat.core.model import Account
from stonechat.core.network import NetworkPost, Profile, Publication, PublishOutcome, Timeline
from stonechat.core.states import SessionState
from stonechat.networks.x_web.dom_parser import read_profile_page
from stonechat.networks.x_web.navigation import check_owner, explain, facts, go
from stonechat.networks.x_web.publishing import PublishFlow
from stonechat.networks.x_web.reading import (
    first_answer,
    read_thread_page,
    read_timeline_page,
    says_empty,
)
from stonechat.networks.x_web.response_capture import tapped
from stonechat.networks.x_web.selector_check import look_everywhere
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_parser import SITE, read_profile, refuse_missing_account


class XWeb:
    """X as a browser with the owner's own session sees it.

    Scripting the website is against X's rules and may cost the account: whoever wires this in live mode
    has the owner's acceptance by name. Nothing here hides that a program acts.

    Args:
        pool: where pages come from; one account's operations follow each other.
        base_url: the site; another one than X is the local network.
        answer_within: real time to wait for each answer of the site.
    """

    name = "x_web"

    def __init__(
        self,
        pool: BrowserPool,
        clock: Clock,
        events: EventStream,
        *,
        base_url: str = SITE,
        answer_within: timedelta = timedelta(seconds=15),
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._events = events
        self._site = base_url.rstrip("/")
        self._within = answer_within.total_seconds()

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        """Publish, and say how it went; see :class:`stonechat.networks.x_web.publishing.PublishFlow`."""
        flow = PublishFlow(self._pool, self._clock, self._site, self._within, self._newest)
        return await flow.publish(account, publication, before_click)

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts on the account's profile, of about 20 for each answer; reposts are left out."""
        return await self._own(account, "", "UserTweets", limit, LeasePriority.METRICS)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        """The newest posts and replies of the account."""
        return await self._own(account, "/with_replies", "UserTweetsAndReplies", limit, LeasePriority.METRICS)

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        """The account's own posts on the page of a post, which shows what a profile folds away."""
        address = f"{self._site}/{quote(author or account.handle)}/status/{quote(post_id)}"
        async with self._page(account, LeasePriority.METRICS, "own_thread") as page:
            read = await read_thread_page(
                page,
                address,
                post_id,
                within=self._within,
                site=self._site,
                wanted=_of(account),
                moved=partial(self._moved, account),
            )
            return _as_first_sent(read)

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        """The newest posts that match, in X's search syntax (``min_faves:300 lang:en``)."""
        address = f"{self._site}/search?q={quote(query, safe='')}&src=typed_query&f=live"
        async with self._page(account, LeasePriority.HARVEST, "search") as page:
            return await self._read(page, account, address, "SearchTimeline", limit, lambda _: True)

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        """Posts of others that speak to the account, newest first."""
        address = f"{self._site}/notifications/mentions"
        async with self._page(account, LeasePriority.HARVEST, "mentions") as page:
            return await self._read(
                page, account, address, "NotificationsTimeline", limit, _of_others(account)
            )

    async def profile(self, account: Account, handle: str) -> Profile:
        """The account called ``handle``; followers are exact, since they come from the wire.

        Raises:
            Permanent: there is no such account.
        """
        handle = handle.lstrip("@")
        async with self._page(account, LeasePriority.METRICS, "profile") as page:
            with tapped(page, "UserByScreenName") as tap:
                await go(page, f"{self._site}/{quote(handle)}")
                answer = await first_answer(page, tap, "UserByScreenName", self._within)
            refuse_missing_account(answer)
            found = read_profile(answer, handle) or read_profile_page(await page.content())
        if found is None:
            raise Permanent(f"There is no account @{handle}.", remedy="Check the handle.")
        return found

    async def session(self, account: Account) -> SessionState:
        """Open the home page and see.

        Raises:
            Transient: the site cannot be asked; PageChanged: it shows something else entirely.
        """
        try:
            async with self._page(account, LeasePriority.METRICS, "session") as page:
                try:
                    await go(page, f"{self._site}/home")
                except Transient as exc:
                    if exc.retry_after is not None:  # HTTP 429
                        return SessionState.RATE_LIMITED
                    raise
                found = await facts(page)
                if not found.handle:
                    raise await explain(
                        page, Selector.PROFILE_LINK.name, "The page does not say who is logged in."
                    )
                check_owner(found, account.handle)
        except SessionTrouble as exc:
            return exc.state
        return SessionState.VALID

    async def check_selectors(self, account: Account) -> tuple[str, ...]:
        """The selectors and wire paths that have moved, see :mod:`.daily`; empty when none has."""
        async with self._page(account, LeasePriority.METRICS, "check_selectors") as page:
            missing = await look_everywhere(page, self._site, account.handle)
        for name in missing:
            self._moved(account, name)
        return missing

    # --- inside -----------------------------------------------------------------------------------

    async def _own(
        self, account: Account, path: str, operation: str, limit: int, priority: LeasePriority
    ) -> Timeline:
        async with self._page(account, priority, operation) as page:
            return await self._newest(page, account, path, operation, limit)

    async def _newest(self, page: Page, account: Account, path: str, operation: str, limit: int) -> Timeline:
        address = f"{self._site}/{account.handle}{path}"
        with tapped(page, "UserByScreenName") as head:
            read = await self._read(page, account, address, operation, limit, _of(account))
            if read.complete and not read.posts and not read.unread:
                # A page that left everything out looks the same: the head above it must say so, too.
                read = replace(read, complete=await says_empty(head, account.handle))
        return _as_first_sent(read)

    async def _read(
        self,
        page: Page,
        account: Account,
        address: str,
        operation: str,
        limit: int,
        wanted: Callable[[NetworkPost], bool],
    ) -> Timeline:
        return await read_timeline_page(
            page,
            address,
            operation,
            limit=limit,
            within=self._within,
            site=self._site,
            wanted=wanted,
            moved=partial(self._moved, account),
        )

    def _moved(self, account: Account, missing: str) -> None:
        self._events.emit(SelectorMoved(account_id=account.id, network=self.name, missing=missing))

    @asynccontextmanager
    async def _page(self, account: Account, priority: LeasePriority, task: str) -> AsyncIterator[Page]:
        async with self._pool.lease(account.id, priority=priority, task=task) as lease:
            yield lease.page


def _as_first_sent(read: Timeline) -> Timeline:
    """Each post of ours once, under the id that it was sent under, as its newest version shows it.

    An edited post is a new one with an id of its own; receipts and metrics go by the first.
    """
    newest_first = sorted(read.posts, key=lambda post: len(post.versions), reverse=True)
    edited = {old: post.id for post in newest_first for old in post.versions}
    posts = (
        replace(post, id=post.versions[0]) if post.versions else post
        for post in read.posts
        if edited.get(post.id, post.id) == post.id
    )
    return replace(read, posts=tuple(posts))


def _of(account: Account) -> Callable[[NetworkPost], bool]:
    mine = account.handle.casefold()
    return lambda post: post.author.casefold() in {mine, ""}


def _of_others(account: Account) -> Callable[[NetworkPost], bool]:
    mine = account.handle.casefold()
    return lambda post: post.author.casefold() != mine
