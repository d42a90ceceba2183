"""Reading metrics: what cannot be trusted is never stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.model import Metrics, Snapshot
from stonechat.core.network import NetworkPost, Timeline
from stonechat.database.repositories.receipts import LivePost
from stonechat.scraping.reading import Fall, Reading, read_timeline

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIVE = [LivePost(str(n), f"c{n}", "single", 0, NOW - n * HOUR, NOW - n * HOUR) for n in range(1, 11)]


def post(number: int, **counts: int) -> NetworkPost:
    return NetworkPost(str(number), "robin", NOW - number * HOUR, "…", Metrics(**counts))


def read(*posts: NetworkPost, oldest: datetime | None = None, before: Snapshot | None = None) -> Reading:
    latest = {before.post_id: before} if before else {}
    timeline = Timeline(posts, True, oldest, "wire")
    return read_timeline(timeline, LIVE, latest, account_id="x:robin", started=NOW, at=NOW)


def test_one_read_gives_a_snapshot_of_every_followed_post() -> None:
    reading = read(*(post(n, likes=n, views=10 * n) for n in range(1, 11)), post(99, likes=1))
    assert [shot.post_id for shot in reading.snapshots] == [str(n) for n in range(1, 11)]
    assert reading.snapshots[2].metrics == Metrics(likes=3, views=30)
    assert (reading.expected, reading.seen) == (10, 10)


@pytest.mark.parametrize("count", [0, 4])
def test_an_empty_or_shrunken_read_is_an_error_and_not_a_metric(count: int) -> None:
    reading = read(*(post(n, likes=1) for n in range(1, count + 1)))
    assert reading.wrong
    assert reading.snapshots == ()


def test_posts_beyond_what_the_read_covers_are_not_missed() -> None:
    reading = read(post(1, likes=1), post(2, likes=1), oldest=NOW - 2 * HOUR - timedelta(minutes=5))
    assert (reading.expected, reading.seen, reading.wrong) == (2, 2, "")


def test_a_page_without_any_count_is_an_error() -> None:
    assert "no count" in read(*(post(n) for n in range(1, 11))).wrong


def test_a_count_that_is_not_shown_stays_unknown() -> None:
    reading = read(*(post(n, likes=0) for n in range(1, 11)))
    assert {shot.metrics.views for shot in reading.snapshots} == {None}
    assert {shot.metrics.likes for shot in reading.snapshots} == {0}


def test_a_count_that_falls_beyond_belief_is_left_out_and_named() -> None:
    before = Snapshot("x:robin", "1", "c1", NOW - HOUR, Metrics(likes=40, views=900), "wire")
    posts = [post(n, likes=50, views=1000) for n in range(2, 11)]
    reading = read(post(1, likes=38, views=0), *posts, before=before)
    assert reading.falls == (Fall("1", "views", 900, 0),)
    assert reading.snapshots[0].metrics == Metrics(likes=38, views=None)
    small = replace(before, metrics=Metrics(likes=3))
    assert read(post(1, likes=0), *posts, before=small).falls == ()
