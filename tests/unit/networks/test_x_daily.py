"""Nothing that the adapter reads or presses is left out of the daily look: a new selector cannot be forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stonechat.networks.x_web import selector_check, wire_paths
from stonechat.networks.x_web.selector_check import PLACES, SEEN_AT_WORK, without_consequences
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_paths import missing_paths

FOLDER = Path(selector_check.__file__).parent
READERS = ("wire_parser.py", "authors.py", "text.py", "reading.py")
OPERATION = re.compile(r"^[A-Z][A-Za-z]+(Timeline|Tweets|AndReplies|Detail|Tweet|ScreenName)$")
KEY = re.compile(r"^(?:[a-z]+(?:_[a-z]+)+|[a-z]+[A-Z]\w*|__typename)$")

NO_KEYS = {
    "entity_set": "only a long text with links has it",
    "ext_alt_text": "only a picture with a description has it",
    "ext_views": "where very old answers kept the views; `views` comes first",
    "search_timeline": "a name in a message, not read",
    "source_status_id_str": "a name in a message, not read",
    "article_results": "only an article has it",
    "preview_text": "only an article has it",
    "initial_tweet_id": "only an edited post has it",
    "create_tweet": "see wirepaths.SEEN_AT_WORK",
    "notetweet_create": "see wirepaths.SEEN_AT_WORK",
    "retweeted_status_result": "looked for where a repost is shown; the answers looked at daily may hold none",
    "statuses_count": "asked of a profile without posts alone; without it nothing is proven",
    "tweet_counts": "as statuses_count",
    "tweet": "the wrapper of a post, looked into where there is one",
}
"""What looks like a key in the readers and is not looked for daily by that name, and why."""


def strings_of(module: str) -> Iterator[str]:
    tree = ast.parse((FOLDER / module).read_text(encoding="utf-8"))
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_every_selector_is_looked_for_daily_or_has_its_reason() -> None:
    shown = [one for place in PLACES for one in place.shows]
    brought = [one for place in PLACES for step in place.steps for one in step.brings]

    assert set(Selector) - set(shown) - set(brought) == set(SEEN_AT_WORK)
    assert not set(SEEN_AT_WORK) & set(shown + brought)


def test_every_step_needs_something_that_was_looked_for_before_it() -> None:
    assert any(place.steps for place in PLACES)
    for place in PLACES:
        known = set(place.shows)
        for step in place.steps:
            assert step.needs in known, f"{place.path}: {step.needs.name}"
            known |= set(step.brings)


def test_every_call_that_the_adapter_listens_to_is_looked_at_daily_or_has_its_reason() -> None:
    used = {
        word for path in FOLDER.glob("*.py") for word in strings_of(path.name) if OPERATION.match(word)
    } - {"TimelineTweet"}
    looked_at = {name for place in PLACES for name in place.calls}

    assert used == looked_at | set(wire_paths.SEEN_AT_WORK)


def test_every_key_that_the_readers_use_is_looked_for_daily_or_has_its_reason() -> None:
    used = {word for module in READERS for word in strings_of(module) if KEY.match(word)}
    words = {part for word in strings_of("wire_paths.py") for part in re.split(r"[.|:\[\] ]+", word)}

    assert used - words - set(NO_KEYS) == set()


def test_a_selector_within_one_that_moved_is_not_named_beside_it() -> None:
    moved = [Selector.ATTACHMENTS.name, Selector.OWN_PREVIEW.name, "UserTweets: legacy", "UserTweets: legacy"]

    assert without_consequences(moved) == ("ATTACHMENTS", "UserTweets: legacy")


POST: dict[str, Any] = {
    "__typename": "Tweet",
    "rest_id": "1",
    "core": {
        "user_results": {"result": {"core": {"screen_name": "a"}, "relationship_counts": {"followers": 1}}}
    },
    "views": {"count": "5"},
    "edit_control": {"edit_tweet_ids": ["1"]},
    "legacy": {
        "full_text": "x",
        "created_at": "…",
        "id_str": "1",
        "user_id_str": "2",
        "conversation_id_str": "1",
        "lang": "en",
        "display_text_range": [0, 1],
        "favorite_count": 0,
        "retweet_count": 0,
        "reply_count": 0,
        "quote_count": 0,
        "bookmark_count": 0,
    },
}


def answer(post: dict[str, Any], **item: Any) -> dict[str, Any]:
    content = {"itemType": "TimelineTweet", "tweet_results": {"result": post}, **item}
    entry = {"entryId": "tweet-1", "sortIndex": "1", "content": {"itemContent": content}}
    return {"data": {"x": {"instructions": [{"type": "TimelineAddEntries", "entries": [entry]}]}}}


def test_a_whole_answer_misses_nothing_and_an_empty_timeline_says_nothing() -> None:
    assert missing_paths("UserTweets", answer(POST)) == ()
    assert missing_paths("UserTweets", {"data": {"instructions": [{"type": "x", "entries": []}]}}) == ()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"legacy": {}}, "legacy.full_text"),
        ({"legacy": None}, "legacy"),
        ({"views": {}}, "views.count"),
        (
            {"core": {"user_results": {"result": {"core": {"screen_name": "a"}}}}},
            "core.user_results.result.relationship_counts",
        ),
        ({"legacy": POST["legacy"] | {"is_quote_status": True}}, "legacy.quoted_status_id_str"),
        ({"legacy": POST["legacy"] | {"full_text": "see https://t.co/1"}}, "legacy.entities"),
        ({"note_tweet": {"note_tweet_results": {}}}, "note_tweet.note_tweet_results.result"),
    ],
)
def test_the_first_key_that_is_gone_is_named(change: dict[str, Any], named: str) -> None:
    assert f"SearchTimeline: {named}" in missing_paths("SearchTimeline", answer(POST | change))


def test_a_post_without_views_beside_one_with_them_is_no_change() -> None:
    old = answer(POST)
    entries = old["data"]["x"]["instructions"][0]["entries"]
    entries += answer(POST | {"views": {"state": "Enabled"}})["data"]["x"]["instructions"][0]["entries"]

    assert missing_paths("UserTweets", old) == ()


def test_a_tombstone_says_nothing_about_posts() -> None:
    assert missing_paths("TweetDetail", answer({"__typename": "TweetTombstone", "tombstone": {}})) == ()
