"""X's API: what its posts say by either naming, what they cost, and what the settings must hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.config.loader import load
from stonechat.core.errors import ConfigError
from stonechat.core.model import Metrics
from stonechat.core.texts import same_text
from stonechat.networks.registry import installed
from stonechat.networks.x_api.posts import Included, holds_unread, read_post, read_posts, text_of
from stonechat.networks.x_api.prices import ReadToday, price_of
from stonechat.networks.x_api.problems import impairing, problems_in
from tests.support.networks import KNOWN

NOTHING = Included({}, {})
NEWER = {
    "id": "20",
    "text": "Hello &amp; welcome https://t.co/abc https://t.co/pic",
    "author_id": "7",
    "created_at": "2026-01-05T09:00:00.000Z",
    "conversation_id": "18",
    "lang": "en",
    "edit_history_post_ids": ["19", "20"],
    "referenced_posts": [{"type": "replied_to", "id": "18"}, {"type": "quoted", "id": "17"}],
    "attachments": {"media_keys": ["3_1"]},
    "entities": {
        "urls": [
            {"url": "https://t.co/abc", "expanded_url": "https://example.com/a"},
            {
                "url": "https://t.co/pic",
                "expanded_url": "https://x.com/me/status/20/photo/1",
                "media_key": "3_1",
            },
        ]
    },
    "public_metrics": {
        "repost_count": 1,
        "reply_count": 2,
        "like_count": 3,
        "quote_count": 4,
        "bookmark_count": 5,
        "impression_count": 6,
    },
}
BESIDE = {
    "users": [{"id": "7", "username": "ann", "description": "Hi", "public_metrics": {"followers_count": 9}}],
    "media": [{"media_key": "3_1", "alt_text": "A hedge"}],
}


def older(post: dict[str, Any]) -> dict[str, Any]:
    """The same by the names before 2.167."""
    names = {"edit_history_post_ids": "edit_history_tweet_ids", "referenced_posts": "referenced_tweets"}
    counts = {("retweet_count" if k == "repost_count" else k): v for k, v in post["public_metrics"].items()}
    return {names.get(key, key): value for key, value in post.items()} | {"public_metrics": counts}


@pytest.mark.parametrize("post", [NEWER, older(NEWER)], ids=["newer", "older"])
def test_a_post_is_the_same_by_either_naming(post: dict[str, Any]) -> None:
    [read] = read_posts({"data": [post], "includes": BESIDE})
    assert read.text == "Hello & welcome https://example.com/a"
    assert (read.id, read.author, read.author_bio, read.author_followers) == ("20", "ann", "Hi", 9)
    assert read.metrics == Metrics(likes=3, reposts=1, replies=2, quotes=4, bookmarks=5, views=6)
    assert (read.in_reply_to, read.quoted_id, read.conversation_id) == ("18", "17", "18")
    assert read.versions == ("19",)
    assert [one.alt for one in read.pictures] == ["A hedge"]
    assert read.language == "en"


def test_what_x_does_not_show_is_unknown_and_not_zero() -> None:
    read = read_post({"id": 5}, NOTHING)
    assert read.id == "5"
    assert read.metrics == Metrics()
    assert (read.created_at, read.language, read.sensitive) == (None, None, None)


def test_the_figures_that_only_the_author_sees_win() -> None:
    own = {**NEWER, "non_public_metrics": {"impression_count": 60, "url_link_clicks": 1}}
    assert read_post(own, NOTHING).metrics.views == 60


@pytest.mark.parametrize("note", ["note_post", "note_tweet"])
def test_a_long_text_is_read_whole(note: str) -> None:
    assert text_of({"text": "cut…", note: {"text": "The whole of it"}}) == "The whole of it"


def test_a_link_that_stands_for_the_quoted_post_is_left_out() -> None:
    post = {
        "text": "Read this https://t.co/q",
        "entities": {"urls": [{"url": "https://t.co/q", "expanded_url": "https://x.com/ann/status/17"}]},
    }
    assert text_of(post, quoted="17") == "Read this"
    assert text_of(post) == "Read this https://x.com/ann/status/17"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.booleans(),
        lambda more: (
            st.lists(more, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "text",
                        "entities",
                        "urls",
                        "public_metrics",
                        "attachments",
                        "media_keys",
                        "referenced_posts",
                        "includes",
                        "users",
                        "like_count",
                    ]
                ),
                more,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_no_answer_of_another_form_breaks_the_reading(said: Any) -> None:
    [post] = read_posts({"data": [{"id": "1", "more": said}], "includes": said})
    assert post.id == "1"
    read = read_posts({"data": said, "includes": said})
    assert "" not in [one.id for one in read]
    whole = isinstance(said, list) and len(read) == len(said)
    assert holds_unread({"data": said}) is not whole, "an entry that cannot be read counts as seen"
    assert isinstance(problems_in({"errors": said}), tuple)
    assert isinstance(impairing({"data": [], "errors": said}), tuple)
    if isinstance(said, dict):
        read_post({"id": "1", **said}, NOTHING)


# --- prices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "pictures", "is_reply", "shown"),
    [
        (("Plain",), 0, False, "$0.015"),
        (("With https://example.com",), 0, False, "$0.20 because of its link"),
        (("See example.com/a",), 0, False, "$0.20 because of its link"),
        (
            ("One", "two https://example.com/x", "three example.org"),
            0,
            False,
            "$0.415 because of links in 2 parts",
        ),
        (("So do I",), 0, True, "$0.01"),
        (("A picture",), 2, False, "$0.025"),
    ],
)
def test_the_owner_sees_what_a_post_costs_and_why(
    parts: tuple[str, ...], pictures: int, is_reply: bool, shown: str
) -> None:
    assert str(price_of(parts, pictures, summoned=is_reply)) == shown
    assert str(installed()["x_api"].price(parts, pictures, is_reply)) == shown


def test_a_network_that_charges_nothing_shows_no_price() -> None:
    assert str(installed()["mastodon"].price(("https://example.com",), 1, False)) == ""


def test_what_is_read_again_the_next_day_is_charged_again() -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    read = ReadToday()
    day = datetime(2026, 1, 5, 23, tzinfo=UTC)
    assert [read.new(["1", "2"], day), read.new(["2", "3"], day)] == [2, 1]
    assert read.new(["1"], day.replace(day=6)) == 1


# --- settings -----------------------------------------------------------------------------------------------


def faults(**given: str) -> list[str]:
    wanted = {
        "ACCOUNT_NETWORK": "x_api",
        "ACCOUNT_HANDLE": "me",
        "MODE": "shadow",
        "OPENAI_API_KEY": "k",
        **given,
    }
    try:
        load(wanted, KNOWN)
    except ConfigError as exc:
        return sorted(one.name for one in exc.faults)
    return []


TOKENS = {
    "X_API_KEY": "a",
    "X_API_KEY_SECRET": "b",
    "X_API_ACCESS_TOKEN": "c",
    "X_API_ACCESS_TOKEN_SECRET": "d",
}


def test_tokens_stand_together_and_go_nowhere_unencrypted() -> None:
    assert faults(**TOKENS) == []
    assert faults(X_API_KEY="a") == sorted(set(TOKENS) - {"X_API_KEY"})
    assert faults(**TOKENS, X_API_URL="http://api.example") == ["X_API_URL"]
    assert faults(**TOKENS, MODE="demo") == ["X_API_URL"]


def test_the_text_that_is_sent_is_the_text_that_is_shown() -> None:
    assert same_text("Hello & welcome example.com/a", text_of(NEWER))
