"""Reading a page of posts: from the answers behind it, and from what it draws where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.async_api import Page

from stonechat.core.errors import PageChanged, Transient
from stonechat.core.network import NetworkPost, Timeline
from stonechat.networks.x_web.dom_parser import PageKind, page_kind, read_page
from stonechat.networks.x_web.navigation import explain, go
from stonechat.networks.x_web.response_capture import CapturedCall, Tap, tapped
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_errors import fault_of_status, read_error, read_faults, worst
from stonechat.networks.x_web.wire_parser import (
    folded_ids,
    holds_something,
    pinned_ids,
    read_post_count,
    read_timeline,
    repeated_ids,
    unread_posts,
)

QUIET = 0.8
"""Real seconds without an answer after which the page itself is looked at."""
SCROLLED = 3.0
"""Real seconds in which scrolling down brings the next answer, if there is one."""
PAGES = 24
"""At most so many answers of one timeline are read in one go."""
LAST = 10
"""An answer with fewer posts is the timeline's last: full ones hold about 20."""


@dataclass(slots=True)
class _Read:
    posts: dict[str, NetworkPost] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    unread: dict[str, NetworkPost] = field(default_factory=dict)
    lifted: set[str] = field(default_factory=set)
    folded: set[str] = field(default_factory=set)


async def read_timeline_page(
    page: Page,
    address: str,
    operation: str,
    *,
    limit: int,
    within: float,
    site: str,
    wanted: Callable[[NetworkPost], bool],
    moved: Callable[[str], None],
) -> Timeline:
    """Open ``address`` and read the timeline on it until ``limit`` wanted posts are seen or it ends.

    Args:
        operation: the call that brings the timeline.
        within: real seconds for each answer.
        moved: told what is missing where the page had to serve instead of the wire.

    Raises:
        SessionTrouble, Transient, PageChanged: never an empty result in their place.
    """
    with tapped(page, operation) as tap:
        await go(page, address)
        try:
            answer = await first_answer(page, tap, operation, within)
            read = _Read()
            seen = _take(read, answer, operation, site, wanted)
            for _ in range(PAGES - 1):
                if len(read.posts) >= limit or seen < LAST:
                    break
                seen = await _more(page, tap, read, operation, site, wanted)
        except PageChanged as exc:
            return await _from_page(page, exc, limit, site, wanted, moved)
    posts = tuple(read.posts.values())
    lifted = read.pinned | read.lifted
    times = [post.created_at for post in posts if post.created_at is not None and post.id not in lifted]
    # all that was read: a post cut off here would look absent to whoever trusts ``oldest``
    oldest = min(times, default=None)
    unread = tuple(one for one in read.unread.values() if one.id not in read.posts)
    return Timeline(posts, True, oldest, "wire", unread, frozenset(read.folded - read.posts.keys()))


async def read_thread_page(
    page: Page,
    address: str,
    post_id: str,
    *,
    within: float,
    site: str,
    wanted: Callable[[NetworkPost], bool],
    moved: Callable[[str], None],
) -> Timeline:
    """Open the page of the post ``post_id`` and read the wanted posts on it: the author's answers come first.

    Raises:
        Permanent: the post is gone.
        SessionTrouble, Transient, PageChanged: never an empty result in their place.
    """
    with tapped(page, "TweetDetail") as tap:
        await go(page, address)
        try:
            answer = await first_answer(page, tap, "TweetDetail", within)
            shown = read_timeline(answer, "TweetDetail", written=True, site=site)
        except PageChanged as exc:
            return await _from_page(page, exc, LAST, site, wanted, moved)
    posts = tuple(post for post in shown if wanted(post))
    complete = any(post_id in (one.id, *one.versions) for one in shown)
    unread = tuple(unread_posts(answer, site=site))
    return Timeline(posts, complete=complete, oldest=None, source="wire", unread=unread)


async def says_empty(head: Tap, handle: str) -> bool:
    """Whether the head of a profile, which came with its page, says that the account has no posts at all."""
    call = await head.next(QUIET)
    return call is not None and read_post_count(call.answer, handle) == 0


async def first_answer(page: Page, tap: Tap, operation: str, within: float) -> object:
    """The first answer that the page gets to ``operation``, checked.

    Raises:
        SessionTrouble, Transient: a wall, or the service's own refusal.
        PageChanged: the page is there and never asks.
    """
    waited = 0.0
    while True:
        call = await tap.next(QUIET)
        if call is not None:
            return checked(call)
        waited += QUIET
        problem = await explain(page, f"call {operation}", f"The page did not ask for {operation}.")
        if not isinstance(problem, PageChanged):
            raise problem
        if waited >= within:
            if await page.query_selector(Selector.ACCOUNT_SWITCHER.value) is None:
                raise problem
            raise Transient(f"{operation} was not answered within {within:g} s.", remedy="It is tried again.")


def checked(call: CapturedCall) -> object:
    """The answer of a call that succeeded.

    Raises:
        SessionTrouble, Transient, Permanent: what its errors or its status ask for.
    """
    fault = worst(read_faults(call.answer))
    if fault is not None and not holds_something(call.answer):
        raise read_error(fault.waiting(call.wait), call.operation)
    by_status = fault_of_status(call.status or 0)
    if by_status is not None:
        raise read_error(by_status.waiting(call.wait), call.operation)
    if call.answer is None:
        raise Transient(
            f"{call.operation}: {call.problem}", meaning="Nothing was read.", remedy="It is tried again."
        )
    return call.answer


def _take(
    read: _Read, answer: object, operation: str, site: str, wanted: Callable[[NetworkPost], bool]
) -> int:
    """Add the wanted posts; how many posts of any kind the answer held."""
    posts = read_timeline(answer, operation, written=True, site=site)
    read.pinned |= pinned_ids(answer)
    read.lifted |= repeated_ids(answer)
    read.folded |= folded_ids(answer)
    read.unread |= {post.id: post for post in unread_posts(answer, site=site)}
    for post in posts:
        if wanted(post):
            read.posts.setdefault(post.id, post)
    return len(posts)


async def _more(
    page: Page, tap: Tap, read: _Read, operation: str, site: str, wanted: Callable[[NetworkPost], bool]
) -> int:
    """Scroll on for one more answer; how many posts it held, 0 where the timeline ends."""
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    call = await tap.next(SCROLLED)
    if call is None:
        return 0
    return _take(read, checked(call), operation, site, wanted)


async def _from_page(
    page: Page,
    cause: PageChanged,
    limit: int,
    site: str,
    wanted: Callable[[NetworkPost], bool],
    moved: Callable[[str], None],
) -> Timeline:
    html = await page.content()
    posts = tuple(post for post in read_page(html, site=site) if wanted(post))[:limit]
    if not posts and page_kind(html, page.url) is not PageKind.EMPTY:
        raise cause
    moved(cause.missing)
    times = [post.created_at for post in posts if post.created_at is not None]
    # What a page draws may have gaps, so it proves the absence of nothing.
    return Timeline(posts, complete=False, oldest=min(times, default=None), source="dom")
