"""The GraphQL operations behind the pages: one function for each, from variables to the answer's JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.searching import parse_query
from stonechat_aviary.wire import Wire
from stonechat_aviary.wirelists import (
    advert,
    conversation,
    cursor,
    error,
    item,
    pinned_item,
    show_more_threads,
    user_item,
    who_to_follow,
)
from stonechat_aviary.wirepeople import Json

PAGE = 20
_ADVERT_AFTER = 3
"""Entries before the one that is paid for."""
_ON_A_PROFILE = 3
"""Posts of one conversation that a profile shows."""
_THREAD = 12
"""Posts of a conversation that are shown before its "Show replies"."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what the levers change for him.

    Attributes:
        pinned: id of a post that is pinned to its author's profile.
        promoted: whether timelines carry adverts.
        hold_back: world seconds for which a profile does not show a new post yet.
    """

    viewer: str
    pinned: str = ""
    promoted: bool = True
    hold_back: float = 0.0


Operation = Callable[[Wire, Json, Asked], Json]


def search_timeline(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``SearchTimeline``: Top or Latest, in pages."""
    query = parse_query(str(variables.get("rawQuery", "")))
    if variables.get("product") == "People":
        found: list[Post] = []
    else:
        found = wire.world.search(query, wire.now, latest=variables.get("product") == "Latest")
    page, after = _page(found, variables)
    words = [word for group in query.groups for word in group]
    entries = [
        item(wire, post, sort=_sort(wire, n), words=words, near="latest_nightowl_recency")
        for n, post in enumerate(page)
    ]
    entries = _with_advert(wire, entries, asked)
    instructions = [{"type": "TimelineAddEntries", "entries": entries + _cursors(after)}]
    return {"search_by_raw_query": {"search_timeline": {"timeline": {"instructions": instructions}}}}


def user_tweets(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``UserTweets``: roots and own threads of one account, a pinned post first."""
    return _profile_timeline(wire, variables, asked, replies=False)


def user_tweets_and_replies(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``UserTweetsAndReplies``: everything that an account wrote, answers with what they answer."""
    return _profile_timeline(wire, variables, asked, replies=True)


def tweet_detail(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``TweetDetail``: the posts above, the post, and the conversations below it."""
    post = wire.world.post(str(variables.get("focalTweetId", "")), wire.now)
    if post is None:
        raise NotFound("threaded_conversation_with_injections_v2")
    top = [] if variables.get("cursor") else [*_above(wire, post), post]
    entries = [item(wire, one, sort=_sort(wire, n)) for n, one in enumerate(top)]
    answers = wire.world.answers(post.id, wire.now)
    own_first = sorted(answers, key=lambda answer: answer.author != post.author)
    page, after = _page(own_first, variables, size=35)
    for number, answer in enumerate(page):
        thread = [answer, *_below(wire, answer)]
        display = "SelfThread" if answer.author == post.author else "Tweet"
        entries.append(
            conversation(
                wire,
                "conversationthread",
                thread[:_THREAD],
                sort=_sort(wire, 100 + number),
                display=display,
                more=_encoded(f"0|{thread[_THREAD - 1].id}") if len(thread) > _THREAD else "",
            )
        )
    entries = _with_advert(wire, entries, asked)
    if top:
        entries.append(_cursors(after)[1])
    elif len(answers) > int(after.partition("|")[0]):
        entries.append(show_more_threads(_encoded(after), 1))
    return {
        "threaded_conversation_with_injections_v2": {
            "instructions": [
                {"type": "TimelineClearCache"},
                {"type": "TimelineAddEntries", "entries": entries},
                {"type": "TimelineTerminateTimeline", "direction": "Top"},
            ],
            "metadata": {
                "reader_mode_config": {"is_reader_mode_available": False},
                "scribeConfig": {"page": "ranked_replies"},
            },
        }
    }


def tweet_result(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``TweetResultByRestId``: one post, or an empty result where there is none."""
    post = wire.world.post(str(variables.get("tweetId", "")), wire.now)
    return {"tweetResult": wire.post_results(post) if post else {}}


def user_by_screen_name(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``UserByScreenName``: one account, or no ``user`` at all where there is none."""
    handle = str(variables.get("screen_name", "")).lstrip("@")
    if wire.world.author(handle) is None:
        return {}
    return {"user": {"result": wire.user(handle, full=True)}}


def home_timeline(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``HomeTimeline``: what others and we posted lately."""
    page, after = _page(wire.world.home(asked.viewer, wire.now), variables)
    entries = [item(wire, post, sort=_sort(wire, n)) for n, post in enumerate(page)]
    entries = _with_advert(wire, entries, asked)
    instructions = [{"type": "TimelineAddEntries", "entries": entries + _cursors(after)}]
    return {"home": {"home_timeline_urt": {"instructions": instructions, "metadata": {"scribeConfig": {}}}}}


def notifications(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``NotificationsTimeline`` of the mentions tab: posts that speak to the viewer."""
    page, after = _page(wire.world.mentions(asked.viewer, wire.now), variables)
    entries = [
        item(wire, post, entry_id=f"notification-{post.id}", sort=_sort(wire, n))
        for n, post in enumerate(page)
    ]
    timeline = {
        "instructions": [
            {"type": "TimelineClearCache"},
            {"type": "TimelineAddEntries", "entries": entries + _cursors(after)},
        ]
    }
    user = {"__typename": "User", "rest_id": wire.user(asked.viewer)["rest_id"]}
    return {
        "viewer_v2": {"user_results": {"result": user | {"notification_timeline": {"timeline": timeline}}}}
    }


def followers(wire: Wire, variables: Json, asked: Asked) -> Json:
    """``Followers``: accounts that follow (the first page is all that is shown)."""
    handles = list(wire.world.people)[:PAGE]
    entries = [user_item(wire, handle, sort=_sort(wire, n)) for n, handle in enumerate(handles)]
    timeline = {"instructions": [{"type": "TimelineAddEntries", "entries": entries + _cursors("0|")}]}
    return {"user": {"result": {"__typename": "User", "timeline": {"timeline": timeline}}}}


READS: dict[str, Operation] = {
    "SearchTimeline": search_timeline,
    "UserTweets": user_tweets,
    "UserTweetsAndReplies": user_tweets_and_replies,
    "TweetDetail": tweet_detail,
    "TweetResultByRestId": tweet_result,
    "UserByScreenName": user_by_screen_name,
    "HomeTimeline": home_timeline,
    "HomeLatestTimeline": home_timeline,
    "NotificationsTimeline": notifications,
    "Followers": followers,
    "BlueVerifiedFollowers": followers,
}
"""Operations that only read, by the name in the address."""


class NotFound(Exception):
    """The post asked for does not exist; answered as an error with HTTP 200."""

    def as_error(self) -> Json:
        """X's error 144."""
        return error(144, "_Missing: No status found with that ID.", str(self.args[0]))


def created(wire: Wire, post: Post) -> Json:
    """The answer of ``CreateTweet``."""
    return {"create_tweet": {"tweet_results": wire.post_results(post)}}


def _profile_timeline(wire: Wire, variables: Json, asked: Asked, *, replies: bool) -> Json:
    author = _author_of(wire, variables)
    if author is None:
        return {}
    posts = wire.world.posts_of(author, wire.now, replies=replies)
    if asked.hold_back:
        posts = [post for post in posts if post.at <= wire.now - asked.hold_back]
    page, after = _page(posts, variables)
    entries = _with_advert(wire, _grouped(wire, page), asked)
    first = not variables.get("cursor")
    if first:
        handles = [handle for handle in wire.world.people if handle != author.lower()][:3]
        entries.insert(min(2, len(entries)), who_to_follow(wire, handles, sort=_sort(wire, 50)))
    instructions: list[Json] = [{"type": "TimelineClearCache"}]
    pin = wire.world.post(asked.pinned, wire.now) if asked.pinned and first else None
    if pin is not None and pin.author.lower() == author.lower():
        instructions.append({"type": "TimelinePinEntry", "entry": pinned_item(wire, pin)})
    instructions.append({"type": "TimelineAddEntries", "entries": entries + _cursors(after)})
    timeline = {"instructions": instructions, "metadata": {"scribeConfig": {"page": "profileBest"}}}
    return {"user": {"result": {"__typename": "User", "timeline": {"timeline": timeline}}}}


def _grouped(wire: Wire, page: list[Post]) -> list[Json]:
    """A profile's posts as entries: one that answers another stands in a module with what it answers."""
    entries: list[Json] = []
    shown: set[str] = set()
    for number, post in enumerate(page):
        if post.id in shown:
            continue
        group = [*_above(wire, post), post]
        shown |= {one.id for one in group}
        sort = _sort(wire, number)
        entries.append(
            item(wire, post, sort=sort, near="suggest_ranked_organic_tweet")
            if len(group) == 1
            else conversation(wire, "profile-conversation", _folded(group), sort=sort, whole=group)
        )
    return entries


def _folded(group: list[Post]) -> list[Post]:
    """What a profile shows of a conversation: where it begins, and its last two posts."""
    return group if len(group) <= _ON_A_PROFILE else [group[0], *group[1 - _ON_A_PROFILE :]]


def _with_advert(wire: Wire, entries: list[Json], asked: Asked) -> list[Json]:
    """The entries with one that is paid for among them; a timeline without entries has none."""
    post = wire.world.advert(asked.viewer, wire.now) if asked.promoted and entries else None
    if post is None or any(entry["entryId"] == f"tweet-{post.id}" for entry in entries):
        return entries
    paid = advert(wire, post, sort=_sort(wire, 60))
    return [*entries[:_ADVERT_AFTER], paid, *entries[_ADVERT_AFTER:]]


def _author_of(wire: Wire, variables: Json) -> str | None:
    wanted = str(variables.get("userId", ""))
    everybody: list[OwnAccount | Person] = [*wire.world.accounts.values(), *wire.world.people.values()]
    return next((author.handle for author in everybody if author.id == wanted), None)


def _above(wire: Wire, post: Post) -> list[Post]:
    """The chain of posts that ``post`` answers, root first."""
    chain: list[Post] = []
    while post.in_reply_to:
        parent = wire.world.post(post.in_reply_to, wire.now)
        if parent is None:
            break
        chain.insert(0, parent)
        post = parent
    return chain


def _below(wire: Wire, post: Post) -> list[Post]:
    """One answer after the other, as a conversation is shown: the author's own first."""
    chain: list[Post] = []
    while len(chain) <= _THREAD:
        answers = wire.world.answers(post.id, wire.now)
        if not answers:
            break
        post = min(answers, key=lambda answer: (answer.author != post.author, int(answer.id)))
        chain.append(post)
    return chain


def _page(posts: list[Post], variables: Json, size: int = PAGE) -> tuple[list[Post], str]:
    """The asked-for page and the cursor of the next; a cursor keeps its place when new posts arrive."""
    size = min(size, max(1, int(variables.get("count") or size)))
    skip, last = _read_cursor(variables.get("cursor"))
    if last:
        place = next((n for n, post in enumerate(posts) if post.id == last), None)
        skip = place + 1 if place is not None else skip
    page = posts[skip : skip + size]
    return page, f"{skip + len(page)}|{page[-1].id if page else last}"


def _read_cursor(value: Any) -> tuple[int, str]:
    try:
        skip, _, last = base64.b64decode(str(value or "")).decode().partition("|")
        return int(skip or 0), last
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return 0, ""


def _cursors(after: str) -> list[Json]:
    return [cursor("Top", _encoded("0|"), 2), cursor("Bottom", _encoded(after), 1)]


def _encoded(after: str) -> str:
    return base64.b64encode(after.encode()).decode()


def _sort(wire: Wire, number: int) -> int:
    return (int(wire.now * 1000) << 20) - number
