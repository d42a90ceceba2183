"""Timelines on the wire: entries, modules, cursors, adverts, and errors."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from stonechat_aviary.posts import Post
from stonechat_aviary.wire import Wire

Json = dict[str, Any]


def item(
    wire: Wire, post: Post, *, sort: int, entry_id: str = "", words: Sequence[str] = (), near: str = "tweet"
) -> Json:
    """A timeline entry with one post.

    Args:
        words: what was searched for; where it stands in the text is marked.
        near: the component that X names as the reason why the post is there.
    """
    content = item_content(wire, post)
    if words:
        content["highlights"] = {"textHighlights": _highlights(post.text, words)}
    return _entry(entry_id or f"tweet-{post.id}", sort, content, _why(near, "tweet"))


def pinned_item(wire: Wire, post: Post) -> Json:
    """The entry of a pinned post."""
    content = item_content(wire, post)
    content["socialContext"] = {"contextType": "Pin", "text": "Pinned", "type": "TimelineGeneralContext"}
    return _entry(f"tweet-{post.id}", 0, content, {"component": "pinned_tweets", "element": "tweet"})


def advert(wire: Wire, post: Post, *, sort: int) -> Json:
    """A post that somebody paid for: it stands in every timeline like any other, and is none of its posts."""
    mark = hashlib.sha256(post.id.encode()).hexdigest()[:16]
    content = item_content(wire, post)
    content["promotedMetadata"] = {
        "adMetadataContainer": {"renderLegacyWebsiteCard": True},
        "advertiser_results": {"result": wire.user(post.author)},
        "clickTrackingInfo": {"urlParams": []},
        "disclosureType": "NoDisclosure",
        "experimentValues": [],
        "impressionId": mark,
        "impressionString": mark,
    }
    why = {"component": "suggest_promoted", "element": "tweet"}
    return _entry(f"promoted-tweet-{post.id}-{mark}", sort, content, why)


def item_content(wire: Wire, post: Post, display: str = "Tweet") -> Json:
    """The ``itemContent`` of a post."""
    return {
        "__typename": "TimelineTweet",
        "itemType": "TimelineTweet",
        "tweetDisplayType": display,
        "tweet_results": wire.post_results(post),
    }


def conversation(
    wire: Wire,
    prefix: str,
    posts: Sequence[Post],
    *,
    sort: int,
    display: str = "Tweet",
    more: str = "",
    whole: Sequence[Post] = (),
) -> Json:
    """A module of posts that belong together; ``more`` is the cursor of those that are not shown yet.

    Args:
        whole: the conversation with what is folded away, whose ids alone are told.
    """
    name = f"{prefix}-{posts[0].id}"
    section = "HighQuality" if prefix == "conversationthread" else ""
    items = [
        {
            "entryId": f"{name}-tweet-{post.id}",
            "item": {
                "clientEventInfo": _why("tweet", "tweet", section),
                "itemContent": item_content(wire, post, display),
            },
        }
        for post in posts
    ]
    if more:
        content = {**_cursor_content("ShowMore", more), "displayTreatment": {"actionText": "Show replies"}}
        items.append({"entryId": f"{name}-cursor-showmore-{posts[-1].id}", "item": {"itemContent": content}})
    body: Json = {
        "__typename": "TimelineTimelineModule",
        "clientEventInfo": _why("suggest_ranked_organic_tweet", "", section),
        "displayType": "VerticalConversation",
        "entryType": "TimelineTimelineModule",
        "items": items,
        "metadata": {
            "conversationMetadata": {
                "allTweetIds": [post.id for post in whole or posts],
                "enableDeduplication": True,
            }
        },
    }
    return {"content": body, "entryId": name, "sortIndex": str(sort)}


def who_to_follow(wire: Wire, handles: Sequence[str], *, sort: int) -> Json:
    """The module of accounts that stands among the posts of a profile."""
    name = f"who-to-follow-{sort}"
    why = _why("suggest_who_to_follow", "", injected="WhoToFollow")
    body: Json = {
        "__typename": "TimelineTimelineModule",
        "clientEventInfo": why,
        "displayType": "Vertical",
        "entryType": "TimelineTimelineModule",
        "footer": {
            "displayType": "Classic",
            "landingUrl": {"url": "twitter://connect_people", "urlType": "DeepLink"},
            "text": "Show more",
        },
        "header": {"displayType": "Classic", "sticky": False, "text": "Who to follow"},
        "items": [
            {
                "dispensable": False,
                "entryId": f"{name}-user-{wire.user(handle)['rest_id']}",
                "item": {
                    "clientEventInfo": {**why, "element": "user"},
                    "itemContent": _user_content(wire, handle),
                },
            }
            for handle in handles
        ],
    }
    return {"content": body, "entryId": name, "sortIndex": str(sort)}


def user_item(wire: Wire, handle: str, *, sort: int) -> Json:
    """A timeline entry with one account (lists of followers)."""
    why = {"component": "FollowersSgs", "element": "user"}
    name = f"user-{wire.user(handle).get('rest_id', handle)}"
    return _entry(name, sort, _user_content(wire, handle), why)


def cursor(kind: str, value: str, sort: int = 0) -> Json:
    """A cursor entry of its own; ``kind`` is Top or Bottom."""
    content = {
        "__typename": "TimelineTimelineCursor",
        "cursorType": kind,
        "entryType": "TimelineTimelineCursor",
        "value": value,
    }
    return {"content": content, "entryId": f"cursor-{kind.lower()}-{sort}", "sortIndex": str(sort)}


def show_more_threads(value: str, sort: int) -> Json:
    """The cursor below a conversation that goes on; it stands inside an item."""
    content = _cursor_content("ShowMoreThreads", value)
    entry = _entry(f"cursor-showmorethreads-{sort}", sort, content, {})
    del entry["content"]["clientEventInfo"]
    return entry


def error(code: int, message: str, *path: str) -> Json:
    """An error as GraphQL answers it, usually with HTTP 200."""
    kind = "Permissions" if code in {32, 64, 326, 226, 179} else "Validation"
    return {
        "message": message,
        "locations": [{"line": 19, "column": 3}],
        "path": list(path),
        "extensions": {"name": "AuthorizationError", "source": "Client", "code": code, "kind": kind},
        "code": code,
        "kind": kind,
        "name": "AuthorizationError",
        "source": "Client",
        "tracing": {"trace_id": f"{code:016x}"},
    }


def _entry(name: str, sort: int, content: Json, why: Json) -> Json:
    body = {
        "__typename": "TimelineTimelineItem",
        "clientEventInfo": why,
        "entryType": "TimelineTimelineItem",
        "itemContent": content,
    }
    return {"content": body, "entryId": name, "sortIndex": str(sort)}


def _user_content(wire: Wire, handle: str) -> Json:
    return {
        "__typename": "TimelineUser",
        "itemType": "TimelineUser",
        "user_results": {"result": wire.user(handle)},
        "userDisplayType": "User",
    }


def _cursor_content(kind: str, value: str) -> Json:
    return {
        "__typename": "TimelineTimelineCursor",
        "cursorType": kind,
        "itemType": "TimelineTimelineCursor",
        "value": value,
    }


def _why(component: str, element: str, section: str = "", injected: str = "") -> Json:
    """What the page's script reports back about an entry; the contents are opaque on X, too."""
    opaque = base64.b64encode(component.encode()).decode()
    details: Json = {"timelinesDetails": {"controllerData": opaque}}
    if injected or (component == "suggest_ranked_organic_tweet" and not section):
        details["timelinesDetails"] |= {
            "injectionType": injected or "RankedOrganicTweet",
            "sourceData": opaque,
        }
    if section:
        details["conversationDetails"] = {"conversationSection": section}
    why: Json = {"component": component, "details": details}
    return why | {"element": element} if element else why


def _highlights(text: str, words: Sequence[str]) -> list[Json]:
    lowered = text.lower()
    places = sorted((lowered.find(word), word) for word in words if word in lowered)
    return [{"endIndex": at + len(word), "startIndex": at} for at, word in places]
