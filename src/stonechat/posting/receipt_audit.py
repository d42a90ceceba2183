"""The third way to a new post's id: the own profile is read soon after, and compared with the receipts.

One read covers all posts since the last one. A profile folds the middle of conversations away and leaves
out what it cannot show, so a post that it does not show is looked for on its own page, which alone can say
that it is gone. What is found undoes nothing: what is posted stays posted, and is not sent again. The owner
is told where the network says otherwise than its answer to sending did.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from stonechat.config.settings import PostingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError
from stonechat.core.events import EventStream, PostContradicted
from stonechat.core.model import Account, ContentKind
from stonechat.core.network import Network, NetworkPost, Timeline
from stonechat.database import Database
from stonechat.database.repositories import receipt_checks
from stonechat.database.repositories.receipt_checks import Receipt
from stonechat.networks.session_trouble import noting_trouble
from stonechat.posting.lookup import Looker, Patience
from stonechat.posting.matching import CLOCK_SLACK

AT_ONCE = 40
"""Receipts that one read is compared with, and posts that it asks for."""

PAGES = 3
"""Posts whose own pages one check opens at most; the others wait for the next."""

WITHIN = timedelta(days=1)
"""Account time after which a receipt that no read reached back to is left alone."""

SEEN = "seen"

Finding = tuple[Receipt, str, str]
"""A receipt, what the network says of it, and why that is told; nothing is told of what is ``seen``."""


class Checker:
    """Compares receipts with the own profile."""

    def __init__(
        self, database: Database, clock: Clock, events: EventStream, settings: PostingSettings
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._settings = settings
        self._looker = Looker(database, clock, events, Patience(clock, settings))

    async def check(self, account: Account, network: Network) -> int:
        """Compare what can be compared now; returns how many parts it came to a verdict about."""
        now = self._clock.now()
        settled = now - self._settings.reconcile_grace * self._clock.speed
        since = min(now - WITHIN, settled - WITHIN)
        async with self._database.read("posting.unchecked") as connection:
            receipts = await receipt_checks.unchecked(
                connection, account.id, since=since, until=settled, limit=AT_ONCE
            )
        if not receipts:
            return 0
        timeline = await self._read(account, network, receipts)
        if timeline is None:
            return 0
        found = shown_on(receipts, timeline)
        for one in not_shown_on(receipts, timeline)[:PAGES]:
            page = await self._looker.page_of(account, network, one.post_id)
            if page is not None:
                found += on_its_page(one, page, timeline, receipts)
        async with self._database.begin("posting.checked") as connection:
            await receipt_checks.note(connection, account.id, [(one, what) for one, what, _ in found], at=now)
        for one, what, why in found:
            if what != SEEN:
                self._events.emit(PostContradicted(account_id=account.id, content_id=one.content_id, why=why))
        return len(found)

    async def _read(self, account: Account, network: Network, receipts: Sequence[Receipt]) -> Timeline | None:
        """One read, of replies too where there are any; None where it failed."""
        answers = any(_answers(one) for one in receipts)
        try:
            async with noting_trouble(self._database, self._clock, self._events, account, network):
                ask = network.own_replies if answers else network.own_posts
                return await ask(account, limit=AT_ONCE)
        except (StonechatError, TimeoutError):
            return None


def shown_on(receipts: Sequence[Receipt], timeline: Timeline) -> list[Finding]:
    """What the profile says of each receipt whose post it shows, or names as folded away or withheld."""
    shown = {post.id: post for post in timeline.posts}
    named = timeline.folded | {post.id for post in timeline.unread}
    found: list[Finding] = []
    for one in receipts:
        if one.post_id in shown:
            found.append(_compared(one, shown[one.post_id]))
        elif one.post_id in named:
            found.append((one, SEEN, ""))
    return found


def not_shown_on(receipts: Sequence[Receipt], timeline: Timeline) -> list[Receipt]:
    """The receipts that a healthy read reaches back to and says nothing of, newest first."""
    said = {one.post_id for one, _, _ in shown_on(receipts, timeline)}
    return [
        one
        for one in receipts
        if timeline.complete and _reaches(timeline, one.confirmed_at) and one.post_id not in said
    ]


def on_its_page(
    one: Receipt, page: Timeline, timeline: Timeline, receipts: Sequence[Receipt]
) -> list[Finding]:
    """What the post's own page says of a receipt: nothing where it was not read whole."""
    own = next((post for post in page.posts if post.id == one.post_id), None)
    if own is not None:
        return [_compared(one, own)]
    if not page.complete:
        return []
    other = _same_elsewhere(one, timeline.posts, {receipt.post_id for receipt in receipts})
    if other is not None:
        why = f"The answer named post {one.post_id}, which is gone; the profile shows the text as {other}."
        return [(one, "other_id", why)]
    why = f"Post {one.post_id} is gone from the profile and from its own page, though it was answered for."
    return [(one, "missing", why)]


def _compared(one: Receipt, post: NetworkPost) -> Finding:
    """An edited post is the owner's own doing, whatever it says now."""
    if post.versions or post.shows(one.text, reply=_answers(one)):
        return one, SEEN, ""
    return one, "other_text", f"The profile shows another text under post {one.post_id} than was sent."


def _answers(one: Receipt) -> bool:
    return one.kind in (ContentKind.REPLY, ContentKind.THREAD)


def _reaches(timeline: Timeline, at: datetime) -> bool:
    """Whether the read saw anything, and everything back to that time (None: everything there is)."""
    return bool(timeline.posts) and (timeline.oldest is None or timeline.oldest < at - CLOCK_SLACK)


def _same_elsewhere(one: Receipt, posts: Sequence[NetworkPost], ours: set[str]) -> str | None:
    same = (
        post.id
        for post in posts
        if post.id not in ours
        and post.created_at is not None
        and post.created_at >= one.confirmed_at - timedelta(hours=1)
        and post.shows(one.text, reply=_answers(one))
    )
    return next(same, None)
