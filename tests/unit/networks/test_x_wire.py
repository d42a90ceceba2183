"""Shapes of answers that the recordings do not hold, and answers that are none."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stonechat.core.errors import PageChanged, Permanent, SessionTrouble, StonechatError, Transient
from stonechat.core.network import Refused, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.x_text_rules import weighted_length
from stonechat.networks.x_web.reading import checked
from stonechat.networks.x_web.recordings import as_row, parse_file
from stonechat.networks.x_web.response_capture import CapturedCall
from stonechat.networks.x_web.wire_errors import (
    classify,
    fault_of_status,
    publish_outcome,
    read_faults,
    worst,
)
from stonechat.networks.x_web.wire_parser import (
    created_post_ids,
    folded_ids,
    load_answer,
    read_posts,
    read_timeline,
    repeated_ids,
    unread_posts,
)
from stonechat.networks.x_web.wire_paths import missing_paths


def post(post_id: str = "1500000000000000001", **changes: Any) -> dict[str, Any]:
    """A wire post of the old author shape, with the traps left out."""
    legacy = {
        "full_text": "plain",
        "created_at": "Sat Mar 05 12:00:01 +0000 2022",
        "favorite_count": 3,
        "retweet_count": 2,
        "reply_count": 1,
        "quote_count": 0,
        "bookmark_count": 4,
        **changes.pop("legacy", {}),
    }
    user = {"rest_id": "7", "legacy": {"screen_name": "old_shape", "followers_count": 12}}
    return {
        "rest_id": post_id,
        "core": {"user_results": {"result": user}},
        "views": {"state": "Enabled"},
        "legacy": legacy,
        **changes,
    }


def test_the_old_author_shape_is_read_with_its_followers() -> None:
    [read] = read_posts({"data": {"tweetResult": {"result": post()}}})

    assert (read.author, read.author_followers) == ("old_shape", 12)
    assert read.created_at == datetime(2022, 3, 5, 12, 0, 1, tzinfo=UTC)
    assert read.url == "https://x.com/old_shape/status/1500000000000000001"


def test_a_post_that_nobody_has_seen_has_unknown_views_and_not_zero() -> None:
    [read] = read_posts(post())

    assert read.metrics.views is None
    assert read.metrics.quotes == 0


def test_a_count_that_is_missing_is_unknown() -> None:
    bare = post()
    del bare["legacy"]["bookmark_count"]

    assert as_row(read_posts(bare)[0])["bookmarks"] is None


def test_a_wrapped_post_is_read_and_a_tombstone_is_not() -> None:
    answer = {
        "instructions": [
            {"result": {"__typename": "TweetWithVisibilityResults", "tweet": post("1500000000000000002")}},
            {"result": {"__typename": "TweetTombstone", "tombstone": {"text": {"text": "gone"}}}},
            {"result": {"__typename": "TweetUnavailable", "reason": "Suspended"}},
            {"quotedRefResult": {"result": {"__typename": "Tweet", "rest_id": "1500000000000000003"}}},
        ]
    }

    assert [read.id for read in read_posts(answer)] == ["1500000000000000002"]


def test_the_same_post_twice_is_one_post_that_knows_what_either_knew() -> None:
    bare = post()
    del bare["legacy"]["bookmark_count"]
    full = post(views={"state": "EnabledWithCount", "count": "900"})

    [read] = read_posts([bare, full])

    assert (read.metrics.bookmarks, read.metrics.views) == (4, 900)


def test_the_long_text_wins_over_the_cut_one_and_is_not_decoded_twice() -> None:
    long_text = {"note_tweet_results": {"result": {"text": "whole & more &amp; as typed"}}}

    [cut_and_long] = read_posts(post(note_tweet=long_text, legacy={"full_text": "whole &amp; m…"}))
    [escaped] = read_posts(post(legacy={"full_text": "1 &lt; 2 &amp;amp; 3"}))

    assert cut_and_long.text == "whole & more &amp; as typed"
    assert escaped.text == "1 < 2 &amp; 3"


def test_the_text_as_written_is_what_was_typed() -> None:
    reply = post(
        legacy={
            "full_text": "@one @two look https://t.co/aaa https://t.co/pic",
            "display_text_range": [10, 31],
            "in_reply_to_status_id_str": "15",
            "entities": {
                "urls": [{"url": "https://t.co/aaa", "expanded_url": "https://example.com/a"}],
                "media": [{"url": "https://t.co/pic", "expanded_url": "https://x.com/a/status/1/photo/1"}],
            },
        }
    )

    assert read_posts(reply, written=True)[0].text == "look https://example.com/a"
    assert read_posts(reply)[0].text == "@one @two look https://t.co/aaa https://t.co/pic"


def test_a_quoted_post_whose_author_is_withheld_takes_it_from_the_link() -> None:
    quoted = post("1500000000000000009")
    quoted["core"] = {"user_results": {"result": {"__typename": "UserUnavailable"}}}
    link = {"quoted_status_permalink": {"expanded": "https://twitter.com/hidden/status/1500000000000000009"}}

    reads = read_posts(post(legacy=link, quoted_status_result={"result": quoted}))

    assert [read.author for read in reads] == ["old_shape", "hidden"]


def test_an_account_left_out_is_named_by_the_rest_of_the_answer() -> None:
    def bare(post_id: str, user_id: str) -> dict[str, Any]:
        return post(post_id, core={"user_results": {}}, legacy={"user_id_str": user_id})

    mention = {"entities": {"user_mentions": [{"id_str": "8", "screen_name": "mentioned"}]}}
    picture = {"media": [{"expanded_url": "https://x.com/pictured/status/1500000000000000014/photo/1"}]}
    drawn = bare("1500000000000000014", "9")
    drawn["legacy"]["entities"] = picture
    answer = [
        post("1500000000000000011", legacy=mention),
        bare("1500000000000000012", "7"),
        bare("1500000000000000013", "8"),
        drawn,
        bare("1500000000000000015", "10"),
    ]

    reads = read_posts(answer)

    assert [read.author for read in reads] == ["old_shape", "old_shape", "mentioned", "pictured", ""]
    assert as_row(reads[-1])["author"] is None


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"result": {"__typename": "UserUnavailable", "reason": "Suspended"}},
    ],
)
def test_a_timeline_of_an_account_that_is_not_there_is_not_a_changed_page(user: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="account"):
        read_timeline({"data": {"user": user}}, "UserTweets")


def test_a_place_in_a_timeline_without_its_post_is_told_apart_from_no_place() -> None:
    def entry(post_id: str, results: dict[str, Any]) -> dict[str, Any]:
        content = {"itemContent": {"itemType": "TimelineTweet", "tweet_results": results}}
        return {"entryId": f"tweet-{post_id}", "content": content}

    inside = {"entryId": "profile-conversation-1-tweet-1500000000000000004", "item": {"itemContent": {}}}
    entries = [
        entry("1500000000000000001", {"result": post()}),
        entry("1500000000000000002", {}),
        entry("1500000000000000003", {"result": {"__typename": "TweetTombstone"}}),
        {"entryId": "profile-conversation-1", "content": {"items": [inside]}},
        {"entryId": "cursor-bottom-1", "content": {"cursorType": "Bottom"}},
    ]
    answer = {"data": {"timeline": {"instructions": [{"type": "TimelineAddEntries", "entries": entries}]}}}

    assert [one.id for one in read_timeline(answer, "UserTweets")] == ["1500000000000000001"]
    hollow = unread_posts(answer)
    assert [one.id[-1] for one in hollow] == ["2", "3", "4"]
    assert hollow[0].created_at == datetime(2022, 3, 5, 6, 47, 23, tzinfo=UTC)


def test_an_answer_that_ran_out_of_time_is_tried_again() -> None:
    answer = {"data": {"user": {}}, "errors": [{"message": "DeadlineExceeded: Unspecified"}]}

    with pytest.raises(Transient, match="DeadlineExceeded"):
        checked(CapturedCall("UserByScreenName", 200, answer))


def test_an_answer_with_an_error_beside_its_data_is_read() -> None:
    answer = {
        "data": {"user": {"result": {"timeline": {"instructions": [{"entries": [{"entryId": "x"}]}]}}}},
        "errors": [{"message": "Dependency", "code": 214}],
    }

    assert checked(CapturedCall("UserTweets", 200, answer)) == answer


def test_a_missing_time_is_taken_from_the_id() -> None:
    made = datetime(2024, 10, 24, 19, 38, 20, tzinfo=UTC)
    post_id = str((int(made.timestamp()) * 1000 + 813 - 1288834974657) << 22 | 4095)

    assert read_posts(post(post_id, legacy={"created_at": None}))[0].created_at == made


def test_the_new_id_is_read_from_both_shapes_and_an_empty_answer_has_none() -> None:
    plain = {"data": {"create_tweet": {"tweet_results": {"result": {"rest_id": "5"}}}}}
    wrapped = {"data": {"create_tweet": {"tweet_results": {"result": {"tweet": {"rest_id": "6"}}}}}}
    empty: dict[str, Any] = {"data": {"create_tweet": {"tweet_results": {}}}}

    assert [created_post_ids(one) for one in (plain, wrapped, empty)] == [["5"], ["6"], []]


def test_an_answer_without_a_timeline_is_a_changed_page_and_an_empty_timeline_is_not() -> None:
    assert read_timeline({"data": {"search": {"timeline": {"instructions": []}}}}, "SearchTimeline") == []
    with pytest.raises(PageChanged) as caught:
        read_timeline({"data": {"renamed": {}}}, "SearchTimeline")
    assert "instructions" in caught.value.missing


@pytest.mark.parametrize(
    "raw", ["", "  \n", "<!doctype html><p>busy", '{"data": {"a": [1, 2', b"\xef\xbb\xbf"]
)
def test_what_is_not_an_answer_is_refused(raw: str | bytes) -> None:
    with pytest.raises(Transient):
        load_answer(raw, "SearchTimeline")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b'{"data": {"user": {"resu', "not whole JSON"),
        (b"<html><body>502 Bad Gateway</body></html>", "without any post"),
        (b"<html><head><title>Log in to X / X</title></head></html>", "a login page"),
        (b"just words", "neither JSON nor a saved page"),
        (b"\x80\x81\x82", "is not text"),
        (b'{"errors": [{"code": 32, "message": "Could not authenticate you"}]}', "error 32"),
        (b'{"posts": []}', "at its top: “posts”"),
    ],
)
def test_a_file_that_is_no_recording_says_what_it_is(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)

    with pytest.raises(Permanent, match=says):
        parse_file(path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        parse_file(tmp_path / "absent.json")


def test_a_file_with_one_answer_a_line_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps({"data": post(str(1500000000000000001 + n))}) for n in range(3)))

    assert len(parse_file(path)) == 3


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (187, Unconfirmed("m (error 187)", duplicate=True)),
        (131, Unconfirmed("m (error 131)")),
        (186, Refused("m (error 186)", permanent=True)),
        (226, Refused("m (error 226)", automated=True)),
        (136, Refused("m (error 136)", permanent=True, blocked=True)),
        (326, Refused("m (error 326)", session=SessionState.LOCKED)),
        (64, Refused("m (error 64)", session=SessionState.SUSPENDED)),
        (32, Refused("m (error 32)", session=SessionState.EXPIRED)),
    ],
)
def test_each_error_code_means_what_the_table_says(code: int, expected: Unconfirmed | Refused) -> None:
    assert publish_outcome(classify(code, "m")) == expected


@pytest.mark.parametrize("code", [88, 185, 344])
def test_a_limit_is_waited_for(code: int) -> None:
    outcome = publish_outcome(classify(code, "m"))

    assert isinstance(outcome, Refused)
    assert outcome.retry_after is not None
    assert not outcome.permanent
    assert outcome.session is None


def test_a_code_is_found_wherever_the_answer_puts_it() -> None:
    faults = read_faults(
        {
            "errors": [
                {"message": "first", "code": 186},
                {"message": "second", "extensions": {"code": 226}},
                {"message": "Authorization: Status is a duplicate. (187)"},
            ]
        }
    )

    assert [fault.code for fault in faults] == [186, 226, 187]
    decisive = worst(faults)
    assert decisive is not None
    assert decisive.code == 226


def test_an_unclear_failure_of_the_server_is_not_read_as_did_not_happen() -> None:
    fault = fault_of_status(503)

    assert fault is not None
    assert isinstance(publish_outcome(fault), Unconfirmed)
    assert fault_of_status(200) is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("plain", 5),
        ("日本", 4),
        ("😷", 2),
        ("👩‍👩‍👧", 2),
        ("see https://example.com/a/very/long/way?x=1", 27),
    ],
)
def test_the_length_of_a_text_is_weighted(text: str, length: int) -> None:
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    "data",
    [
        {"user": {"result": {}}},
        {"user": {"result": None}},
        {"user": None},
        {"timeline": {}},
        {"search_by_raw_query": {"search_timeline": {"timeline": {}}}},
        {"user": {"result": {"__typename": "User", "rest_id": "7", "timeline": {"instructions": []}}}},
        {},
        None,
    ],
)
@pytest.mark.parametrize(
    ("code", "state"),
    [
        (326, SessionState.LOCKED),
        (64, SessionState.SUSPENDED),
        (32, SessionState.EXPIRED),
        (88, None),
        (130, None),
        (214, None),
    ],
)
def test_an_error_beside_an_empty_shell_is_the_answer(
    data: dict[str, Any] | None, code: int, state: SessionState | None
) -> None:
    answer = {"data": data, "errors": [{"message": "m", "code": code}]}

    with pytest.raises(StonechatError) as met:
        checked(CapturedCall("UserTweets", 200, answer))

    assert not isinstance(met.value, PageChanged), "the site has not changed"
    assert getattr(met.value, "state", None) is state
    assert isinstance(met.value, SessionTrouble | Transient)


def entry(post_id: str, result: Any, *, by_id: bool = True) -> dict[str, Any]:
    content = {"itemContent": {"itemType": "TimelineTweet", "tweet_results": {"result": result}}}
    return {"entryId": f"tweet-{post_id}" if by_id else f"home-{post_id}", "content": content}


def timeline_of(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"timeline": {"instructions": [{"type": "TimelineAddEntries", "entries": [*entries]}]}}}


UNREADABLE = {
    "no legacy": {"__typename": "Tweet", "rest_id": "1500000000000000002"},
    "unknown type": {"__typename": "TweetOfTomorrow", "rest_id": "1500000000000000002"},
    "subscriber preview": {"__typename": "TweetPreviewDisplay", "tweet": {"text": "Subscribe to read"}},
    "null text": post("1500000000000000002", legacy={"full_text": None}),
    "number as text": post("1500000000000000002", legacy={"full_text": 7}),
    "empty wrapper": {"__typename": "TweetWithVisibilityResults", "tweet": {}},
    "wrapper of nothing": {"__typename": "TweetWithVisibilityResults"},
    "null": None,
    "a list": [],
    "words": "gone",
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("by_id", [True, False])
def test_a_place_in_which_no_post_can_be_read_is_told_apart_from_no_place(kind: str, by_id: bool) -> None:
    answer = timeline_of(
        entry("1500000000000000001", post()), entry("1500000000000000002", UNREADABLE[kind], by_id=by_id)
    )

    assert [one.id for one in read_timeline(answer, "UserTweets")] == ["1500000000000000001"]
    [hollow] = unread_posts(answer)
    assert hollow.id in ("1500000000000000002", "")


def test_what_is_paid_for_and_what_is_no_post_takes_no_place() -> None:
    advert = entry("1500000000000000003", {})
    advert["content"]["itemContent"]["promotedMetadata"] = {}
    person = {"entryId": "user-1", "content": {"itemContent": {"itemType": "TimelineUser"}}}
    assert unread_posts(timeline_of(advert, person)) == []


def test_an_edited_post_names_its_earlier_versions() -> None:
    ids = ["1500000000000000001", "1500000000000000002"]
    newer = {"edit_control_initial": {"edit_tweet_ids": ids}, "initial_tweet_id": ids[0]}
    [read] = read_posts(post(ids[1], edit_control=newer))
    assert read.versions == (ids[0],)
    [first] = read_posts(post(ids[0], edit_control={"edit_tweet_ids": ids}))
    assert first.versions == ()


def module(*ids: str, named: list[str]) -> dict[str, Any]:
    items = [
        {"entryId": f"profile-conversation-1-tweet-{one}", "item": entry(one, post(one))["content"]}
        for one in ids
    ]
    metadata = {"conversationMetadata": {"allTweetIds": named}}
    return {"entryId": "profile-conversation-1", "content": {"items": items, "metadata": metadata}}


def test_a_conversation_names_what_it_folds_and_lifts_what_stands_above() -> None:
    old, middle, ours, newest = (f"150000000000000000{n}" for n in (1, 2, 3, 4))
    answer = timeline_of(module(old, ours, newest, named=[old, middle, ours, newest]), entry("9", post("9")))
    assert folded_ids(answer) == {middle}
    assert repeated_ids(answer) == {old, ours}
    alone = timeline_of(module(old, newest, named=[]), entry(old, post(old)))
    assert repeated_ids(alone) == frozenset()


ODD = [
    {"legacy": {"entities": {"urls": 3}}},
    {"legacy": {"entities": {"urls": [3, None, "x", {"url": 7}]}}},
    {"legacy": {"entities": 7}},
    {"legacy": {"extended_entities": {"media": 5}}},
    {"legacy": {"extended_entities": {"media": {"id_str": "1"}}}},
    {"legacy": {"favorite_count": "9" * 5000}},
    {"legacy": {"favorite_count": 10**30}},
    {"legacy": {"created_at": "Sat Mar 05 12:00:01 +9999 0001"}},
    {"legacy": {"created_at": "0001-01-01T00:00:00+14:00"}},
    {"legacy": {"full_text": "half \ud83d of it"}},
    {"legacy": {"display_text_range": [10**30, None], "in_reply_to_status_id_str": "1"}},
    {"legacy": {"display_text_range": [True, 3], "in_reply_to_status_id_str": "1"}},
    {"edit_control": 3},
    {"edit_control": {"edit_tweet_ids": [None, 4]}},
    {"views": {"count": "\u0663"}},
    {"core": []},
    {"note_tweet": {"note_tweet_results": {"result": {"text": "\udc00", "entity_set": {"urls": "x"}}}}},
    {"rest_id": "9" * 5000},
]


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_post_costs_neither_a_traceback_nor_its_page(odd: dict[str, Any]) -> None:
    changed = dict(odd)
    number = changed.pop("rest_id", "1500000000000000002")
    answer = timeline_of(entry("1500000000000000001", post()), entry("1", post(number, **changed)))
    body = json.dumps(answer)

    posts = read_timeline(load_answer(body, "x"), "UserTweets", written=True)

    assert [one.id for one in posts] == ["1500000000000000001", number]
    json.dumps([as_row(one) for one in posts], ensure_ascii=False).encode()
    unread_posts(answer)
    missing_paths("UserTweets", answer)


def test_a_number_of_five_thousand_digits_is_unknown_and_costs_nothing_else() -> None:
    body = json.dumps(post()).replace('"favorite_count": 3', f'"favorite_count": {"7" * 5000}')
    [read] = read_posts(load_answer(body, "x"))
    assert (read.metrics.likes, read.metrics.reposts) == (None, 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"data": [{"id": "1", "text": "x"}], "meta": {"result_count": 1}}', "official API"),
        ('{"data": {"id": "1", "text": "x"}}', "official API"),
        ('{"data": {"id": "1", "username": "x"}}', "official API"),
        ('{"data": {"viewer": 3}}', "at its top: “data”"),
        ('{"openapi": "3.0.0", "info": {}}', "“openapi”, “info”"),
        ("[]", "an empty list"),
        ("[1, 2]", "int at its top"),
        ("{}", "nothing"),
    ],
)
def test_json_of_another_kind_is_named(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(content)
    with pytest.raises(Permanent, match=re.escape(says)):
        parse_file(path)


def test_lines_nested_without_end_are_named(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("{}\n" + "[" * 200_000)
    with pytest.raises(Permanent, match="line 2"):
        parse_file(path)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_single_post_that_cannot_be_read_does_not_mean_that_the_site_has_changed(kind: str) -> None:
    answer = timeline_of(entry("1500000000000000002", UNREADABLE[kind]))
    assert read_timeline(answer, "SearchTimeline") == []
    assert [one.id for one in unread_posts(answer)] == ["1500000000000000002"]


def test_many_posts_of_a_known_kind_without_their_content_mean_that_it_has() -> None:
    bare = [entry(f"150000000000000000{n}", {"__typename": "Tweet", "rest_id": str(n)}) for n in range(4)]
    with pytest.raises(PageChanged, match="cannot be read"):
        read_timeline(timeline_of(*bare), "SearchTimeline")
