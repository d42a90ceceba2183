"""Finding our own post again, and when its absence is proven."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stonechat.core.network import NetworkPost, Timeline
from stonechat.posting.matching import Known, Search, find_parts, proves_absence, same_text
from stonechat.posting.sessions import is_time_to_ask

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


AGO = NOW - 5 * MINUTE
OLD = Known("7", NOW - 60 * MINUTE, NOW - 59 * MINUTE)


def shown(post_id: str, text: str, at: datetime | None = NOW) -> NetworkPost:
    return NetworkPost(post_id, "robin", at, text)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Two  spaces\n\nand lines", "Two spaces\nand lines"),
        ("Tea & toast", "Tea &amp; toast"),
        ("Read https://example.org/long/path now", "Read https://t.co/abc now"),
        ("With a picture", "With a picture https://t.co/pic"),
        ("Thank you!", "@wren Thank you!"),
        ("w" * 80 + " and the rest of a long text", "w" * 80 + " and the…"),
    ],
)
def test_what_networks_alter_does_not_hide_a_post(ours: str, theirs: str) -> None:
    assert same_text(ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("Good morning", "Good evening"), ("Good morning", "Good…"), ("a https://x.org b", "a b")],
)
def test_another_text_is_another_post(ours: str, theirs: str) -> None:
    assert not same_text(ours, theirs)


def test_a_post_from_before_the_try_or_of_other_content_is_not_ours() -> None:
    search = Search(["Hello."], NOW, taken={"2"})
    read = Timeline((shown("1", "Hello.", NOW - 10 * MINUTE), shown("2", "Hello.")), True, None, "wire")
    assert find_parts(search, read) == []


def test_the_leading_parts_of_a_thread_are_found_and_a_gap_ends_them() -> None:
    read = Timeline((shown("1", "One."), shown("3", "Three.")), True, None, "wire")
    assert [post.id for post in find_parts(Search(["One.", "Two.", "Three."], NOW, ()), read)] == ["1"]


@pytest.mark.parametrize(
    ("complete", "oldest", "posts", "known", "proof"),
    [
        (True, None, (), (), True),
        (False, None, (), (), False),
        (True, AGO, (shown("8", "…", AGO),), (), True),
        (True, NOW - MINUTE, (shown("8", "…", NOW - MINUTE),), (), False),  # did not reach beyond the try
        (True, None, (), (OLD,), False),  # shows nothing of what must be there
        (True, None, (shown("7", "Old."),), (OLD,), True),
        (True, AGO, (shown("8", "…", AGO),), (OLD,), False),
        (True, NOW - MINUTE, (shown("7", "Old.", NOW - MINUTE),), (OLD,), True),  # live before the try
        (True, AGO, (shown("7", "Old.", AGO), shown("8", "New.")), (OLD,), False),  # pinned, or lifted
        (False, NOW - MINUTE, (shown("7", "Old.", NOW - MINUTE),), (OLD,), False),
    ],
)
def test_only_a_healthy_read_that_covers_the_try_proves_absence(
    complete: bool,
    oldest: datetime | None,
    posts: tuple[NetworkPost, ...],
    known: tuple[Known, ...],
    proof: bool,
) -> None:
    search = Search(["Hello."], NOW, (), known)
    assert proves_absence(search, Timeline(posts, complete, oldest, "wire"), asked=40) is proof


def test_a_troubled_session_is_asked_about_ever_more_seldom() -> None:
    every = 5 * MINUTE
    asked = [n for n in range(1, 24 * 12) if is_time_to_ask(NOW, NOW + n * every, every)]
    assert asked[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert len(asked) <= 11  # a day of trouble
    gaps = [after - before for before, after in pairwise(asked[6:])]
    assert all(gap * every <= timedelta(hours=6) for gap in gaps)


def test_a_thread_at_the_end_of_a_timeline_counts_with_its_last_part() -> None:
    parts = (OLD, Known("8", NOW - 60 * MINUTE, NOW - 59 * MINUTE, leads=False))
    read = Timeline((shown("9", "…"), shown("7", "One."), shown("8", "Two.")), True, NOW, "wire")
    assert proves_absence(Search(["Hello."], NOW, (), parts), read, asked=40)
    folded = Timeline((shown("9", "…"), shown("7", "One.", AGO)), True, AGO, "wire")
    assert proves_absence(Search(["Hello."], NOW, (), parts), folded, asked=40)


def test_a_read_cut_off_within_a_thread_does_not_reach_as_far_as_its_last_post() -> None:
    read = Timeline((shown("9", "…"), shown("8", "…"), shown("1", "Root.", AGO)), True, AGO, "wire")
    assert proves_absence(Search(["Hello."], NOW, ()), read, asked=40)
    assert not proves_absence(Search(["Hello."], NOW, ()), read, asked=3)
