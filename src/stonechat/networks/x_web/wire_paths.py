"""Every wire path that the readers of this folder rely on, and which of them an answer no longer has.

The readers walk an answer instead of following one path from its root, so what is looked for here is what
they look for: the keys on the way to a post, and the keys of a post and of an account. Where a key has
moved, everything below it is out of sight; only the key itself is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stonechat.networks.x_web.json_access import at, every_mapping, listed, mapping, text

OF_A_POST = (
    "rest_id",
    "legacy.full_text",
    "legacy.created_at",
    "legacy.id_str",
    "legacy.user_id_str",
    "legacy.conversation_id_str",
    "legacy.lang",
    "legacy.display_text_range",
    "legacy.favorite_count",
    "legacy.retweet_count",
    "legacy.reply_count",
    "legacy.quote_count",
    "legacy.bookmark_count",
    "views.count",
    "edit_control.edit_tweet_ids|edit_control.edit_control_initial.edit_tweet_ids",
    "core.user_results.result.core.screen_name|core.user_results.result.legacy.screen_name",
    "core.user_results.result.relationship_counts.followers|core.user_results.result.legacy.followers_count",
)
"""Paths that at least one post of every timeline with posts has; ``|`` stands between the newer and the
older shape of an account."""

WHERE_A_POST = (
    ("legacy.is_quote_status", "legacy.quoted_status_id_str"),
    ("legacy.in_reply_to_screen_name", "legacy.in_reply_to_status_id_str"),
    ("legacy.in_reply_to_screen_name", "legacy.in_reply_to_user_id_str"),
    ("legacy.in_reply_to_status_id_str", "legacy.in_reply_to_screen_name"),
    ("legacy.quoted_status_id_str", "legacy.quoted_status_permalink.expanded"),
    ("legacy.entities.media", "legacy.extended_entities"),
    ("legacy.entities.media", "legacy.possibly_sensitive"),
    ("legacy.extended_entities", "legacy.extended_entities.media"),
    ("note_tweet", "note_tweet.note_tweet_results.result.text"),
)
"""Where a post has the first (and it is true), it has the second."""

OF_A_LINK = ("url", "expanded_url")
OF_A_MENTION = ("id_str", "screen_name")
OF_AN_ACCOUNT = (
    "rest_id",
    "core.screen_name|legacy.screen_name",
    "core.name|legacy.name",
    "relationship_counts.followers|legacy.followers_count",
    "relationship_counts.following|legacy.friends_count",
    "profile_bio.description|legacy.description",
    "relationship_perspectives.blocked_by|legacy.blocked_by",
)

SEEN_AT_WORK = {
    "CreateTweet": "only a post brings it; each post's id is cross-checked with the toast and the profile",
}
"""Operations that a daily look cannot bring about, and what notices where they have moved."""


def missing_paths(operation: str, answer: object) -> tuple[str, ...]:
    """What ``operation``'s answer no longer has, as ``OPERATION: path``; empty where all is there.

    An answer without posts says nothing about posts.
    """
    found = _of_account(answer) if operation == "UserByScreenName" else _of_timeline(answer)
    return tuple(f"{operation}: {path}" for path in dict.fromkeys(found))


def _of_account(answer: object) -> Iterator[str]:
    if at(answer, "data", "user", "result") is None:
        yield _first_missing([mapping(answer)], "data.user.result") or "data.user.result"
        return
    yield from _missing([mapping(answer, "data", "user", "result")], OF_AN_ACCOUNT)


def _of_timeline(answer: object) -> Iterator[str]:
    instructions = [node for node in every_mapping(answer) if isinstance(node.get("instructions"), list)]
    if not instructions:
        yield "instructions"
        return
    every = list(every_mapping([node["instructions"] for node in instructions]))
    if not any("type" in node for node in every):
        yield "instructions[].type"
    yield from _of_entries([node for node in every if "sortIndex" in node or "entryId" in node])
    yield from _of_cursors(every)
    yield from _of_items(every)


def _of_entries(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if entries and not any("entryId" in node for node in entries):
        yield "entryId"
    paid = [node for node in entries if (text(node, "entryId") or "").startswith("promoted-")]
    folding = [node for node in entries if (text(node, "entryId") or "").startswith("profile-conversation-")]
    if folding and not any("conversationMetadata" in inner for inner in every_mapping(folding)):
        yield "metadata.conversationMetadata"
    elif folding and not any("allTweetIds" in inner for inner in every_mapping(folding)):
        yield "conversationMetadata.allTweetIds"
    if paid and not any("promotedMetadata" in inner for inner in every_mapping(paid)):
        yield "itemContent.promotedMetadata"


def _of_cursors(every: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    cursors = [node for node in every if str(node.get("entryType", "")).endswith("Cursor")]
    if cursors and not any("cursorType" in node for node in cursors):
        yield "cursorType"
    if cursors and not any("value" in node for node in cursors):
        yield "value"


def _of_items(every: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is missing on the way to the posts, and in them."""
    items = [node["itemContent"] for node in every if isinstance(node.get("itemContent"), Mapping)]
    if not items:
        if any((text(node, "entryId") or "").startswith(("tweet-", "promoted-tweet-")) for node in every):
            yield "itemContent"
        return
    shown = [item for item in items if item.get("itemType") == "TimelineTweet"]
    if shown and not any("tweet_results" in item for item in shown):
        yield "itemContent.tweet_results"
        return
    results = [mapping(item, "tweet_results") for item in shown if item.get("tweet_results")]
    if results and not any("result" in one for one in results):
        yield "tweet_results.result"
        return
    posts = [_unwrapped(mapping(one, "result")) for one in results]
    if posts and not any("__typename" in one for one in (mapping(one, "result") for one in results)):
        yield "tweet_results.result.__typename"
    yield from _of_posts([post for post in posts if _is_post(post)])


def _unwrapped(result: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(result, "tweet") or result


def _is_post(result: Mapping[str, Any]) -> bool:
    return result.get("__typename") not in {"TweetTombstone", "TweetUnavailable"} and len(result) > 2


def _of_posts(posts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not posts:
        return
    yield from _missing(posts, OF_A_POST)
    for sign, path in WHERE_A_POST:
        signed = [post for post in posts if at(post, *sign.split("."))]
        if signed:
            yield from _missing(signed, (path,))
    reposts = [post for post in posts if (text(post, "legacy", "full_text") or "").startswith("RT @")]
    if reposts:
        yield from _missing(reposts, ("legacy.retweeted_status_result",))
    yield from _of_entities(posts)


def _of_entities(posts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    linked = [post for post in posts if "https://t.co/" in (text(post, "legacy", "full_text") or "")]
    if linked and not any(at(post, "legacy", "entities") is not None for post in linked):
        yield "legacy.entities"
        return
    kinds = {name: [*_entities(linked, name)] for name in ("urls", "media")}
    if linked and not any(kinds.values()):
        pictures = any(at(post, "legacy", "extended_entities") for post in linked)
        yield f"legacy.entities.{'media' if pictures else 'urls'}"
    for name, entities in kinds.items():
        if entities:
            wanted = OF_A_LINK if name == "urls" else OF_A_LINK[:1]
            yield from (f"legacy.entities.{name}[].{path}" for path in _missing(entities, wanted))
    if mentions := [*_entities(posts, "user_mentions")]:
        yield from (f"legacy.entities.user_mentions[].{path}" for path in _missing(mentions, OF_A_MENTION))


def _entities(posts: Sequence[Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    for post in posts:
        yield from listed(post, "legacy", "entities", kind)


def _missing(nodes: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        found = _first_missing(nodes, path)
        if found is not None:
            yield found


def _first_missing(nodes: Sequence[Mapping[str, Any]], path: str) -> str | None:
    """The beginning of ``path`` that no node has, up to its first missing key; None where one has it all."""
    ways = [one.split(".") for one in path.split("|")]
    if any(at(node, *way) is not None for node in nodes for way in ways):
        return None
    reached = max(_depth(node, way) for node in nodes for way in ways)
    way = next(way for way in ways if any(_depth(node, way) == reached for node in nodes))
    return ".".join(way[: reached + 1])


def _depth(node: Mapping[str, Any], way: Sequence[str]) -> int:
    return next((n for n in range(len(way)) if at(node, *way[: n + 1]) is None), len(way))
