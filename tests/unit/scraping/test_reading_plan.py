"""When a post is read: at every age that matters, and no oftener."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.database.repositories.receipts import LivePost
from stonechat.scraping.reading_plan import DuePost, depth, due_posts, pressing, reading_moments

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = reading_moments(48 * HOUR, 168 * HOUR)


def live(hours: float, *, number: int = 0) -> LivePost:
    at = NOW - hours * HOUR
    return LivePost("1", "c1", "single", number, at, at)


def due(hours: float, read: float | None = None, *doubted: float) -> list[DuePost]:
    """What is due of a post of that age, last read and doubted so many hours ago."""
    read_at = {} if read is None else {"1": NOW - read * HOUR}
    return due_posts(
        [live(hours)], read_at, MOMENTS, NOW, doubts={"1": [NOW - ago * HOUR for ago in doubted]}
    )


def test_the_ages_are_dense_at_first_and_hold_maturity_whatever_it_is() -> None:
    assert [one.age / HOUR for one in MOMENTS] == [1, 2, 4, 8, 24, 48, 168]
    assert [one.age / HOUR for one in reading_moments(6 * HOUR, 48 * HOUR)] == [1, 2, 4, 6, 8, 24]
    assert [one.age / HOUR for one in reading_moments(24 * HOUR, 24 * HOUR)] == [1, 2, 4, 8, 24]


@pytest.mark.parametrize(
    ("hours", "read", "is_due"),
    [(0.9, None, False), (1.1, None, True), (1.5, 0.1, False), (2.1, 0.9, True), (47.9, 20, False)],
)
def test_a_post_is_due_once_an_age_has_passed_without_a_reading(
    hours: float, read: float | None, is_due: bool
) -> None:
    assert bool(due(hours, read)) is is_due


def test_a_reading_at_maturity_is_waited_for_until_there_is_one() -> None:
    assert due(100, 60)[0].matures
    assert due(100, 51) == []  # read at the age of 49 hours
    assert due(170, 130)[0].matures


def test_parts_of_a_thread_but_the_first_are_never_due() -> None:
    assert due_posts([live(30, number=1)], {}, MOMENTS, NOW) == []


def test_a_doubtful_reading_is_repeated_after_a_while_and_not_for_ever() -> None:
    once, often = due(25, 17, 0.5), due(25, 17, 0.9, 0.8, 0.7, 0.5)
    assert once[0].deadline == NOW + HOUR / 2
    assert often == []
    assert due(49, 41, 5, 4, 3, 2)  # its next moment came since


def test_what_learning_waits_for_comes_first_then_what_has_waited_longest() -> None:
    posts = [LivePost(str(hours), "c", "single", 0, NOW - hours * HOUR, NOW) for hours in (1.5, 9, 30, 60)]
    order = [one.post.post_id for one in due_posts(posts, {}, MOMENTS, NOW)]
    assert order == ["60", "30", "1.5", "9"]  # 30 and 1.5 end at once, 9 has three hours left


@given(st.lists(st.floats(0, 200), max_size=40), st.floats(0.1, 3))
def test_a_post_that_presses_is_due_and_its_time_runs_out(ages: list[float], gap: float) -> None:
    posts = [LivePost(str(n), "c", "single", 0, NOW - age * HOUR, NOW) for n, age in enumerate(ages)]
    found = due_posts(posts, {}, MOMENTS, NOW)
    urgent = pressing(found, NOW + gap * HOUR)
    assert all(one in found and one.deadline <= NOW + gap * HOUR for one in urgent)
    assert {one.post.post_id for one in found} == {
        one.post_id for one in posts if NOW - one.posted_at >= MOMENTS[0].age
    }
    wanted = {one.post.post_id for one in urgent}
    assert wanted <= {one.post_id for one in posts[: depth(posts, wanted)]}
