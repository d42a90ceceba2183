"""What an account's followed posts need now: which are live, what was read of each, which are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.model import Account, ContentKind, Snapshot
from stonechat.database import Database
from stonechat.database.repositories import doubtful_readings, metrics, receipts, unseen_posts
from stonechat.database.repositories.doubtful_readings import DoubtfulReading
from stonechat.database.repositories.receipts import LivePost
from stonechat.database.repositories.unseen_posts import UnseenPost
from stonechat.scraping.reading_plan import DuePost, ReadingMoment, due_posts

DOUBTED_FOR = timedelta(days=2)
"""Older doubts are of no interest."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """The followed posts of an account, newest first.

    Attributes:
        latest: the newest believed reading of each.
        doubted: the newest doubtful reading of each, where it is newer than that.
        unseen: posts that reads did not show.
    """

    live: Sequence[LivePost]
    latest: Mapping[str, Snapshot]
    doubted: Mapping[str, DoubtfulReading]
    unseen: Mapping[str, UnseenPost]
    due: Sequence[DuePost]

    def of_kind(self, *, replies: bool) -> list[LivePost]:
        """Those that a read of the profile shows: all, or all but the replies."""
        return [one for one in self.live if replies or one.kind != ContentKind.REPLY]


async def load_agenda(
    database: Database,
    account: Account,
    now: datetime,
    moments: Sequence[ReadingMoment],
    follow_for: timedelta,
) -> Agenda:
    """The account's agenda at ``now``; posts that are known to be gone are on it no more."""
    async with database.read("scraping.agenda") as connection:
        unseen = await unseen_posts.of_account(connection, account.id)
        gone = {post_id for post_id, one in unseen.items() if one.gone_at is not None}
        # a reading may come late: what became due at the very end is still read a day later
        since = now - follow_for - moments[-1].within
        live = [
            one for one in await receipts.live_since(connection, account.id, since) if one.post_id not in gone
        ]
        ids = [one.post_id for one in live]
        latest = await metrics.latest(connection, account.id, ids)
        doubts = await doubtful_readings.of_posts(connection, account.id, ids, since=now - DOUBTED_FOR)
    newer = {post_id: _newer(of, latest.get(post_id)) for post_id, of in doubts.items()}
    due = due_posts(
        live,
        {post_id: shot.captured_at for post_id, shot in latest.items()},
        moments,
        now,
        doubts={post_id: [one.captured_at for one in of] for post_id, of in newer.items()},
    )
    standing = {post_id: of[-1] for post_id, of in newer.items() if of}
    return Agenda(live, latest, standing, unseen, due)


def _newer(doubts: Sequence[DoubtfulReading], shot: Snapshot | None) -> list[DoubtfulReading]:
    return [one for one in doubts if shot is None or one.captured_at > shot.captured_at]
