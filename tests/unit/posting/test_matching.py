"""Finding our own post again, and when its absence is proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stonechat.core.network import NetworkPost, Timeline
from stonechat.posting.matching import Known, Search, find_parts, may_be_ours, proves_absence
from stonechat.posting.session_watch import is_time_to_ask

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


AGO, LATER = NOW - 90 * MINUTE, NOW + 30 * MINUTE
OLD = Known("7", NOW - 180 * MINUTE, NOW - 179 * MINUTE)


def shown(post_id: str, text: str, at: datetime | None = NOW, answers: str | None = None) -> NetworkPost:
    return NetworkPost(post_id, "robin", at, text, in_reply_to=answers)


def test_a_post_from_long_before_the_try_or_of_other_content_is_not_ours() -> None:
    search = Search(["Hello."], NOW, taken={"2"})
    read = Timeline((shown("1", "Hello.", NOW - timedelta(days=2)), shown("2", "Hello.")), True, None, "wire")
    assert find_parts(search, read) == []


def test_a_host_whose_clock_is_ahead_of_the_networks_knows_its_post_again() -> None:
    """Its post bears a time from before the try; a read that ends between the two proves nothing."""
    early = NOW - 40 * MINUTE
    read = Timeline((shown("9", "Hello.", early), shown("8", "Old.", early)), True, early, "wire")
    assert [post.id for post in find_parts(Search(["Hello."], NOW, ()), read)] == ["9"]
    assert not proves_absence(Search(["Bye."], NOW, ()), read, asked=40)


def test_of_two_posts_with_the_same_words_the_one_since_the_try_is_ours() -> None:
    read = Timeline((shown("2", "Hello.", NOW), shown("1", "Hello.", NOW - 60 * MINUTE)), True, None, "wire")
    assert [post.id for post in find_parts(Search(["Hello."], NOW, ()), read)] == ["2"]


def test_the_same_words_below_another_post_are_another_post() -> None:
    read = Timeline((shown("1", "Thanks!", answers="50"), shown("2", "Thanks!")), True, None, "wire")
    assert find_parts(Search(["Thanks!"], NOW, taken={"2"}, answers="60"), read) == []
    assert [post.id for post in find_parts(Search(["Thanks!"], NOW, (), answers="50"), read)] == ["1"]
    thread = Timeline((shown("1", "One."), shown("3", "Two.", answers="9")), True, None, "wire")
    assert [post.id for post in find_parts(Search(["One.", "Two."], NOW, ()), thread)] == ["1"]


def test_the_leading_parts_of_a_thread_are_found_and_a_gap_ends_them() -> None:
    read = Timeline((shown("1", "One."), shown("3", "Three.")), True, None, "wire")
    assert [post.id for post in find_parts(Search(["One.", "Two.", "Three."], NOW, ()), read)] == ["1"]


def test_a_post_that_its_owner_edited_at_once_is_ours_and_no_other_of_ours() -> None:
    edited = replace(shown("8", "Soup on day 51 is better. (edited)"), versions=("8",))
    read = Timeline((edited,), True, None, "wire")
    one, other = "Soup on day 51 is better.", "Soup on day 46 is better."
    assert [post.id for post in find_parts(Search([one], NOW, (), rivals=[other]), read)] == ["8"]
    assert find_parts(Search([other], NOW, (), rivals=[one]), read) == []
    assert find_parts(Search([one], NOW, (), rivals=[one]), read) == [], "of two alike nobody can tell"
    assert find_parts(Search(["Tea first, then the inbox."], NOW, ()), read) == []
    assert find_parts(Search([one], NOW + 60 * MINUTE, ()), read) == [], "it is from before the try"
    plain = Timeline((replace(edited, versions=()),), True, None, "wire")
    assert find_parts(Search([one], NOW, ()), plain) == []


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


def test_a_post_that_was_not_brought_along_may_be_ours() -> None:
    """A place in the timeline without content proves that something is there, and not what."""
    search = Search(["Hello."], NOW, taken={"5"})
    read = Timeline((shown("8", "Old.", AGO),), True, AGO, "wire")
    for post_id, at, proof in (("9", NOW, False), ("9", None, False), ("9", AGO, True), ("5", NOW, True)):
        hollow = replace(read, unread=(shown(post_id, "", at),))
        assert proves_absence(search, hollow, asked=40) is proof


def test_a_troubled_session_is_asked_about_ever_more_seldom() -> None:
    every = 5 * MINUTE
    asked = [n for n in range(1, 24 * 12) if is_time_to_ask(NOW, NOW + n * every, every)]
    assert asked[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert len(asked) <= 11  # a day of trouble
    gaps = [after - before for before, after in pairwise(asked[6:])]
    assert gaps
    assert all(gap * every <= timedelta(hours=6) for gap in gaps)


def test_a_thread_at_the_end_of_a_timeline_counts_with_its_last_part() -> None:
    parts = (OLD, Known("8", NOW - 60 * MINUTE, NOW - 59 * MINUTE, leads=False))
    read = Timeline((shown("9", "…", AGO), shown("7", "One."), shown("8", "Two.")), True, NOW, "wire")
    assert proves_absence(Search(["Hello."], NOW, (), parts), read, asked=40)
    folded = Timeline((shown("9", "…", AGO), shown("7", "One.", AGO)), True, AGO, "wire")
    assert proves_absence(Search(["Hello."], NOW, (), parts), folded, asked=40)


def test_a_read_cut_off_within_a_thread_does_not_reach_as_far_as_its_last_post() -> None:
    read = Timeline(
        (shown("9", "…", LATER), shown("8", "…", LATER), shown("1", "Root.", AGO)), True, AGO, "wire"
    )
    assert proves_absence(Search(["Hello."], NOW, ()), read, asked=40)
    assert not proves_absence(Search(["Hello."], NOW, ()), read, asked=3)


def test_a_differing_text_alone_never_makes_a_post_absent() -> None:
    """A post of ours from the time of the try that nothing explains may be it, in a form unknown to us."""
    ours = Search(["Hello."], NOW, taken={"5"}, until=NOW + 2 * MINUTE)

    def read(post: NetworkPost) -> Timeline:
        return Timeline((post, shown("8", "Old.", AGO)), True, AGO, "wire")

    for altered, may in (
        (shown("9", "H\u0336e\u0336llo.", NOW + MINUTE), True),
        (shown("9", "Something else.", None), True),
        (shown("5", "Known to be another.", NOW + MINUTE), False),
        (shown("9", "From before.", NOW - 10 * MINUTE), False),
        (shown("9", "From long after.", NOW + 30 * MINUTE), False),
        (shown("9", "An answer to somebody.", NOW + MINUTE, answers="70"), False),
    ):
        assert may_be_ours(ours, read(altered)) is may
        assert proves_absence(ours, read(altered), asked=40) is not may
