"""Posts in the shapes of X's GraphQL answers, traps included.

Both author shapes, visibility wrappers, tombstones and posts that are not there at all, long text as
``note_tweet``, view counts that new posts do not have yet, quoted and reposted posts nested in their own
way, shortened links, escaped text, the mentions that X puts before an answer.
"""

from __future__ import annotations

from dataclasses import replace

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.chance import chance
from stonechat_aviary.levers import Levers
from stonechat_aviary.media import Media
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.wirelinks import short_link
from stonechat_aviary.wirepeople import Json, new_user, old_user, opaque, with_block
from stonechat_aviary.wiretext import DISPLAYED, link_entities, wire_text, with_short_links
from stonechat_aviary.world import World
from stonechat_aviary.worldtime import x_date

_WEB_APP = '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>'
_TOMBSTONE = "This Post was deleted by the Post author."
_TIMELINES = frozenset({"UserTweets", "UserTweetsAndReplies", "SearchTimeline", "HomeTimeline"})
_ARTICLES = 11
"""One in so many posts of others is an article, where articles are on."""
_PICTURED = 9
"""One in so many posts of others carries a picture."""


class Wire:
    """Writes one answer: everything in it is as of ``now`` and shown to ``viewer`` by ``source``."""

    def __init__(
        self, world: World, now: float, viewer: str, source: str, levers: Levers | None = None
    ) -> None:
        self.world = world
        self.now = now
        self._viewer = viewer
        self._source = source
        self._levers = levers or Levers()
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
        if isinstance(author, Person) and handle.lower() in self._levers.bios:
            author = replace(author, bio=self._levers.bios[handle.lower()])
        user = self._shaped(author, full=full)
        return with_block(user) if handle.lower() in self._levers.blocked_by else user

    def _shaped(self, author: OwnAccount | Person, *, full: bool) -> Json:
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
        """``tweet_results`` for a post: the post, its wrapper, its tombstone, or nothing at all."""
        if not nested and self._is_hollow(post):
            return self._hollow(post)
        match post.hidden:
            case "tombstone" if not nested:
                return {"result": {"__typename": "TweetTombstone", "tombstone": _tombstone()}}
            case "unavailable" if not nested:
                return {"result": {"__typename": "TweetUnavailable", "reason": "Suspended"}}
            case "empty" if not nested:
                return {}
            case "wrapped":
                tweet = self.tweet(post, nested=nested)
                tweet.pop("__typename")
                return {
                    "result": {
                        "__typename": "TweetWithVisibilityResults",
                        "limitedActionResults": {"limitedActions": [{"action": "Reply"}]},
                        "tweet": tweet,
                    }
                }
        return {"result": self.tweet(post, nested=nested)}

    def tweet(self, post: Post, *, nested: bool = False) -> Json:
        """A ``Tweet`` result; the counts in it are noted as served if the post is ours."""
        counts = self.world.counts(post, self.now)
        if post.own:
            self.world.ledger.note_served(post.first_id, counts, self.now, self._source)
        views: Json = {"state": "Enabled"}
        if counts.views is not None:
            views = {"count": str(counts.views), "state": "EnabledWithCount"}
        tweet: Json = {
            "__typename": "Tweet",
            "core": {"user_results": {"result": self.user(post.author)}},
            "edit_control": _edits(post),
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
        if self._source == "TweetDetail" and not nested:
            tweet["has_birdwatch_notes"] = False
        if post.author.lower() == self._viewer:
            tweet["quick_promote_eligibility"] = {"eligibility": "IneligibleTweet"}
        if len(post.text) > DISPLAYED and post.reposted is None:
            tweet["note_tweet"] = _note(post, bare=self._levers.links_bare)
        if self._is_article(post):
            tweet["article"] = _article(post)
        return tweet | self._quoted(post, nested=nested)

    def _quoted(self, post: Post, *, nested: bool) -> Json:
        """The quoted post; a tombstone if it is gone; only a reference inside a quoted post."""
        if not post.quoted:
            return {}
        if nested:
            return {"quotedRefResult": {"result": {"__typename": "Tweet", "rest_id": post.quoted}}}
        quoted = self.world.post(post.quoted, self.now)
        if quoted is None:
            gone = {"__typename": "TweetTombstone", "tombstone": _tombstone()}
            return {"quoted_status_result": {"result": gone}}
        return {"quoted_status_result": self.post_results(quoted, nested=True)}

    def _legacy(self, post: Post, *, nested: bool) -> Json:
        author = self.world.author(post.author)
        address = f"https://x.com/{post.author}/status/{post.id}"
        media = post.media or self._picture(post)
        text = wire_text(
            f"https://x.com/i/article/{post.id}" if self._is_article(post) else post.text,
            bare=self._levers.links_bare,
            answered=self._answered(post),
            media=media,
            address=address,
            author=self.world.author,
        )
        legacy: Json = {
            "bookmarked": False,
            "conversation_id_str": post.conversation,
            "created_at": x_date(post.at),
            "display_text_range": text.shown,
            "entities": text.entities,
            "favorited": False,
            "full_text": text.full_text,
            "id_str": post.id,
            "is_quote_status": post.quoted is not None,
            "lang": "en",
            "retweeted": False,
            "user_id_str": author.id if author else "0",
        }
        if media:
            legacy["extended_entities"] = {"media": text.entities["media"]}
        if media or "urls" in text.entities:
            legacy |= {"possibly_sensitive": False, "possibly_sensitive_editable": True}
        if post.in_reply_to:
            legacy |= self._reply_fields(post)
        if post.quoted:
            legacy |= self._quote_fields(post)
        reposted = self.world.post(post.reposted, self.now) if post.reposted else None
        if reposted is not None:
            legacy["retweeted_status_result"] = self.post_results(reposted, nested=True)
        return legacy

    def _is_hollow(self, post: Post) -> bool:
        """Whether the post cannot be read in its place this time; another time it can."""
        share = self._levers.hollow_share
        if not share or self._source not in _TIMELINES:
            return False
        return bool(chance(self.world.seed, "hollow", post.id, self.now).random() < share)

    def _hollow(self, post: Post) -> Json:
        """One of the ways in which an entry has a post's place and no post that can be read."""
        tweet = self.tweet(post)
        match int(post.id) % 5:
            case 0:
                del tweet["legacy"]
            case 1:
                tweet = {"__typename": "TweetOfTomorrow", "rest_id": post.id, "body": post.text}
            case 2:
                text = {"text": "Subscribe to read this post.", "entities": {}}
                tweet = {"__typename": "TweetPreviewDisplay", "tweet": text, "cta": {"title": "Subscribe"}}
            case 3:
                tweet["legacy"]["full_text"] = None
            case _:
                tweet = {"__typename": "TweetWithVisibilityResults", "tweet": {}}
        return {"result": tweet}

    def _is_article(self, post: Post) -> bool:
        foreign = not (post.own or post.in_reply_to or post.reposted or post.quoted)
        return self._levers.articles and foreign and int(post.id) % _ARTICLES == 0

    def _picture(self, post: Post) -> tuple[Media, ...]:
        """What others show with their posts now and then."""
        if post.own or post.reposted or int(post.id) % _PICTURED or len(post.text) > DISPLAYED:
            return ()
        alt = "A desk by a window." if int(post.id) % 2 else ""
        return (Media(post.id, "", 0, "image/jpeg", 1200, 900, alt),)

    def _answered(self, post: Post) -> str | None:
        """Whom the post answers, if that is not its own author."""
        parent = self.world.post(post.in_reply_to, self.now) if post.in_reply_to else None
        return parent.author if parent is not None and parent.author != post.author else None

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
        expanded = f"https://twitter.com/{author}/status/{post.quoted}"
        return {
            "quoted_status_id_str": post.quoted,
            "quoted_status_permalink": {
                "display": f"x.com/{author}/sta…",
                "expanded": expanded,
                "url": short_link(expanded),
            },
        }


def _edits(post: Post) -> Json:
    control = {
        "edit_tweet_ids": [*post.versions, post.id],
        "editable_until_msecs": str(int(post.at * 1000) + 3_600_000),
        "edits_remaining": str(5 - len(post.versions)),
        "is_edit_eligible": False,
    }
    return {"edit_control_initial": control, "initial_tweet_id": post.first_id} if post.versions else control


def _article(post: Post) -> Json:
    title, _, rest = post.text.partition("\n")
    result = {"rest_id": post.id, "title": title[:80], "preview_text": (rest.strip() or title)[:200]}
    return {"article_results": {"result": result}}


def _joined(author: OwnAccount | Person, world: World) -> float:
    return author.joined if isinstance(author, Person) else world.clock.epoch - 90 * 86_400


def _note(post: Post, *, bare: bool) -> Json:
    return {
        "is_expandable": True,
        "note_tweet_results": {
            "result": {
                "entity_set": {
                    "hashtags": [],
                    "symbols": [],
                    "urls": link_entities(post.text, bare=bare),
                    "user_mentions": [],
                },
                "id": opaque("NoteTweet", post.id),
                "media": {"inline_media": []},
                "richtext": {"richtext_tags": []},
                "text": with_short_links(post.text, bare=bare),
            }
        },
    }


def _tombstone() -> Json:
    text = {"entities": [], "rtl": False, "text": _TOMBSTONE}
    return {"__typename": "TextTombstone", "text": text}
