"""The parsers against recordings of the real thing, checked by a second reader written another way.

The second reader knows the published paths of each answer (`data.….instructions[].entries[]…`) and
follows them one by one; the parser under test walks the whole answer.
"""

import json
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from stonechat.networks.x_web.json_access import moment_of_id
from stonechat.networks.x_web.recordings import as_row, parse_file
from stonechat.networks.x_web.wire_parser import cursor, read_posts, read_profile, timeline_instructions
from tests.support.recordings import recording

TIMELINES = {
    "x/raw_search.json": ("search_by_raw_query", "search_timeline", "timeline"),
    "x/raw_user_tweets.json": ("user", "result", "timeline", "timeline"),
    "x/raw_tweet_details.json": ("threaded_conversation_with_injections_v2",),
}


def second_reader(path: Path, way: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The rows by id, read along the published paths."""
    timeline = json.loads(path.read_text())["data"]
    for key in way:
        timeline = timeline[key]
    tops = []
    for instruction in timeline["instructions"]:
        for entry in [
            *instruction.get("entries", []),
            *([instruction["entry"]] if "entry" in instruction else []),
        ]:
            content = entry["content"]
            items = [content, *(one["item"] for one in content.get("items", []))]
            tops += [
                item["itemContent"]["tweet_results"]["result"]
                for item in items
                if "tweet_results" in item.get("itemContent", {})
            ]
    rows: dict[str, dict[str, Any]] = {}
    while tops:
        result = tops.pop()
        result = result.get("tweet", result)
        legacy = result.get("legacy")
        if legacy is None:
            continue
        user = result["core"]["user_results"]["result"]
        note = result.get("note_tweet")
        rows[result["rest_id"]] = {
            "id": result["rest_id"],
            "author": user["core"]["screen_name"] if "core" in user else user["legacy"]["screen_name"],
            "created_at": datetime.strptime(legacy["created_at"], "%a %b %d %H:%M:%S %z %Y").isoformat(),
            "text": note["note_tweet_results"]["result"]["text"] if note else unescape(legacy["full_text"]),
            "likes": legacy["favorite_count"],
            "reposts": legacy["retweet_count"],
            "replies": legacy["reply_count"],
            "quotes": legacy["quote_count"],
            "bookmarks": legacy["bookmark_count"],
            "views": int(result["views"]["count"]) if "count" in result["views"] else None,
        }
        for inner in (result.get("quoted_status_result"), legacy.get("retweeted_status_result")):
            if inner and "result" in inner:
                tops.append(inner["result"])
    return rows


@pytest.mark.parametrize("name", TIMELINES)
def test_every_post_of_a_recorded_timeline_is_read_once_with_all_its_values(name: str) -> None:
    path = recording(name)
    rows = [as_row(post) for post in parse_file(path)]

    assert {row["id"]: row for row in rows} == second_reader(path, TIMELINES[name])
    assert len({row["id"] for row in rows}) == len(rows) >= 20


@pytest.mark.parametrize("name", TIMELINES)
def test_a_recorded_timeline_has_instructions_and_a_cursor(name: str) -> None:
    answer = json.loads(recording(name).read_text())

    assert timeline_instructions(answer)
    assert cursor(answer)


def test_the_text_as_written_has_no_mentions_put_before_replies_and_no_shortened_links() -> None:
    answer = json.loads(recording("x/raw_tweet_details.json").read_text())
    replies = [post for post in read_posts(answer, written=True) if post.in_reply_to]

    assert len(replies) == 36
    assert not [post.text for post in replies if post.text.startswith("@XDevelopers") or "t.co/" in post.text]


def test_a_recorded_account_is_read_with_its_followers() -> None:
    answer = json.loads(recording("x/raw_user_by_login.json").read_text())
    profile = read_profile(answer)
    result = answer["data"]["user"]["result"]

    assert profile is not None
    assert (profile.handle, profile.name) == (result["core"]["screen_name"], result["core"]["name"])
    assert profile.followers == result["relationship_counts"]["followers"]
    assert profile.bio == result["profile_bio"]["description"]
    assert parse_file(recording("x/raw_user_by_login.json")) == []


def test_the_time_in_an_id_is_the_time_of_the_post() -> None:
    posts = parse_file(recording("x/raw_search.json"))

    assert [moment_of_id(post.id) for post in posts] == [post.created_at for post in posts]
