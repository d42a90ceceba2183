"""X's search syntax as people use it: words, phrases, OR, from:, to:, min_faves:, lang:, filters, times."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stonechat_aviary.audience import Counts
from stonechat_aviary.posts import Post

_PIECE = re.compile(r'-?"[^"]+"|\(|\)|\S+?(?=[()]|\s|$)')


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search.

    Attributes:
        groups: every group must match; a group matches when one of its words does.
        without: none of these may occur.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    to: str | None = None
    min_likes: int = 0
    min_reposts: int = 0
    min_replies: int = 0
    lang: str | None = None
    replies: bool | None = None
    since: float | None = None
    until: float | None = None
    conversation: str = ""

    def matches_text(self, text: str) -> bool:
        """Whether the words of the search are in ``text``."""
        lowered = text.lower()
        return all(any(_contains(lowered, word) for word in group) for group in self.groups) and not any(
            _contains(lowered, word) for word in self.without
        )

    def finds(self, post: Post, counts: Callable[[Post], Counts]) -> bool:
        """Whether ``post`` is a result; its counts are asked for only where the search limits them."""
        if post.reposted is not None or (self.lang and self.lang != "en"):
            return False
        if self.replies is not None and self.replies != (post.in_reply_to is not None):
            return False
        if self.authors and post.author.lower() not in self.authors:
            return False
        if self.conversation and self.conversation != (post.conversation or post.id):
            return False
        if self.to and not post.text.lower().startswith(f"@{self.to}"):
            return False
        if not self.matches_text(post.text):
            return False
        return not (self.min_likes or self.min_reposts or self.min_replies) or self._loud(counts(post))

    def _loud(self, counts: Counts) -> bool:
        return (
            counts.likes >= self.min_likes
            and counts.reposts >= self.min_reposts
            and counts.replies >= self.min_replies
        )


def parse_query(raw: str) -> Query:
    """Parse ``raw``; an operator that is not known is treated as a word."""
    parser = _Parser()
    for piece in _PIECE.findall(raw):
        parser.feed(piece)
    return parser.query()


@dataclass
class _Parser:
    groups: list[list[str]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    to: str | None = None
    least: dict[str, int] = field(default_factory=dict)
    lang: str | None = None
    replies: bool | None = None
    since: float | None = None
    until: float | None = None
    conversation: str = ""
    _joined: bool = False

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        name, _, value = piece.partition(":")
        operator = _OPERATORS.get(name.lower()) if value else None
        if piece in "()":
            return
        if piece == "OR":
            self._joined = True
        elif operator is not None:
            operator(self, value)
        elif piece.startswith("-") and len(piece) > 1:
            self.without.append(piece[1:].strip('"').lower())
        else:
            self._word(piece.strip('"').lower())

    def query(self) -> Query:
        """What was read."""
        return Query(
            groups=tuple(tuple(group) for group in self.groups),
            without=tuple(self.without),
            authors=tuple(self.authors),
            to=self.to,
            min_likes=self.least.get("likes", 0),
            min_reposts=self.least.get("reposts", 0),
            min_replies=self.least.get("replies", 0),
            lang=self.lang,
            replies=self.replies,
            since=self.since,
            until=self.until,
            conversation=self.conversation,
        )

    def _word(self, word: str) -> None:
        if self._joined and self.groups:
            self.groups[-1].append(word)
        else:
            self.groups.append([word])
        self._joined = False


def _at_least(kind: str) -> Callable[[_Parser, str], None]:
    def take(parser: _Parser, value: str) -> None:
        parser.least[kind] = int(value) if value.isdigit() else 0

    return take


def _take_from(parser: _Parser, value: str) -> None:
    parser.authors.append(value.lstrip("@").lower())
    parser._joined = False


def _take_to(parser: _Parser, value: str) -> None:
    parser.to = value.lstrip("@").lower()


def _take_lang(parser: _Parser, value: str) -> None:
    parser.lang = value.lower()


def _only_replies(wanted: bool) -> Callable[[_Parser, str], None]:
    def take(parser: _Parser, value: str) -> None:
        if value == "replies":
            parser.replies = wanted

    return take


def _take_since(parser: _Parser, value: str) -> None:
    parser.since = _day(value)


def _take_until(parser: _Parser, value: str) -> None:
    parser.until = _day(value)


def _take_since_time(parser: _Parser, value: str) -> None:
    parser.since = float(value) if value.isdigit() else None


def _take_until_time(parser: _Parser, value: str) -> None:
    parser.until = float(value) if value.isdigit() else None


def _take_conversation(parser: _Parser, value: str) -> None:
    parser.conversation = value


_OPERATORS: dict[str, Callable[[_Parser, str], None]] = {
    "min_faves": _at_least("likes"),
    "min_likes": _at_least("likes"),
    "min_retweets": _at_least("reposts"),
    "min_replies": _at_least("replies"),
    "from": _take_from,
    "to": _take_to,
    "lang": _take_lang,
    "filter": _only_replies(True),
    "-filter": _only_replies(False),
    "since": _take_since,
    "until": _take_until,
    "conversation_id": _take_conversation,
    "since_time": _take_since_time,
    "until_time": _take_until_time,
}


def _day(value: str) -> float | None:
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _contains(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
