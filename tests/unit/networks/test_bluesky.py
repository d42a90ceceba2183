"""Bluesky: how it counts, what is live in a text, what a record holds, and the keys that records have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.config.loader import load
from stonechat.core.errors import ConfigError
from stonechat.core.network import Picture, Publication
from stonechat.networks.bluesky.posts import read_post, read_view
from stonechat.networks.bluesky.records import (
    Reference,
    facets_of,
    picture_entry,
    post_record,
    record_key,
    refuse_pictures,
)
from stonechat.networks.bluesky.text_rules import BlueskyTextRules, live_in
from tests.support.networks import KNOWN
from tests.support.pictures import picture

RULES = BlueskyTextRules()
AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [("Hello", 5), ("e\u0301", 1), ("👩‍👩‍👧‍👦", 1), ("https://example.com/abc", 23), ("x" * 300, 300)],
)
def test_a_text_is_as_long_as_its_graphemes(text: str, length: int) -> None:
    assert RULES.length(text) == length


def test_many_bytes_in_few_graphemes_are_too_long_too() -> None:
    family = "👩‍👩‍👧‍👦" * 200
    assert RULES.length(family) > RULES.max_length


def test_links_whole_handles_and_tags_are_live_and_nothing_within_a_link_is() -> None:
    found = RULES.entities(
        "Ask @bob.test, not @bob: #Sleep #1 (https://a.example/@eve.test#frag). me@mail.example"
    )
    assert found.links == ("https://a.example/@eve.test#frag",)
    assert found.mentions == ("bob.test",)
    assert found.hashtags == ("Sleep",)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["#tag", "@bob.test", "https://a.example/x"]),
)
def test_a_facet_stands_where_its_bytes_say_whatever_comes_before(before: str, live: str) -> None:
    text = f"{before} {live} end"
    raw = text.encode()
    shown = [raw[one.start : one.end].decode() for one in live_in(text)]
    assert live in shown
    assert all(said.lstrip("#@") == one.value for said, one in zip(shown, live_in(text), strict=True))


def test_a_mention_of_nobody_stays_text() -> None:
    facets = facets_of("@bob.test and @nobody.test", {"bob.test": "did:plc:bob"})
    assert [one["features"][0]["did"] for one in facets] == ["did:plc:bob"]


def test_a_key_is_the_same_for_the_same_part_and_sorts_by_the_first_try() -> None:
    part = Publication(("one",), key="k").key_of_part(0, None)
    other = Publication(("two",), key="k").key_of_part(0, None)
    assert record_key(part, AT) == record_key(part, AT)
    assert record_key(part, AT) != record_key(other, AT)
    assert record_key(other, AT) < record_key(part, AT + timedelta(seconds=1))
    assert len(record_key(part, AT)) == 13
    assert set(record_key(part, AT)) <= set("234567abcdefghijklmnopqrstuvwxyz")
    assert record_key(part, AT)[0] in "234567abcdefghij"


def test_a_record_answers_below_the_root_of_its_conversation_and_shows_what_it_should() -> None:
    blob = {"$type": "blob", "ref": {"$link": "bafy"}, "mimeType": "image/png", "size": 3}
    record = post_record(
        "Read this",
        AT,
        dids={},
        language="en",
        answers=Reference("at://did:a/app.bsky.feed.post/2", "c2", ("at://did:a/app.bsky.feed.post/1", "c1")),
        quotes=Reference("at://did:b/app.bsky.feed.post/9", "c9"),
        pictures=[picture_entry(blob, "A gate")],
    )
    post = read_post("at://did:me/app.bsky.feed.post/3", record, "me.test")
    assert record["reply"]["root"]["cid"] == "c1"
    assert post.in_reply_to == "at://did:a/app.bsky.feed.post/2"
    assert post.quoted_id == "at://did:b/app.bsky.feed.post/9"
    assert [(one.id, one.alt) for one in post.pictures] == [("bafy", "A gate")]
    assert (post.created_at, record["langs"]) == (AT, ["en"])


def test_a_link_has_a_card_and_a_picture_goes_before_it() -> None:
    card = post_record("See https://a.example/x.", AT, dids={})["embed"]
    assert card["external"]["uri"] == "https://a.example/x"
    shown = post_record("See https://a.example/x.", AT, dids={}, pictures=[picture_entry({}, "A gate")])
    assert shown["embed"]["$type"] == "app.bsky.embed.images"


def test_a_view_with_little_in_it_is_read_and_nothing_is_made_up() -> None:
    post = read_view({"uri": "at://did:a/app.bsky.feed.post/1", "record": {"text": "Hi"}, "author": {}})
    assert (post.text, post.created_at, post.metrics.likes, post.metrics.views) == ("Hi", None, None, None)


def test_pictures_that_bluesky_does_not_take_are_named() -> None:
    large = Picture("0" * 64, "image/jpeg", "A gate", b"x" * 1_000_001)
    assert "MB" in refuse_pictures([large])
    assert "5 pictures" in refuse_pictures([picture(1, "a")] * 5)
    assert "without a description" in refuse_pictures([picture(1, " ")])
    assert not refuse_pictures([picture(1, "a")])


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"ACCOUNT_HANDLE": "me", "BLUESKY_APP_PASSWORD": "p"}, "ACCOUNT_HANDLE"),
        ({"ACCOUNT_HANDLE": "me.bsky.social"}, "BLUESKY_APP_PASSWORD"),
        (
            {
                "ACCOUNT_HANDLE": "me.x.example",
                "BLUESKY_URL": "http://x.example",
                "BLUESKY_APP_PASSWORD": "p",
            },
            "BLUESKY_URL",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(
    given: dict[str, str], name: str, tmp_path: Any
) -> None:
    settings = {"OPENAI_API_KEY": "k", "ACCOUNT_NETWORK": "bluesky", "DATA_DIR": str(tmp_path), **given}
    with pytest.raises(ConfigError) as caught:
        load(settings, KNOWN)
    assert [one.name for one in caught.value.faults] == [name]
