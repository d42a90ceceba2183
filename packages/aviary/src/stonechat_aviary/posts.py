"""A post as the network stores it, and the shelf from which timelines are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stonechat_aviary.media import Media

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Post:
    """A post by anybody.

    Attributes:
        at: world time in Unix seconds; a post of the future exists already but is not shown yet.
        log_interactions: log of the interactions that it will have in the end.
        ordinal: number of the root post of one of our accounts, from 0; None for all others.
        quoted, reposted: id of the post that it quotes or reposts.
        hidden: ``tombstone``, ``unavailable``, ``empty`` or ``wrapped`` where the wire shows it so.
        media: pictures or a film in it.
        versions: ids of its earlier versions, the first one first.
    """

    id: str
    author: str
    text: str
    at: float
    log_interactions: float
    in_reply_to: str | None = None
    conversation: str = ""
    ordinal: int | None = None
    quoted: str | None = None
    reposted: str | None = None
    hidden: str = ""
    own: bool = False
    media: tuple[Media, ...] = ()
    versions: tuple[str, ...] = ()

    @property
    def first_id(self) -> str:
        """The id that it was sent under."""
        return self.versions[0] if self.versions else self.id


class Shelf:
    """All posts, found by id, author, day and conversation."""

    def __init__(self) -> None:
        self._by_id: dict[str, Post] = {}
        self._by_author: dict[str, list[Post]] = {}
        self._by_day: dict[int, list[Post]] = {}
        self._answers: dict[str, list[Post]] = {}
        self._mentions: dict[str, list[Post]] = {}

    def add(self, post: Post, mentions: Iterable[str] = ()) -> None:
        """Store ``post``; ``mentions`` are the lower-case handles that it speaks to."""
        self._by_id[post.id] = post
        self._by_author.setdefault(post.author.lower(), []).append(post)
        self._by_day.setdefault(int(post.at // _DAY), []).append(post)
        if post.in_reply_to:
            self._answers.setdefault(post.in_reply_to, []).append(post)
        for handle in mentions:
            self._mentions.setdefault(handle, []).append(post)

    def replace(self, old: Post, new: Post) -> None:
        """Put the newer version of a post in its place; its older id leads to it."""
        for posts in (
            self._by_author[old.author.lower()],
            self._by_day[int(old.at // _DAY)],
            self._answers.get(old.in_reply_to or "", []),
            *self._mentions.values(),
        ):
            posts[:] = [new if one is old else one for one in posts]
        self._by_id |= {old.id: new, new.id: new}
        self._answers[new.id] = self._answers.setdefault(old.id, [])

    def remove(self, post_id: str) -> None:
        """Take a post away."""
        post = self._by_id.pop(post_id)
        for posts in (
            self._by_author[post.author.lower()],
            self._by_day[int(post.at // _DAY)],
            self._answers.get(post.in_reply_to or "", []),
            *self._mentions.values(),
        ):
            posts[:] = [one for one in posts if one is not post]

    def get(self, post_id: str, now: float) -> Post | None:
        """The post, if it exists and is visible at ``now``."""
        post = self._by_id.get(post_id)
        return post if post is not None and post.at <= now else None

    def by_author(self, handle: str, now: float) -> list[Post]:
        """Visible posts of ``handle``, newest first."""
        return newest_first(self._by_author.get(handle.lower(), ()), now)

    def answers(self, post_id: str, now: float) -> list[Post]:
        """Visible direct answers to a post, oldest first."""
        return newest_first(self._answers.get(post_id, ()), now)[::-1]

    def mentions(self, handle: str, now: float) -> list[Post]:
        """Visible posts of others that speak to ``handle``, newest first."""
        return newest_first(self._mentions.get(handle.lower(), ()), now)

    def of_day(self, day: int, now: float) -> Iterator[Post]:
        """Visible posts of the ``day``-th day since 1970, unordered."""
        return (post for post in self._by_day.get(day, ()) if post.at <= now)

    def since(self, start: float, now: float) -> Iterator[Post]:
        """Visible posts made from ``start`` on, newest day first, unordered within a day."""
        for day in range(int(now // _DAY), int(start // _DAY) - 1, -1):
            for post in self._by_day.get(day, ()):
                if start <= post.at <= now:
                    yield post


def newest_first(posts: Iterable[Post], now: float) -> list[Post]:
    """The visible ones, newest first."""
    return sorted((post for post in posts if post.at <= now), key=lambda post: int(post.id), reverse=True)
