"""Reading metrics: what cannot be trusted is never stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.model import Metrics, Snapshot
from stonechat.core.network import NetworkPost, Timeline
from stonechat.database.repositories.doubtful_readings import DoubtfulReading
from stonechat.database.repositories.receipts import LivePost
from stonechat.scraping.reading import Reading, read_timeline

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


def test_a_reading_that_is_not_plausible_is_kept_apart_and_the_others_are_stored() -> None:
    before = Snapshot("x:robin", "1", "c1", NOW - HOUR, Metrics(likes=40, views=900), "wire")
    posts = [post(n, likes=50, views=1000) for n in range(2, 11)]
    reading = read(post(1, likes=38, views=0), *posts, before=before)
    assert [(one.post_id, one.why) for one in reading.doubtful] == [("1", "views fell from 900 to 0")]
    assert "1" not in {shot.post_id for shot in reading.snapshots} and len(reading.snapshots) == 9
    small = replace(before, metrics=Metrics(likes=3, views=900))
    assert not read(post(1, likes=1, views=900), *posts, before=small).doubtful


def test_what_a_second_reading_confirms_is_true() -> None:
    before = Snapshot("x:robin", "1", "c1", NOW - HOUR, Metrics(likes=400), "wire")
    doubted = {"1": DoubtfulReading("x:robin", "1", NOW - HOUR / 2, Metrics(likes=120), "likes fell")}
    timeline = Timeline((post(1, likes=121),), True, NOW - HOUR, "wire")
    once = read_timeline(timeline, LIVE, {"1": before}, account_id="x:robin", started=NOW, at=NOW)
    twice = read_timeline(
        timeline, LIVE, {"1": before}, account_id="x:robin", started=NOW, at=NOW, doubted=doubted
    )
    assert (len(once.doubtful), len(once.snapshots)) == (1, 0)
    assert (len(twice.doubtful), len(twice.snapshots)) == (0, 1)


@pytest.mark.parametrize("broken", [{"likes": 0, "views": 0}, {"likes": 1, "views": 20}])
def test_a_page_on_which_everything_fell_at_once_is_an_error(broken: dict[str, int]) -> None:
    before = {
        str(n): Snapshot("x:robin", str(n), f"c{n}", NOW, Metrics(likes=50, views=900), "wire")
        for n in range(1, 11)
    }
    timeline = Timeline(tuple(post(n, **broken) for n in range(1, 11)), True, None, "wire")
    reading = read_timeline(timeline, LIVE, before, account_id="x:robin", started=NOW, at=NOW)
    assert "fell at once" in reading.wrong and reading.snapshots == ()


def test_a_count_that_no_post_shows_any_more_is_named_and_the_others_are_stored() -> None:
    before = {
        str(n): Snapshot("x:robin", str(n), f"c{n}", NOW, Metrics(likes=50, views=900), "wire")
        for n in range(1, 11)
    }
    timeline = Timeline(tuple(post(n, views=950) for n in range(1, 11)), True, None, "wire")
    reading = read_timeline(timeline, LIVE, before, account_id="x:robin", started=NOW, at=NOW)
    assert reading.lost == ("likes",)
    assert {shot.metrics for shot in reading.snapshots} == {Metrics(views=950)}


def test_a_post_that_a_whole_read_does_not_show_is_missed_and_one_of_a_partial_read_is_not() -> None:
    shown = tuple(post(n, likes=1) for n in range(1, 11) if n != 4)
    whole, partial = (
        read_timeline(Timeline(shown, whole, None, "wire"), LIVE, {}, account_id="a", started=NOW, at=NOW)
        for whole in (True, False)
    )
    assert [one.post_id for one in whole.missed] == ["4"]
    assert partial.missed == ()
