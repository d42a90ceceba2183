"""The third way to a new post's id: the own profile is read soon after, and compared with the receipts.

One read covers all posts since the last one. What it finds undoes nothing: what is posted stays posted, and
is not sent again. The owner is told where the profile says otherwise than the answer to sending did.
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
from stonechat.posting.matching import CLOCK_SLACK, same_text

AT_ONCE = 40
"""Receipts that one read is compared with, and posts that it asks for."""

WITHIN = timedelta(days=1)
"""Account time after which a receipt that no read reached back to is left alone."""

SEEN = "seen"


class Checker:
    """Compares receipts with the own profile."""

    def __init__(
        self, database: Database, clock: Clock, events: EventStream, settings: PostingSettings
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._settings = settings

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
        verdicts = verdicts_on(receipts, timeline)
        async with self._database.begin("posting.checked") as connection:
            await receipt_checks.note(
                connection, account.id, [(one, what) for one, what, _ in verdicts], at=now
            )
        for one, what, why in verdicts:
            if what != SEEN:
                self._events.emit(PostContradicted(account_id=account.id, content_id=one.content_id, why=why))
        return len(verdicts)

    async def _read(self, account: Account, network: Network, receipts: Sequence[Receipt]) -> Timeline | None:
        """One read, of replies too where there are any; None where it failed."""
        answers = any(one.kind in (ContentKind.REPLY, ContentKind.THREAD) for one in receipts)
        try:
            async with noting_trouble(self._database, self._clock, self._events, account, network):
                ask = network.own_replies if answers else network.own_posts
                return await ask(account, limit=AT_ONCE)
        except (StonechatError, TimeoutError):
            return None


def verdicts_on(receipts: Sequence[Receipt], timeline: Timeline) -> list[tuple[Receipt, str, str]]:
    """What the profile says of each receipt that it reaches back to: the receipt, the verdict, and why."""
    shown = {post.id: post for post in timeline.posts}
    ours = {one.post_id for one in receipts}
    found = []
    for one in receipts:
        post = shown.get(one.post_id)
        if post is not None:
            fits = same_text(one.text, post.text)
            why = f"The profile shows another text under post {one.post_id} than was sent."
            found.append((one, SEEN if fits else "other_text", "" if fits else why))
        elif timeline.complete and _reaches(timeline, one.confirmed_at):
            other = _same_elsewhere(one, timeline.posts, ours)
            if other is not None:
                why = f"The answer named post {one.post_id}, the profile shows the text as {other}."
                found.append((one, "other_id", why))
            elif one.number == 0:  # a page may fold later parts of a thread away
                why = f"The profile does not show post {one.post_id}, though it was sent and answered for."
                found.append((one, "missing", why))
    return found


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
        and same_text(one.text, post.text)
    )
    return next(same, None)
