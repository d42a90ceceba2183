"""Posts and people in the shapes of X's GraphQL answers, traps included.

Both author shapes, visibility wrappers, tombstones, long text as ``note_tweet``, view counts that new
posts do not have yet, quoted and reposted posts nested in their own way.
"""

from __future__ import annotations

import re

from stonechat.aviary.accounts import OwnAccount
from stonechat.aviary.people import Person
from stonechat.aviary.posts import Post
from stonechat.aviary.wirepeople import Json, new_user, old_user, opaque
from stonechat.aviary.world import World
from stonechat.aviary.worldtime import x_date

_WEB_APP = '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>'
_TOMBSTONE = "This Post was deleted by the Post author."
_DISPLAYED = 280
_MENTION = re.compile(r"@(\w{1,30})")


class Wire:
    """Writes one answer: everything in it is as of ``now`` and shown to ``viewer`` by ``source``."""

    def __init__(self, world: World, now: float, viewer: str, source: str) -> None:
        self.world = world
        self.now = now
        self._viewer = viewer
        self._source = source
        self._users: dict[tuple[str, bool], Json] = {}

    # ---------------------------------------------------------------- people

    def user(self, handle: str, *, full: bool = False) -> Json:
        """A ``User`` result, in the account's own shape (newer or older)."""
        known = self._users.get((handle.lower(), full))
        if known is None:
            known = self._users[(handle.lower(), full)] = self._user(handle, full=full)
        return known

    def _user(self, handle: str, *, full: bool) -> Json:
        author = self.world.author(handle)
        if author is None:
            return {"__typename": "UserUnavailable", "reason": "NotFound"}
        if isinstance(author, Person) and author.old_shape:
            return old_user(author, self._written(author))
        return new_user(
            author,
            joined=_joined(author, self.world),
            followers=self.world.followers(author.handle, self.now),
            posts=self._written(author),
            full=full,
        )

    def _written(self, author: OwnAccount | Person) -> int:
        return len(self.world.posts_of(author.handle, self.now, replies=True))

    # ---------------------------------------------------------------- posts

    def post_results(self, post: Post, *, nested: bool = False) -> Json:
        """``tweet_results`` for a post: the post, its wrapper or its tombstone."""
        if post.hidden == "tombstone" and not nested:
            return {"result": {"__typename": "TweetTombstone", "tombstone": _tombstone()}}
        tweet = self.tweet(post, nested=nested)
        if post.hidden == "wrapped":
            actions = {"limitedActions": [{"action": "Reply"}]}
            tweet.pop("__typename")
            return {
                "result": {
                    "__typename": "TweetWithVisibilityResults",
                    "limitedActionResults": actions,
                    "tweet": tweet,
                }
            }
        return {"result": tweet}

    def tweet(self, post: Post, *, nested: bool = False) -> Json:
        """A ``Tweet`` result; the counts in it are noted as served if the post is ours."""
        counts = self.world.counts(post, self.now)
        if post.own:
            self.world.ledger.note_served(post.id, counts, self.now, self._source)
        views: Json = {"state": "Enabled"}
        if counts.views is not None:
            views = {"count": str(counts.views), "state": "EnabledWithCount"}
        tweet: Json = {
            "__typename": "Tweet",
            "core": {"user_results": {"result": self.user(post.author)}},
            "edit_control": {
                "edit_tweet_ids": [post.id],
                "editable_until_msecs": str(int(post.at * 1000) + 3_600_000),
                "edits_remaining": "5",
                "is_edit_eligible": False,
            },
            "grok_translated_post_with_availability": {"is_available": False},
            "is_translatable": False,
            "legacy": self._legacy(post, nested=nested)
            | {
                "bookmark_count": counts.bookmarks,
                "favorite_count": counts.likes,
                "quote_count": counts.quotes,
                "reply_count": counts.replies,
                "retweet_count": counts.reposts,
            },
            "rest_id": post.id,
            "source": _WEB_APP,
            "unmention_data": {},
            "views": views,
        }
        if post.author.lower() == self._viewer:
            tweet["quick_promote_eligibility"] = {"eligibility": "IneligibleTweet"}
        if len(post.text) > _DISPLAYED and post.reposted is None:
            tweet["note_tweet"] = _note(post)
        quoted = self.world.post(post.quoted, self.now) if post.quoted else None
        if quoted is not None and not nested:
            tweet["quoted_status_result"] = self.post_results(quoted, nested=True)
        return tweet

    def _legacy(self, post: Post, *, nested: bool) -> Json:
        author = self.world.author(post.author)
        text = post.text if len(post.text) <= _DISPLAYED else post.text[: _DISPLAYED - 1] + "…"
        legacy: Json = {
            "bookmarked": False,
            "conversation_id_str": post.conversation,
            "created_at": x_date(post.at),
            "display_text_range": [0, len(text)],
            "entities": self._entities(text),
            "favorited": False,
            "full_text": text,
            "id_str": post.id,
            "is_quote_status": post.quoted is not None,
            "lang": "en",
            "retweeted": False,
            "user_id_str": author.id if author else "0",
        }
        if post.in_reply_to:
            legacy |= self._reply_fields(post)
        if post.quoted and not nested:
            legacy |= self._quote_fields(post)
        reposted = self.world.post(post.reposted, self.now) if post.reposted else None
        if reposted is not None:
            legacy["retweeted_status_result"] = self.post_results(reposted, nested=True)
        return legacy

    def _entities(self, text: str) -> Json:
        """The accounts that a text mentions; empty where there are none, as on the real wire."""
        found = [(match, self.world.author(match[1])) for match in _MENTION.finditer(text)]
        mentions = [
            {
                "id_str": author.id,
                "indices": [match.start(), match.end()],
                "name": author.name,
                "screen_name": author.handle,
            }
            for match, author in found
            if author is not None
        ]
        return {"user_mentions": mentions} if mentions else {}

    def _reply_fields(self, post: Post) -> Json:
        parent = self.world.post(post.in_reply_to or "", self.now)
        author = self.world.author(parent.author) if parent else None
        fields: Json = {"in_reply_to_status_id_str": post.in_reply_to}
        if author is not None:
            fields |= {"in_reply_to_screen_name": author.handle, "in_reply_to_user_id_str": author.id}
        return fields

    def _quote_fields(self, post: Post) -> Json:
        quoted = self.world.post(post.quoted or "", self.now)
        author = quoted.author if quoted else "i"
        return {
            "quoted_status_id_str": post.quoted,
            "quoted_status_permalink": {
                "display": f"x.com/{author}/sta…",
                "expanded": f"https://twitter.com/{author}/status/{post.quoted}",
                "url": "https://t.co/" + (post.quoted or "")[-10:],
            },
        }

    # ---------------------------------------------------------------- timelines

    def item(self, post: Post, *, entry_id: str | None = None, sort: int = 0, pinned: bool = False) -> Json:
        """A timeline entry with one post."""
        content: Json = {
            "__typename": "TimelineTimelineItem",
            "clientEventInfo": {"component": "pinned_tweets" if pinned else "tweet", "element": "tweet"},
            "entryType": "TimelineTimelineItem",
            "itemContent": self.item_content(post),
        }
        if pinned:
            content["itemContent"]["socialContext"] = {
                "contextType": "Pin",
                "text": "Pinned",
                "type": "TimelineGeneralContext",
            }
        return {"content": content, "entryId": entry_id or f"tweet-{post.id}", "sortIndex": str(sort)}

    def item_content(self, post: Post, display: str = "Tweet") -> Json:
        """The ``itemContent`` of a post."""
        return {
            "__typename": "TimelineTweet",
            "itemType": "TimelineTweet",
            "tweetDisplayType": display,
            "tweet_results": self.post_results(post),
        }

    def module(self, prefix: str, posts: list[Post], *, sort: int = 0, display: str = "Tweet") -> Json:
        """A conversation module: several posts that belong together."""
        name = f"{prefix}-{posts[0].id}"
        return {
            "content": {
                "__typename": "TimelineTimelineModule",
                "clientEventInfo": {"component": "suggest_ranked_organic_tweet"},
                "displayType": "VerticalConversation",
                "entryType": "TimelineTimelineModule",
                "items": [
                    {
                        "entryId": f"{name}-tweet-{post.id}",
                        "item": {
                            "clientEventInfo": {"component": "tweet", "element": "tweet"},
                            "itemContent": self.item_content(post, display),
                        },
                    }
                    for post in posts
                ],
                "metadata": {
                    "conversationMetadata": {
                        "allTweetIds": [post.id for post in posts],
                        "enableDeduplication": True,
                    }
                },
            },
            "entryId": name,
            "sortIndex": str(sort),
        }

    def user_item(self, handle: str, sort: int) -> Json:
        """A timeline entry with one account (lists of followers)."""
        user = self.user(handle)
        content = {
            "__typename": "TimelineUser",
            "itemType": "TimelineUser",
            "user_results": {"result": user},
            "userDisplayType": "User",
        }
        return {
            "content": {
                "__typename": "TimelineTimelineItem",
                "clientEventInfo": {"component": "FollowersSgs", "element": "user"},
                "entryType": "TimelineTimelineItem",
                "itemContent": content,
            },
            "entryId": f"user-{user.get('rest_id', handle)}",
            "sortIndex": str(sort),
        }


def cursor(kind: str, value: str, sort: int = 0) -> Json:
    """A cursor entry; ``kind`` is Top, Bottom, ShowMore or ShowMoreThreads."""
    return {
        "content": {
            "__typename": "TimelineTimelineCursor",
            "cursorType": kind,
            "entryType": "TimelineTimelineCursor",
            "value": value,
        },
        "entryId": f"cursor-{kind.lower()}-{sort}",
        "sortIndex": str(sort),
    }


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


def _joined(author: OwnAccount | Person, world: World) -> float:
    return author.joined if isinstance(author, Person) else world.clock.epoch - 90 * 86_400


def _note(post: Post) -> Json:
    return {
        "is_expandable": True,
        "note_tweet_results": {
            "result": {
                "entity_set": {"hashtags": [], "symbols": [], "urls": [], "user_mentions": []},
                "id": opaque("NoteTweet", post.id),
                "media": {"inline_media": []},
                "richtext": {"richtext_tags": []},
                "text": post.text,
            }
        },
    }


def _tombstone() -> Json:
    text = {"entities": [], "rtl": False, "text": _TOMBSTONE}
    return {"__typename": "TextTombstone", "text": text}
