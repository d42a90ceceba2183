"""What an account's posts brought, day by day and by hour, topic and format; and how it grew.

Derived from the readings whenever it is asked for. A table of daily rows would have to be mended after each
late reading, restore and import, and could contradict the readings; some hundred posts are summed in
milliseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from stonechat.core.clock import Clock
from stonechat.core.model import Account, ContentKind, Metrics
from stonechat.database import Database
from stonechat.database.repositories import analytics, metrics
from stonechat.database.repositories.analytics import PostReading

ALL, HOUR, TOPIC, FORMAT = "all", "hour", "topic", "format"


@dataclass(frozen=True, slots=True)
class AnalyticsRow:
    """Posts of one day that have one value of a dimension, summed as they were last read.

    Attributes:
        day: of the posts, in the account's time zone.
        dimension: ``all``, ``hour``, ``topic`` or ``format``.
        read: how many of ``posts`` were read at all; only these are in the sums.
        engagement: likes, reposts, replies, quotes and bookmarks.
        views: None where the network shows none.
    """

    day: date
    dimension: str
    value: str
    posts: int
    read: int
    engagement: int
    views: int | None


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """Followers as last read on a day, and how many more than on the day read before."""

    day: date
    followers: int
    more: int | None


@dataclass(frozen=True, slots=True)
class Analytics:
    """One account; posts and replies apart.

    Attributes:
        answered: replies of ours that were answered by whom they were for.
    """

    account_id: str
    rows: tuple[AnalyticsRow, ...]
    growth: tuple[GrowthRow, ...]
    replies: int
    answered: int


async def read_analytics(database: Database, clock: Clock, account: Account, period: timedelta) -> Analytics:
    """Of what the account published within ``period`` (account time)."""
    since, zone = clock.now() - period, ZoneInfo(account.timezone)
    async with database.read("scraping.analytics") as connection:
        posts = await analytics.post_readings(connection, account.id, since=since)
        answered = await analytics.replies_answered(connection, account.id, since=since)
        series = await metrics.account_series(connection, account.id, since=since)
    replies = sum(one.kind is ContentKind.REPLY for one in posts)
    return Analytics(
        account.id, tuple(daily_rows(posts, zone)), tuple(growth_rows(series, zone)), replies, answered
    )


def daily_rows(posts: Iterable[PostReading], zone: ZoneInfo) -> list[AnalyticsRow]:
    """A row for each day, dimension and value, replies apart; by day."""
    groups: defaultdict[tuple[date, str, str], list[PostReading]] = defaultdict(list)
    for post in posts:
        if post.kind is ContentKind.REPLY:
            continue
        at = post.posted_at.astimezone(zone)
        values = ((ALL, ""), (HOUR, f"{at:%H}"), (TOPIC, post.arm.get("topic", "")), (FORMAT, _format(post)))
        for dimension, value in values:
            groups[at.date(), dimension, value].append(post)
    return [_row(*key, some) for key, some in sorted(groups.items(), key=lambda item: item[0])]


def growth_rows(series: Sequence[tuple[datetime, int | None]], zone: ZoneInfo) -> list[GrowthRow]:
    """One for each day on which followers were read."""
    last = {at.astimezone(zone).date(): count for at, count in series if count is not None}
    days = sorted(last.items())
    before: list[int | None] = [None, *(count for _, count in days)]
    return [
        GrowthRow(day, count, None if was is None else count - was)
        for (day, count), was in zip(days, before, strict=False)
    ]


def _format(post: PostReading) -> str:
    return post.arm.get("format", post.kind.value)


def _row(day: date, dimension: str, value: str, posts: Sequence[PostReading]) -> AnalyticsRow:
    read = [post.metrics for post in posts if post.metrics is not None]
    views = [one.views for one in read if one.views is not None]
    engagement = sum(map(_engagement, read))
    return AnalyticsRow(
        day, dimension, value, len(posts), len(read), engagement, sum(views) if views else None
    )


def _engagement(one: Metrics) -> int:
    counts = (one.likes, one.reposts, one.replies, one.quotes, one.bookmarks)
    return sum(count for count in counts if count is not None)
