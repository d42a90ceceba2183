"""``stonechat debug parse`` says what a file is: posts, or a sentence, never silence and never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from stonechat.core.errors import Permanent
from stonechat.networks.x_web.recordings import as_row, parse_file

POST: dict[str, Any] = {
    "__typename": "Tweet",
    "rest_id": "1800000000000000001",
    "core": {"user_results": {"result": {"__typename": "User", "legacy": {"screen_name": "bob"}}}},
    "legacy": {
        "full_text": "hello",
        "created_at": "Mon Jun 10 10:00:00 +0000 2024",
        "favorite_count": 1,
        "entities": {"urls": []},
    },
}


def answer(post: Any) -> dict[str, Any]:
    item = {"itemType": "TimelineTweet", "tweet_results": {"result": post}}
    entry = {"entryId": "tweet-1800000000000000001", "content": {"itemContent": item}}
    instructions = [{"type": "TimelineAddEntries", "entries": [entry]}]
    return {"data": {"user": {"result": {"timeline": {"timeline": {"instructions": instructions}}}}}}


def changed(*path: str, to: Any) -> dict[str, Any]:
    post = copy.deepcopy(POST)
    node = post
    for step in path[:-1]:
        node = node.setdefault(step, {})
    node[path[-1]] = to
    return answer(post)


READ: dict[str, Any] = {
    "as it should be": answer(POST),
    "no list of links": changed("legacy", "entities", "urls", to=3),
    "no entities": changed("legacy", "entities", to=3),
    "a time that is none": changed("legacy", "created_at", to="yesterday"),
    "views that are none": changed("views", to={"count": "many"}),
    "versions that are none": changed("edit_control", to={"edit_tweet_ids": 3}),
    "media that are none": changed("legacy", "extended_entities", to={"media": [3, None, {"type": 1}]}),
    "an error beside it": {**answer(POST), "errors": [{"code": 130, "message": "Over capacity"}]},
}


@pytest.mark.parametrize("name", READ)
def test_a_post_is_read_whatever_is_odd_beside_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(READ[name]))
    [post] = parse_file(file)
    assert (post.id, post.author, post.text) == ("1800000000000000001", "bob", "hello")


def test_a_count_of_5000_digits_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text(
        json.dumps(answer(POST)).replace('"favorite_count": 1', '"favorite_count": ' + "9" * 5000)
    )
    [post] = parse_file(file)
    assert as_row(post)["likes"] is None


def test_half_a_character_is_shown_as_one_that_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(changed("legacy", "full_text", to="half \ud83d")))
    assert [post.text for post in parse_file(file)] == ["half \ufffd"]


ERRORS = {
    f"error {code} beside {name}": json.dumps({"errors": [{"code": code, "message": "why"}], "data": data})
    for code in (326, 64, 32, 88, 130)
    for name, data in {
        "an empty result": {"user": {"result": {}}},
        "none": {"user": {"result": None}},
        "an empty timeline": {"user": {"result": {"timeline": {}}}},
        "nothing": None,
    }.items()
}

NAMED: dict[str, tuple[str, str]] = {
    **{name: (body, r"holds no post but an error: why \(error \d+\)") for name, body in ERRORS.items()},
    "the official API": (json.dumps({"data": [{"id": "1", "text": "hi"}]}), r"X's official API \(v2\)"),
    "the official API, empty": (json.dumps({"meta": {"result_count": 0}}), r"X's official API \(v2\)"),
    "other JSON": (json.dumps({"log": {"entries": []}}), "not an answer of X's web client.*log"),
    "an empty list": ("[]", "an empty list"),
    "an account that is gone": (
        json.dumps({"data": {"user": {"result": {"__typename": "UserUnavailable", "reason": "Suspended"}}}}),
        r"an account that is not shown \(Suspended\)",
    ),
    "text that is null": (
        json.dumps(changed("legacy", "full_text", to=None)),
        "places for 1 posts, and none",
    ),
    "a post without its heart": (json.dumps(changed("legacy", to=None)), "places for 1 posts, and none"),
    "a post of another kind": (json.dumps(answer({"__typename": "TweetPreview"})), "places for 1 posts"),
    "an empty wrapper": (json.dumps(answer({})), "places for 1 posts"),
    "half of it": (json.dumps(answer(POST))[:200], "not whole JSON"),
    "nested 200,000 deep": ("[" * 200_000, "not whole JSON"),
    "nothing": ("", "is empty"),
    "a word": ("hello", "neither JSON nor a saved page"),
    "a page": ("<html><body>nothing</body></html>", "a page without any post"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_without_a_post_is_named(tmp_path: Path, name: str) -> None:
    body, why = NAMED[name]
    file = tmp_path / "answer.json"
    file.write_text(body)
    with pytest.raises(Permanent, match=why) as refusal:
        parse_file(file)
    assert refusal.value.remedy


ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def everywhere(node: Any, put: Callable[[Any], Any]) -> Any:
    """The same JSON with some nodes replaced."""
    if isinstance(node, dict):
        node = {key: everywhere(value, put) for key, value in node.items()}
    elif isinstance(node, list):
        node = [everywhere(value, put) for value in node]
    return put(node)


@how(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_place_it_is_read_or_named(tmp_path: Path, data: st.DataObject) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    file = tmp_path / "answer.json"
    mended = everywhere(answer(POST), lambda node: data.draw(ANYTHING) if chance.random() < 0.04 else node)
    file.write_text(json.dumps(mended))
    try:
        posts = parse_file(file)
    except Permanent as refusal:
        assert str(refusal)
        return
    json.dumps([as_row(post) for post in posts], ensure_ascii=False).encode()
