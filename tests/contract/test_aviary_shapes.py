"""The local network's GraphQL answers against recorded ones, key by key, both ways.

Every recording of a known call that lies beside the checkout is taken, whatever its name. A key that the
real answer has is in ours with the same type, or its reason stands in ``NOT_SERVED``; a key of ours is in
the real answer, or its reason stands in ``NOT_RECORDED``. A reason that explains nothing any more fails.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.media import Media
from stonechat_aviary.operations import READS, Asked, created
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.wire import Wire
from stonechat_aviary.world import World
from stonechat_aviary.worldtime import WorldClock
from stonechat_aviary.writing import Author
from tests.support.recordings import RECORDINGS

EPOCH = 1_767_600_000.0
DAY = 86_400.0
OPERATIONS = {
    "search_by_raw_query": "SearchTimeline",
    "threaded_conversation_with_injections_v2": "TweetDetail",
    "create_tweet": "CreateTweet",
    "tweetResult": "TweetResultByRestId",
}
"""By the first key under ``data``, which operation was recorded; ``user`` has several."""

NOT_SERVED = {
    r"\.card\b": "previews of links: nothing reads them",
    r"\.article\b": "long articles of subscribers: nothing reads them",
    r"\.previous_counts\b|\.edit_control_initial\b|\.initial_tweet_id\b": "nobody edits here",
    r"\.place\b": "nobody says where he is",
    r"\.features\.\w+\.(faces\[\]|tags)|\.features\.all\b": "nobody is recognised or tagged in pictures",
    r"\.entity_set\.(user_mentions\[\]|timestamps)": "long texts name nobody and no moments of a film",
    r"\.video_info\b|\.additional_media_info\b": "the crowd posts pictures only; films are ours (see uploads)",
    r"\.profile_bio\.entities\.description\.urls": "nobody's bio has a link in its text",
    r"\.tipjar_settings\.\w+_handle": "nobody collects tips",
    r"\.pinned_items\.tweet_ids_str": "what is pinned comes as an entry; profiles do not list it",
}
"""Recorded keys that ours may leave out, by pattern, and why."""

NOT_RECORDED = {
    r"\.promotedMetadata\b": "adverts: the recordings were made without any",
    r"\.(tombstone|limitedActionResults)\b|\.result\.(tweet|reason)$": "published: withheld and wrapped posts",
    r"\.user(_results)?\.result\.legacy\b": "the older shape of an account: published, not in these recordings",
    r"\.displayTreatment\b|\.itemContent\.(cursorType|value)$": "published: 'Show replies', 'Show more'",
}
"""Keys of ours that no recording holds, by pattern, and why."""


@dataclass
class Shape:
    """The keys of answers to one operation: every path with the types seen, per kind of node."""

    kinds: dict[str, set[str]] = field(default_factory=dict)

    def add(self, value: Any) -> None:
        for path, kind in paths(value):
            self.kinds.setdefault(path, set()).add(kind)


def paths(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every key's path with the type of its value. Posts inside posts are read as posts, accounts as accounts."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{at}.{key}"
            yield here, type(inner).__name__
            yield from paths(inner, _folded(here))
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{at}[]")


def _folded(path: str) -> str:
    """A quoted, reposted or advertised thing has the shape of its kind, wherever it stands."""
    path = re.sub(
        r"^.*\.(tweet_results|quoted_status_result|retweeted_status_result)$", ".tweet_results", path
    )
    path = re.sub(r"^\.tweet_results\.result\.tweet$", ".tweet_results.result", path)
    users = r"^(\.data\.user|.*\.(user_results|user_refs_results\[\]|advertiser_results))$"
    return re.sub(users, ".user_results", path)


def operation_of(answer: Any) -> str:
    data = answer.get("data") or {}
    first = next((key for key in OPERATIONS if key in data), "")
    if first:
        return OPERATIONS[first]
    user = (data.get("user") or {}).get("result") or {}
    return (
        "UserTweets"
        if "timeline" in user
        else "UserByScreenName"
        if "core" in user or "legacy" in user
        else ""
    )


def recordings() -> list[Path]:
    return sorted((RECORDINGS / "x").glob("*.json")) if (RECORDINGS / "x").exists() else []


@pytest.fixture(scope="module")
def real() -> dict[str, Shape]:
    if not recordings():
        pytest.skip("no recordings beside this checkout")
    shapes: dict[str, Shape] = {}
    for path in recordings():
        answer = json.loads(path.read_text(encoding="utf-8"))
        if operation := operation_of(answer):
            shapes.setdefault(operation, Shape()).add(answer)
    return shapes


@pytest.fixture(scope="module")
def world() -> World:
    clock = WorldClock(1.0, EPOCH, 0.0, real=lambda: 0.0)
    world = World(clock, 7, ["quietbuilder"], Author(7))
    picture = Media("1500000000000000001", "0" * 64, 90, "image/png", 640, 480, "A desk.")
    first = published(world, "Why do you sleep so late? https://example.com/sleep #sleep @quietbuilder")
    published(world, "Second part of the thread.", first.id)
    published(world, "A picture.", media=(picture,))
    quote = published(world, "Look at this one.", quoted=first.id)
    published(world, "And at who looked.", quoted=quote.id)
    part = published(world, "A long thread.")
    for number in range(2, 17):
        part = published(world, f"Part {number} of it.", part.id)
    for number in range(90):
        published(world, f"Number {number} of many answers.", first.id)
    clock.advance(2 * DAY)
    return world


def published(world: World, text: str, reply_to: str | None = None, **more: Any) -> Post:
    post = world.publish("quietbuilder", text, reply_to, {}, **more)
    assert isinstance(post, Post)
    return post


@pytest.fixture(scope="module")
def ours(world: World) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    mine = [p for p in world.posts_of("quietbuilder", world.now(), replies=True) if "Number" not in p.text]

    def ask(operation: str, **variables: Any) -> None:
        wire = Wire(world, world.now(), "quietbuilder", operation)
        data = READS[operation](wire, variables, Asked("quietbuilder", pinned=mine[0].id))
        shapes.setdefault(operation, Shape()).add({"data": data})

    people: list[OwnAccount | Person] = [world.accounts["quietbuilder"], *world.people.values()]
    for query in ("sleep OR focus", "the", "stress"):
        ask("SearchTimeline", rawQuery=query, product="Latest")
    for author in people[:30]:
        ask("UserTweets", userId=author.id)
        ask("UserByScreenName", screen_name=author.handle)
    for post in world.home("quietbuilder", world.now())[:40]:
        ask("TweetDetail", focalTweetId=post.id)
    for post in mine:
        ask("TweetDetail", focalTweetId=post.id)
        ask("TweetDetail", focalTweetId=post.id, cursor=base64.b64encode(b"35|").decode())
        ask("TweetResultByRestId", tweetId=post.id)
        body = created(Wire(world, world.now(), "quietbuilder", "CreateTweet"), post)
        shapes.setdefault("CreateTweet", Shape()).add({"data": body})
    return shapes


def known_to(operation: str, shapes: dict[str, Shape]) -> Shape:
    """The frame of one operation, with posts and accounts as any operation shows them: they are the same."""
    known = Shape(dict(shapes[operation].kinds))
    for shape in shapes.values():
        for path, kinds in shape.kinds.items():
            if path.startswith((".tweet_results", ".user_results")):
                known.kinds[path] = known.kinds.get(path, set()) | kinds
    return known


def unexplained(
    given: Shape, known: Shape, reasons: Mapping[str, str], used: set[str]
) -> dict[str, list[str]]:
    """Keys of ``given`` that ``known`` lacks, or has with other types only, and that no reason explains."""
    found = {}
    for path, kinds in given.kinds.items():
        if kinds <= known.kinds.get(path, set()) | {"NoneType"}:
            continue
        why = [pattern for pattern in reasons if re.search(pattern, path)]
        used.update(why)
        if not why:
            found[path] = sorted(kinds)
    return found


def listed(found: dict[str, dict[str, list[str]]]) -> list[str]:
    return [f"{name}: {path} {kinds}" for name, paths in found.items() for path, kinds in paths.items()]


def test_every_recording_is_of_a_call_that_the_local_network_serves(real: dict[str, Shape]) -> None:
    unknown = [p.name for p in recordings() if not operation_of(json.loads(p.read_text(encoding="utf-8")))]
    assert unknown == []
    assert set(real) <= set(READS) | {"CreateTweet"}


def test_every_key_of_the_real_answers_is_in_ours_or_has_its_reason(
    real: dict[str, Shape], ours: dict[str, Shape]
) -> None:
    used: set[str] = set()
    missing = {name: unexplained(real[name], known_to(name, ours), NOT_SERVED, used) for name in real}
    assert listed(missing) == []
    assert set(NOT_SERVED) - used == set(), "these reasons explain nothing"


def test_every_key_of_ours_is_in_the_real_answers_or_has_its_reason(
    real: dict[str, Shape], ours: dict[str, Shape]
) -> None:
    used: set[str] = set()
    invented = {name: unexplained(ours[name], known_to(name, real), NOT_RECORDED, used) for name in real}
    assert listed(invented) == []
    assert set(NOT_RECORDED) - used == set(), "these reasons explain nothing"


def test_a_post_has_one_shape_in_every_answer(ours: dict[str, Shape]) -> None:
    """What no recording was made of (a new post, one post) is the same post as in the recorded calls."""
    known = Shape()
    for name in ("SearchTimeline", "UserTweets", "TweetDetail"):
        for path, kinds in ours[name].kinds.items():
            known.kinds.setdefault(path, set()).update(kinds)
    for name in ("CreateTweet", "TweetResultByRestId"):
        posts = {p: k for p, k in ours[name].kinds.items() if p.startswith(".tweet_results")}
        assert posts
        assert {
            path: kinds for path, kinds in posts.items() if not kinds <= known.kinds.get(path, set())
        } == {}
