"""Daily rows of analytics: each post once in each dimension, days and hours as the account's owner counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.model import ContentKind, Metrics
from stonechat.database.repositories.analytics import PostReading
from stonechat.scraping.analytics import ALL, FORMAT, HOUR, TOPIC, daily_rows, growth_rows

BERLIN = ZoneInfo("Europe/Berlin")


def post(at: datetime, *, read: Metrics | None = None, topic: str = "sleep") -> PostReading:
    return PostReading(at, ContentKind.SINGLE, {"topic": topic, "format": "question"}, read)


def test_a_day_begins_at_the_accounts_midnight_and_what_was_not_read_is_no_zero() -> None:
    late = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)  # half past midnight in Berlin
    rows = daily_rows([post(late, read=Metrics(likes=2, replies=1, views=40)), post(late)], BERLIN)
    assert {(row.day, row.dimension, row.value) for row in rows} == {
        (date(2026, 1, 6), ALL, ""),
        (date(2026, 1, 6), HOUR, "00"),
        (date(2026, 1, 6), TOPIC, "sleep"),
        (date(2026, 1, 6), FORMAT, "question"),
    }
    assert all((row.posts, row.read, row.engagement, row.views) == (2, 1, 3, 40) for row in rows)
    [everything] = [row for row in daily_rows([post(late, read=Metrics(likes=2))], BERLIN) if row.value == ""]
    assert everything.views is None, "a network that shows no views has none, not 0"


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 50), st.sampled_from(["a", "b", ""])), max_size=60)
)
def test_every_dimension_sums_to_the_same(given_posts: list[tuple[int, int, str]]) -> None:
    start = datetime(2026, 3, 27, tzinfo=UTC)  # over the night on which the clocks are moved
    posts = [post(start + timedelta(hours=h / 3), read=Metrics(likes=n), topic=t) for h, n, t in given_posts]
    rows = daily_rows(posts, BERLIN)
    for dimension in (ALL, HOUR, TOPIC, FORMAT):
        mine = [row for row in rows if row.dimension == dimension]
        assert sum(row.posts for row in mine) == len(posts)
        assert sum(row.engagement for row in mine) == sum(n for _, n, _ in given_posts)


def test_growth_is_the_last_reading_of_a_day_against_the_day_read_before() -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    series = [
        (noon, 10),
        (noon + timedelta(hours=2), 12),
        (noon + timedelta(days=1), None),
        (noon + timedelta(days=3), 9),
    ]
    rows = growth_rows(series, BERLIN)
    assert [(row.day.day, row.followers, row.more) for row in rows] == [(5, 12, None), (8, 9, -3)]
