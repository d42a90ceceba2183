"""Posts and accounts in the shapes of X's API, version 2: by its newer names, or by those before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.world import World

Json = dict[str, Any]

PROBLEMS = "https://api.x.com/2/problems/"
KEPT_DAYS = 30
"""Days for which X tells an author the figures that nobody else sees."""

_LINK = re.compile(r"https?://[^\s<>]+")


def problem(kind: str, said: str, status: int, **more: str) -> Json:
    """One problem, as X writes it."""
    title = kind.replace("-", " ").capitalize()
    return {"type": PROBLEMS + kind, "title": title, "detail": said, "status": status, **more}


@dataclass(frozen=True, slots=True)
class XApiWire:
    """How the world looks at ``now`` to ``viewer``.

    Attributes:
        older: by the names before 2.167 (``tweet`` for ``post``, ``retweet_count``).
    """

    world: World
    now: float
    viewer: str
    older: bool

    @property
    def noun(self) -> str:
        """What a post is called."""
        return "tweet" if self.older else "post"

    def answer(self, posts: Sequence[Post], *, own_figures: bool) -> Json:
        """Posts with whoever wrote them, their media, and the figures that are no longer kept as problems."""
        rows = [self.post(one, own_figures=own_figures) for one in posts]
        authors = {one.author.lower(): self.world.author(one.author) for one in posts}
        media = [self._media(one) for post in posts for one in post.media]
        beside: Json = {"users": [self.user(one) for one in authors.values() if one is not None]}
        if media:
            beside["media"] = media
        body: Json = {"data": rows, "includes": beside}
        if problems := list(self._problems(posts, own_figures=own_figures)):
            body["errors"] = problems
        return body

    def post(self, post: Post, *, own_figures: bool) -> Json:
        """One post, with its counts as they are now; what is shown of ours is noted in the ledger."""
        author, known = self.world.author(post.author), self.world.counts(post, self.now)
        counts = replace(
            known, bookmarks=known.bookmarks or 0, views=known.views or 0
        )  # X's API knows no gaps
        if post.own:
            self.world.ledger.note_served(post.first_id, counts, self.now, "x_api")
        text, links = _shortened(post)
        body: Json = {
            "id": post.id,
            "text": escape(text, quote=False),
            "author_id": author.id if author else "",
            "created_at": moment(post.at),
            "conversation_id": post.conversation or post.id,
            "lang": "en",
            "possibly_sensitive": False,
            f"edit_history_{self.noun}_ids": [*post.versions, post.id],
            "public_metrics": {
                ("retweet_count" if self.older else "repost_count"): counts.reposts,
                "reply_count": counts.replies,
                "like_count": counts.likes,
                "quote_count": counts.quotes,
                "bookmark_count": counts.bookmarks,
                "impression_count": counts.views,
            },
        }
        if links:
            body["entities"] = {"urls": links}
        if post.media:
            body["attachments"] = {"media_keys": [one.key for one in post.media]}
        body |= self._references(post)
        if own_figures and self._is_kept(post):
            body["non_public_metrics"] = {
                "impression_count": counts.views,
                "user_profile_clicks": 0,
                "url_link_clicks": 0,
                "engagements": counts.likes + counts.replies,
            }
        return body

    def user(self, author: OwnAccount | Person) -> Json:
        """An account."""
        posts = len(self.world.posts_of(author.handle, self.now, replies=True))
        return {
            "id": author.id,
            "name": author.name,
            "username": author.handle,
            "description": author.bio,
            "public_metrics": {
                "followers_count": self.world.followers(author.handle, self.now),
                "following_count": author.following,
                f"{self.noun}_count": posts,
                "listed_count": 0,
            },
        }

    def _references(self, post: Post) -> Json:
        parent = self.world.post(post.in_reply_to, self.now) if post.in_reply_to else None
        found = [("replied_to", post.in_reply_to), ("quoted", post.quoted)]
        told = [{"type": kind, "id": one} for kind, one in found if one]
        body: Json = {f"referenced_{self.noun}s": told} if told else {}
        author = self.world.author(parent.author) if parent else None
        return body | ({"in_reply_to_user_id": author.id} if author else {})

    def _media(self, media: Any) -> Json:
        body = {"media_key": media.key, "type": media.kind, "width": media.width, "height": media.height}
        return body | ({"alt_text": media.alt} if media.alt else {})

    def _is_kept(self, post: Post) -> bool:
        return post.own and self.now - post.at < KEPT_DAYS * 86_400

    def _problems(self, posts: Iterable[Post], *, own_figures: bool) -> Iterable[Json]:
        for one in posts:
            if own_figures and post_is_old(one, self.now):
                yield problem(
                    "not-authorized-for-field",
                    "Sorry, you are not authorized to access the field.",
                    403,
                    field="non_public_metrics",
                    resource_id=one.id,
                    resource_type=self.noun,
                    parameter="id",
                    section="data",
                )


def post_is_old(post: Post, now: float) -> bool:
    """Whether its author is no longer told what nobody else sees."""
    return post.own and now - post.at >= KEPT_DAYS * 86_400


def moment(at: float) -> str:
    """As X writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shortened(post: Post) -> tuple[str, list[Json]]:
    """The text with X's short links in it, one more for its media; and what each stands for."""
    text, links = post.text, list[Json]()
    for number, found in enumerate(dict.fromkeys(_LINK.findall(text))):
        short = f"https://t.co/{post.id[-8:]}{chr(97 + number)}"
        text = text.replace(found, short)
        links.append(
            {"start": 0, "end": len(short), "url": short, "expanded_url": found, "display_url": found}
        )
    if post.media:
        short = f"https://t.co/{post.id[-8:]}Z"
        address = f"https://x.com/{post.author}/status/{post.id}/photo/1"
        text = f"{text} {short}"
        links += [
            {"start": 0, "end": 0, "url": short, "expanded_url": address, "media_key": one.key}
            for one in post.media
        ]
    return text, links
