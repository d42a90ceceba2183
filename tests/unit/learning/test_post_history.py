"""History files: every known kind is read, whatever its encoding; what is wrong is named by its line."""

import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.errors import InvalidInput
from stonechat.learning.post_history import BadRow, LeftOut, PastDay, PastPost, Row, dates_in, read_history
from stonechat.learning.warm_start import NEWEST, newest
from stonechat.learning.written_values import DateOrder, date_order, parse_count, parse_time

NEW_X = (
    "Post id,Date,Post text,Post Link,Impressions,Likes,Engagements,Bookmarks,Shares,New follows,Replies,Reposts\n"
    '1,"Wed, Oct 2, 2024","How to sleep, well",https://x.com/a/status/1,"1,234",12,20,1,0,0,3,2\n'
)
OLD_X = (
    "Tweet id,Tweet permalink,Tweet text,time,impressions,engagements,engagement rate,retweets,replies,likes\n"
    '1,https://x.com/a/status/1,"How to sleep, well",2024-10-02 13:44 +0000,1234.0,20.0,0.016,2.0,3.0,12.0\n'
)
GERMAN = 'Beitrag;Wann;Gefällt;Geteilt\n"Wie schläft man, gut";2. Oktober 2024 13:44;1.234;2,0\n'
GERMAN_COLUMNS = {"text": "Beitrag", "at": "Wann", "likes": "Gefällt", "reposts": "Geteilt"}
ARCHIVE = "window.YTD.tweets.part0 = " + json.dumps(
    [
        {"tweet": {"id_str": "1", "full_text": "How to sleep &amp; rest", "favorite_count": "12",
                   "retweet_count": "2", "created_at": "Wed Oct 02 13:44:00 +0000 2024"}},
        {"tweet": {"id_str": "2", "full_text": "@you yes", "favorite_count": "1", "retweet_count": "0",
                   "created_at": "Wed Oct 02 13:45:00 +0000 2024", "in_reply_to_status_id_str": "9"}},
    ]
)  # fmt: skip
BLUESKY = json.dumps(
    {"cursor": "c", "feed": [
        {"post": {"uri": "at://1", "likeCount": 12, "repostCount": 2, "replyCount": 3,
                  "record": {"text": "How to sleep", "createdAt": "2024-10-02T13:44:00.000Z"}}},
        {"post": {"uri": "at://2", "likeCount": 1, "record": {"text": "x", "createdAt": "2024-10-02T13:44:00Z"}},
         "reason": {"$type": "app.bsky.feed.defs#reasonRepost"}}]}
)  # fmt: skip
MASTODON = json.dumps(
    [{"id": "1", "content": "<p>How to sleep</p><p>well</p>", "created_at": "2024-10-02T13:44:00.000Z",
      "favourites_count": 12, "reblogs_count": 2, "replies_count": 3, "in_reply_to_id": None, "reblog": None}]
)  # fmt: skip
OUTBOX = json.dumps(
    {"@context": ["https://www.w3.org/ns/activitystreams"], "orderedItems": [
        {"type": "Create", "actor": "a", "object": {"id": "1", "content": "<p>How to sleep</p>",
         "published": "2024-10-02T13:44:00Z", "likes": {"totalItems": 12}, "shares": {"totalItems": 2}}},
        {"type": "Create", "actor": "a", "object": {"id": "2", "content": "<p>No figures</p>",
         "published": "2024-10-02T13:44:00Z"}},
        {"type": "Announce", "actor": "a", "object": "https://elsewhere/3"}]}
)  # fmt: skip


def rows(
    folder: Path, body: bytes, name: str = "posts.csv", columns: dict[str, str] | None = None
) -> list[Row]:
    path = folder / name
    path.write_bytes(body)
    order = date_order(dates_in(path, columns or {}))
    assert order is not None
    return list(read_history(path, columns or {}, order))


@pytest.mark.parametrize(
    ("body", "columns", "likes", "left"),
    [
        (NEW_X.encode(), {}, 12, 0),
        (OLD_X.encode("utf-8-sig"), {}, 12, 0),
        (OLD_X.encode("utf-16"), {}, 12, 0),
        (GERMAN.encode("cp1252"), GERMAN_COLUMNS, 1234, 0),
        (GERMAN.encode("utf-8"), GERMAN_COLUMNS, 1234, 0),
        (ARCHIVE.encode(), {}, 12, 1),
        (BLUESKY.encode(), {}, 12, 1),
        (MASTODON.encode(), {}, 12, 0),
        (OUTBOX.encode(), {}, 12, 2),
    ],
    ids=["X new", "X old", "X old UTF-16", "German 1252", "German", "archive", "Bluesky", "Mastodon", "outbox"],
)  # fmt: skip
def test_every_known_kind_is_read(
    tmp_path: Path, body: bytes, columns: dict[str, str], likes: int, left: int
) -> None:
    found = rows(tmp_path, body, columns=columns)
    posts = [one for one in found if isinstance(one, PastPost)]
    assert [(one.metrics.likes, one.metrics.reposts) for one in posts] == [(likes, 2)]
    assert posts[0].at.date().isoformat() == "2024-10-02"
    assert posts[0].text.startswith(("How to sleep", "Wie schläft man, gut"))
    assert sum(isinstance(one, LeftOut) for one in found) == left
    assert len(found) == 1 + left  # and no bad row


def test_bad_rows_are_named_by_their_line(tmp_path: Path) -> None:
    body = "text,date,likes\nfine,2024-10-02,3\nno date,soon,3\nno number,2024-10-02,many\n,2024-10-02,3\n"
    found = [one for one in rows(tmp_path, body.encode()) if isinstance(one, BadRow)]
    assert [(one.line, one.why) for one in found] == [
        (3, "'soon' is no date"),
        (4, "'many' is no number of likes"),
        (5, "it has no text"),
    ]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.zip", b"PK\x03\x04rest", "ZIP"),
        ("repo.car", b"\x3a\xa2eroots", "CAR"),
        ("bank.csv", b"IBAN;Amount\nAT1;3,0\n", "no column is known as text, at, likes"),
        ("empty.csv", b"", "no column is known"),
        ("cut.js", ARCHIVE[:-40].encode(), "ends in the middle"),
        ("settings.json", b'{"theme": "dark"}', "no list of posts"),
        ("picture.csv", bytes(range(128, 256)) * 40, "no column is known"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_it_is(
    tmp_path: Path, name: str, body: bytes, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as told:
        rows(tmp_path, body, name)
    assert told.value.meaning == "Nothing was imported."
    assert told.value.remedy


def test_an_overview_has_days_and_no_posts(tmp_path: Path) -> None:
    body = (
        "Date,Impressions,Likes,Engagements,Bookmarks,Shares,New follows,Unfollows,Replies,Reposts\n"
        '"Wed, Oct 2, 2024","1,234",12,20,1,0,5,2,3,2\n"Thu, Oct 3, 2024",9,0,0,0,0,0,1,0,0\nsoon,1,1,1,1,1,1,1,1,1\n'
    )
    first, second, third = rows(tmp_path, body.encode(), "account_overview_analytics.csv")
    assert isinstance(first, PastDay) and first.day.isoformat() == "2024-10-02"
    assert (first.metrics.likes, first.metrics.reposts, first.metrics.views, first.gained) == (12, 2, 1234, 3)
    assert isinstance(second, PastDay) and second.gained == -1
    assert third == BadRow(4, "'soon' is no date")


def test_a_file_that_is_not_there_and_a_column_that_is_not_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be opened"):
        list(read_history(tmp_path / "none.csv", {}, DateOrder.YEAR_FIRST))
    with pytest.raises(InvalidInput, match="no column Body"):
        rows(tmp_path, NEW_X.encode(), columns={"text": "Body"})


@pytest.mark.parametrize(
    ("written", "order", "day"),
    [
        ("3/4/2026", DateOrder.DAY_FIRST, (2026, 4, 3)),
        ("3/4/26 5:06 PM", DateOrder.MONTH_FIRST, (2026, 3, 4)),
        ("03.04.2026 17:06", DateOrder.DAY_FIRST, (2026, 4, 3)),
        ("2026-03-04T23:30:00-05:00", DateOrder.YEAR_FIRST, (2026, 3, 5)),
        ("Wed Oct 10 20:19:24 +0000 2018", DateOrder.YEAR_FIRST, (2018, 10, 10)),
        ("2 août 2024", DateOrder.YEAR_FIRST, (2024, 8, 2)),
        ("5 de mayo de 2024", DateOrder.YEAR_FIRST, (2024, 5, 5)),
        ("2. März 2024, 07:15", DateOrder.YEAR_FIRST, (2024, 3, 2)),
        ("10 giu 2024", DateOrder.YEAR_FIRST, (2024, 6, 10)),
    ],
)
def test_dates_of_many_countries(written: str, order: DateOrder, day: tuple[int, int, int]) -> None:
    found = parse_time(written, order)
    assert found is not None
    assert (found.year, found.month, found.day) == day
    assert found.tzinfo is UTC


def test_what_comes_first_is_seen_from_the_dates_or_asked() -> None:
    assert date_order(["3/4/2026", "13/4/2026"]) is DateOrder.DAY_FIRST
    assert date_order(["3/4/2026", "4/13/2026"]) is DateOrder.MONTH_FIRST
    assert date_order(["03.04.2026"]) is DateOrder.DAY_FIRST
    assert date_order(["2026-04-03"]) is DateOrder.YEAR_FIRST
    assert date_order(["3/4/2026", "5/6/2026"]) is None


@pytest.mark.parametrize(
    ("written", "count"),
    [("1,234", 1234), ("1.234", 1234), ("1 234", 1234), ("1\u202f234", 1234), ("12.3K", 12300), ("1,5M", 1_500_000),
     ("3,0", 3), ("12.0", 12), ("1.234.567", 1234567), ("1,234.0", 1234), ("0", 0), ("-3", None), ("", None),
     ("n/a", None), ("1e9", None), ("\u0663", 3)],
)  # fmt: skip
def test_counts_as_they_are_written(written: str, count: int | None) -> None:
    assert parse_count(written) == count


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_dates_and_counts(written: str) -> None:
    for order in DateOrder:
        found = parse_time(written, order)
        assert found is None or found.tzinfo is UTC
    count = parse_count(written)
    assert count is None or count >= 0


def test_a_long_file_is_read_with_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("id,text,date,likes\n")
        file.writelines(f"{n},post number {n},2024-10-0{n % 9 + 1} 10:00,{n % 50}\n" for n in range(120_000))
    tracemalloc.start()
    kept = newest(one for one in read_history(path, {}, DateOrder.YEAR_FIRST) if isinstance(one, PastPost))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(kept) == NEWEST
    assert kept[0].at <= kept[-1].at == datetime(2024, 10, 9, 10, tzinfo=UTC)
    assert most < 60_000_000  # 20,000 posts and nothing more
