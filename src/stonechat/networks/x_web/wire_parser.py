"""What X's web client is answered: posts, accounts, errors, read from the JSON of any of its calls.

The reader does not follow one path for each call. It walks the whole answer and takes every mapping
that is a post, so wrappers (``TweetWithVisibilityResults``), modules, pinned entries, quoted and
reposted posts need no code of their own, and tombstones or references without a text are no posts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stonechat.core.errors import PageChanged, Permanent, Transient
from stonechat.core.model import Metrics
from stonechat.core.network import NetworkPost, Profile, ShownPicture
from stonechat.networks.x_web.authors import Author, account, read_authors
from stonechat.networks.x_web.json_access import (
    at,
    count,
    every_mapping,
    listed,
    mapping,
    moment,
    moment_of_id,
    text,
)
from stonechat.networks.x_web.text import as_sent, as_written

SITE = "https://x.com"

_MOST_DIGITS = 40
MOVED = 3
"""Where so many posts are there and none can be read, the site has changed; fewer may be withheld."""
_COUNTS = ("likes", "reposts", "replies", "quotes", "bookmarks", "views")


def load_answer(raw: str | bytes, source: str) -> Any:
    """The JSON of an answer.

    Raises:
        Transient: the answer is empty, cut off or HTML: what a proxy or a failing server sends.
    """
    body = raw.decode("utf-8-sig", "replace") if isinstance(raw, bytes) else raw.removeprefix("\ufeff")
    body = body.strip()
    if not body:
        raise Transient(f"{source} is empty.", meaning="Nothing was read.", remedy="Try again.")
    if body.startswith("<"):
        raise Transient(
            f"{source} is an HTML page where JSON was expected.",
            meaning="A proxy, a login page or a failing server answered instead of the service.",
            remedy="Try again; if it stays so, check the address and the session.",
        )
    try:
        return json.loads(body, parse_int=_number)
    except (ValueError, RecursionError) as exc:
        where = f" at character {exc.pos} of {len(body)}" if isinstance(exc, json.JSONDecodeError) else ""
        raise Transient(
            f"{source} is not whole JSON: it breaks off or is damaged{where}.",
            meaning="Nothing of it was used, since a part of an answer would look like missing posts.",
            remedy="Fetch it again.",
        ) from exc


def _number(digits: str) -> int | None:
    """A whole number; None for one of thousands of digits, which must not cost the rest of the answer."""
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def read_posts(answer: object, *, written: bool = False, site: str = SITE) -> list[NetworkPost]:
    """Every post in an answer, once, in the order of first appearance.

    Quoted and reposted posts are posts of their own. Where one post appears several times, what one
    appearance leaves out is taken from another.

    Args:
        answer: the decoded JSON of any call, or a list of several.
        written: give the texts as their authors wrote them instead of as they were sent
            (see :mod:`stonechat.networks.x_web.text`).
        site: where the posts' addresses begin.
    """
    nodes = list(every_mapping(answer))
    authors = read_authors(nodes)
    found: dict[str, NetworkPost] = {}
    for node in nodes:
        post_id = _post_id(node)
        if post_id is None:
            continue
        post = _read_post(node, post_id, authors.author(node, post_id), written=written, site=site)
        known = found.get(post_id)
        found[post_id] = post if known is None else _joined(known, post)
    return list(found.values())


def _post_id(node: Mapping[str, Any]) -> str | None:
    legacy = node.get("legacy")
    if not isinstance(legacy, dict) or not isinstance(legacy.get("full_text"), str):
        return None
    return text(node, "rest_id") or text(legacy, "id_str")


def _read_post(
    node: Mapping[str, Any], post_id: str, author: Author, *, written: bool, site: str
) -> NetworkPost:
    legacy = mapping(node, "legacy")
    return NetworkPost(
        id=post_id,
        author=author.handle,
        created_at=moment(text(legacy, "created_at")) or moment_of_id(post_id),
        text=as_written(node) if written else as_sent(node),
        metrics=Metrics(
            likes=count(legacy, "favorite_count"),
            reposts=count(legacy, "retweet_count"),
            replies=count(legacy, "reply_count"),
            quotes=count(legacy, "quote_count"),
            bookmarks=count(legacy, "bookmark_count"),
            views=_views(node),
        ),
        url=f"{site}/{author.handle or 'i'}/status/{post_id}",
        in_reply_to=text(legacy, "in_reply_to_status_id_str"),
        quoted_id=text(legacy, "quoted_status_id_str"),
        author_followers=author.followers,
        pictures=_pictures(legacy),
        versions=_versions(node, post_id),
        conversation_id=text(legacy, "conversation_id_str"),
        language=_language(legacy),
        sensitive=marked if isinstance(marked := legacy.get("possibly_sensitive"), bool) else None,
        author_bio=author.bio,
        author_blocks_us=author.blocks_us,
    )


def _language(legacy: Mapping[str, Any]) -> str | None:
    """``en``; None for what X writes where it cannot tell (``und``, ``zxx``, ``qme`` …)."""
    told = (text(legacy, "lang") or "").partition("-")[0].lower()
    return _OLD_CODES.get(told, told) if len(told) == 2 else None


_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi"}


def _pictures(legacy: Mapping[str, Any]) -> tuple[ShownPicture, ...]:
    found = listed(legacy, "extended_entities", "media") or listed(legacy, "entities", "media")
    return tuple(ShownPicture(text(one, "id_str") or "", text(one, "ext_alt_text") or "") for one in found)


def _versions(node: Mapping[str, Any], post_id: str) -> tuple[str, ...]:
    """Ids of earlier versions: an edited post has an id of its own and names those before it."""
    control = mapping(node, "edit_control")
    ids = at(control, "edit_tweet_ids") or at(control, "edit_control_initial", "edit_tweet_ids")
    named = [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
    first = text(control, "initial_tweet_id")
    named = named if first is None or first in named else [first, *named]
    return tuple(named[: named.index(post_id)] if post_id in named else named if first else ())


def _views(node: Mapping[str, Any]) -> int | None:
    # A post that nobody has seen yet, or one from before views were counted, has a state and no count.
    shown = count(node, "views", "count")
    return shown if shown is not None else count(node, "ext_views", "count")


def _joined(first: NetworkPost, other: NetworkPost) -> NetworkPost:
    mine, theirs = first.metrics, other.metrics
    metrics = Metrics(**{name: _or(getattr(mine, name), getattr(theirs, name)) for name in _COUNTS})
    longer = other.text if len(other.text) > len(first.text) else first.text
    return replace(
        first,
        metrics=metrics,
        text=longer,
        author=first.author or other.author,
        url=first.url if first.author else other.url,
        author_followers=_or(first.author_followers, other.author_followers),
        author_bio=first.author_bio or other.author_bio,
        author_blocks_us=first.author_blocks_us or other.author_blocks_us,
        conversation_id=first.conversation_id or other.conversation_id,
        pictures=first.pictures or other.pictures,
    )


def _or(first: int | None, other: int | None) -> int | None:
    return other if first is None else first


def timeline_instructions(answer: object) -> list[Mapping[str, Any]] | None:
    """The timeline's instructions, or None where the answer holds no timeline at all."""
    found: list[Mapping[str, Any]] = []
    seen = False
    for node in every_mapping(answer):
        instructions = node.get("instructions")
        if isinstance(instructions, list):
            seen = True
            found.extend(one for one in instructions if isinstance(one, Mapping))
    return found if seen else None


def holds_something(answer: object) -> bool:
    """Whether an answer holds any data: a post, an account, a timeline with entries.

    An empty shell (``{"user": {"result": {}}}``) beside an error is no data: then the error is the answer.
    """
    return any(
        _post_id(node) is not None
        or account(node).handle != ""
        or node.get("__typename") == "UserUnavailable"
        or bool(node.get("entries") or node.get("entry"))
        for node in every_mapping(at(answer, "data"))
    )


def read_timeline(
    answer: object, operation: str, *, written: bool = False, site: str = SITE
) -> list[NetworkPost]:
    """The posts that stand in a timeline by themselves: no quoted ones, no advertisements, no reposts.

    Raises:
        Permanent: the account whose timeline it would be does not exist or is not shown.
        PageChanged: the answer holds no timeline, or entries in which no post is found; an empty
            result is a timeline without entries, so the two are never mistaken for each other.
    """
    instructions = timeline_instructions(answer)
    if instructions is None:
        refuse_missing_account(answer)
        raise _moved(f"{operation}: data…instructions", f"The answer to {operation} holds no timeline.")
    places, results, kept = 0, 0, set()
    for item in (
        mapping(node, "itemContent") for node in every_mapping(instructions) if "itemContent" in node
    ):
        result = mapping(item, "tweet_results", "result")
        post = mapping(result, "tweet") or result
        places += "tweet_results" in item
        results += bool(post) and post.get("__typename") in _POSTS
        if "promotedMetadata" not in item and at(post, "legacy", "retweeted_status_result") is None:
            kept.add(_post_id(post))
    posts = read_posts(answer, written=written, site=site)
    if results >= MOVED and not posts:
        raise _moved(
            f"{operation}: …tweet_results.result.legacy", f"The posts of {operation} cannot be read."
        )
    if not places and any(_looks_like_a_post(node) for node in every_mapping(instructions)):
        raise _moved(
            f"{operation}: …itemContent.tweet_results", f"The entries of {operation} cannot be read."
        )
    return [post for post in posts if post.id in kept] if places else posts


def unread_posts(answer: object, *, site: str = SITE) -> list[NetworkPost]:
    """Posts that have a place in a timeline, and that could not be read there.

    Withheld, not brought along in time, for subscribers alone, of a kind that nobody knew when this was
    written: whatever the reason, the place is taken by something that may be what is looked for.
    """
    found = []
    for node in every_mapping(answer):
        item = mapping(node, "content", "itemContent") or mapping(node, "item", "itemContent")
        named = _PLACE.search(text(node, "entryId") or "")
        if "promotedMetadata" in item or not (named or item.get("itemType") == "TimelineTweet"):
            continue
        result = mapping(item, "tweet_results", "result")
        if _post_id(mapping(result, "tweet") or result) is None:
            post_id = named["id"] if named else text(result, "rest_id") or ""
            address = f"{site}/i/status/{post_id}"
            found.append(NetworkPost(post_id, "", moment_of_id(post_id), "", url=address))
    return found


def folded_ids(answer: object) -> frozenset[str]:
    """Ids of posts that a conversation on a profile names and does not show."""
    named: set[str] = set()
    for node in every_mapping(answer):
        ids = at(node, "conversationMetadata", "allTweetIds")
        named |= {one for one in ids if isinstance(one, str)} if isinstance(ids, list) else set()
    return frozenset(named - {post_id for node in every_mapping(answer) if (post_id := _post_id(node))})


def repeated_ids(answer: object) -> frozenset[str]:
    """Ids of posts that stand in a timeline only above a newer one, which lifted them there.

    They say nothing about how far back a read saw: a conversation stands where its last post belongs.
    """
    lifted: set[str] = set()
    lasts: set[str] = set()
    for node in every_mapping(answer):
        alone = mapping(node, "content", "itemContent")
        ids = [_post_id_of(mapping(one, "item", "itemContent")) for one in listed(node, "content", "items")]
        shown = [one for one in (ids or [_post_id_of(alone)]) if one]
        lasts |= set(shown[-1:])
        lifted |= set(shown[:-1])
    return frozenset(lifted - lasts)


def _post_id_of(item: Mapping[str, Any]) -> str | None:
    result = mapping(item, "tweet_results", "result")
    return _post_id(mapping(result, "tweet") or result)


def refuse_missing_account(answer: object) -> None:
    """Raise ``Permanent`` where an answer about an account says that there is none, or none to be shown."""
    user = at(answer, "data", "user")
    if user == {}:
        raise Permanent("There is no such account.", remedy="Check the handle.")
    if at(user, "result", "__typename") == "UserUnavailable":
        reason = text(user, "result", "reason") or text(user, "result", "message") or "no reason given"
        raise Permanent(f"The account is not shown ({reason}).")


_PLACE = re.compile(r"(?:^|-)tweet-(?P<id>\d+)$")
_POSTS = frozenset({"Tweet", "TweetWithVisibilityResults", None})
"""Types whose posts can be read; the type of a wrapped post is left out."""


def _looks_like_a_post(entry: Mapping[str, Any]) -> bool:
    return (text(entry, "entryId") or "").startswith("tweet-")


def _moved(missing: str, what: str) -> PageChanged:
    return PageChanged(
        missing,
        what,
        meaning="The site changed what it answers; nothing was read from it.",
        remedy="Update Stonechat; `stonechat jobs run scraping.selectors --wait 120` names all "
        "that has moved.",
    )


def pinned_ids(answer: object) -> frozenset[str]:
    """Ids of posts pinned to the top of a profile: they say nothing about how far back a read saw."""
    pins = [one for one in timeline_instructions(answer) or () if one.get("type") == "TimelinePinEntry"]
    return frozenset(post.id for post in read_posts(pins))


def cursor(answer: object, kind: str = "Bottom") -> str | None:
    """Where the next page of a timeline begins (``Top``, ``Bottom``, ``ShowMore``, ``ShowMoreThreads``)."""
    for node in every_mapping(answer):
        if node.get("cursorType") == kind:
            return text(node, "value")
    return None


def created_post_ids(answer: object) -> list[str]:
    """The ids of the posts that a ``CreateTweet`` answer says it made; empty where it does not say."""
    made = at(answer, "data", "create_tweet") or at(answer, "data", "notetweet_create") or {}
    result = mapping(made, "tweet_results", "result")
    post_id = text(result, "rest_id") or text(result, "tweet", "rest_id")
    return [post_id] if post_id else []


def read_profile(answer: object, handle: str | None = None) -> Profile | None:
    """The account in a ``UserByScreenName`` answer, or the one called ``handle`` in any answer."""
    for node in every_mapping(answer):
        found = account(node)
        if not found.handle or "rest_id" not in node:
            continue
        if handle and found.handle.casefold() != handle.casefold():
            continue
        following = count(node, "relationship_counts", "following")
        return Profile(
            handle=found.handle,
            name=text(node, "core", "name") or text(node, "legacy", "name") or "",
            followers=found.followers,
            following=count(node, "legacy", "friends_count") if following is None else following,
            bio=found.bio,
            blocks_us=found.blocks_us,
        )
    return None


def read_post_count(answer: object, handle: str) -> int | None:
    """How many posts the account called ``handle`` has, by its own figure; None where none is told."""
    for node in every_mapping(answer):
        if "rest_id" in node and account(node).handle.casefold() == handle.casefold():
            told = count(node, "tweet_counts", "tweets")
            return count(node, "legacy", "statuses_count") if told is None else told
    return None
