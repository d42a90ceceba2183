"""Posts of the past, read from the files that networks and tools give their users.

Known are: the exports of X analytics (content with its old and its new headers, and the overview, which has
a row for each day and none for a post), ``tweets.js`` of an X archive, statuses of Mastodon's API, the outbox
of a Mastodon archive, author feeds of Bluesky's API, and any CSV whose columns the owner names. Files are
read as streams, so their size does not matter.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

from stonechat.core.errors import InvalidInput
from stonechat.core.given_files import open_given
from stonechat.core.ids import digest
from stonechat.core.model import Metrics
from stonechat.learning.written_values import DateOrder, parse_count, parse_time

Fields = Mapping[str, str]
"""For each of ``at``, ``text``, ``likes`` … the column that holds it."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("post id", "tweet id", "id"),
    "text": ("post text", "tweet text", "text", "content", "body"),
    "at": ("date", "time", "created_at", "created at", "posted at", "published"),
    "likes": ("likes", "favorites", "favourites", "favorite_count", "likecount"),
    "reposts": ("reposts", "retweets", "shares", "boosts", "reblogs"),
    "replies": ("replies", "comments"),
    "bookmarks": ("bookmarks",),
    "views": ("impressions", "views"),
}
_NEEDED = ("text", "at", "likes")
_OF_A_DAY: Mapping[str, str] = {"gained": "new follows", "lost": "unfollows"}
FIELDS = tuple(_COLUMNS)
"""What a post in a table may have."""

_COUNTS = ("likes", "reposts", "replies", "bookmarks", "views")
_TAGS = re.compile(r"<[^>]+>")
_BREAKS = re.compile(r"<br\s*/?>|</p>\s*<p>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PastPost:
    """A post of the past; ``key`` is the same in whichever file it stands."""

    line: int
    key: str
    at: datetime
    text: str
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no post, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is in order and teaches nothing: an answer, or somebody else's post."""

    why: str


@dataclass(frozen=True, slots=True)
class PastDay:
    """What an account did on one day: the figures of all its posts, and followers gained less lost."""

    line: int
    day: date
    metrics: Metrics
    gained: int


Row = PastPost | PastDay | BadRow | LeftOut


def read_history(path: Path, columns: Fields, order: DateOrder) -> Iterator[Row]:
    """Every row of a file.

    Args:
        columns: of a CSV; what is not named is found by the usual names.
        order: what comes first in 3/4/2026; see :func:`stonechat.learning.written_values.date_order`.

    Raises:
        InvalidInput: it cannot be read, or is none of the known kinds; nothing was read then.
    """
    with _opened(path) as stream:
        start = stream.read(4096).lstrip()
        stream.seek(0)
        if start[:1] in ("{", "[") or start.startswith("window."):
            yield from _json_rows(path, stream)
        else:
            yield from _csv_rows(path, stream, columns, order)


def dates_in(path: Path, columns: Fields) -> Iterator[str]:
    """The dates of a CSV as they are written; nothing for other files."""
    with _opened(path) as stream:
        if stream.read(4096).lstrip()[:1] in ("{", "[", "w"):
            return
        stream.seek(0)
        reader, where = _table(path, stream, columns)
        for row in reader:
            yield row.get(where["at"]) or ""


def _opened(path: Path) -> TextIO:
    try:
        with open_given(path) as raw:
            mark = raw.read(4)
        if mark.startswith(b"PK"):
            raise _unknown(
                path, "it is a ZIP archive", "Unpack it and name the file inside, say data/tweets.js."
            )
        if mark[1:2] == b"\xa2" or path.suffix == ".car":
            what = "it is a Bluesky repository (CAR), which holds posts and not what became of them"
            raise _unknown(path, what, "Save the answer of app.bsky.feed.getAuthorFeed and name that file.")
        return path.open(encoding=_encoding(path, mark), errors="replace", newline="")
    except OSError as exc:
        raise _unknown(
            path, f"it cannot be opened ({exc.strerror})", "Check its name and its rights."
        ) from exc


def _encoding(path: Path, mark: bytes) -> str:
    if mark[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        with path.open(encoding="utf-8") as stream:
            while stream.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _unknown(path: Path, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"{path.name} cannot be imported: {why}.", meaning="Nothing was imported.", remedy=remedy
    )


# --- tables -------------------------------------------------------------------------------------------


def _table(path: Path, stream: TextIO, columns: Fields) -> tuple[csv.DictReader[str], dict[str, str]]:
    first = stream.readline()
    stream.seek(0)
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(1 << 20)
    reader = csv.DictReader(stream, delimiter=delimiter)
    try:
        names = [name for name in reader.fieldnames or () if name]
    except csv.Error as exc:
        raise _unknown(path, f"it is no table ({exc})", _KNOWN_KINDS) from exc
    missing = sorted(set(columns.values()) - set(names))
    if missing:
        raise _unknown(path, f"it has no column {', '.join(missing)}", f"It has: {', '.join(names)[:300]}.")
    lower = {name.strip().lower(): name for name in names}
    usual = {
        field: next((lower[alias] for alias in aliases if alias in lower), None)
        for field, aliases in _COLUMNS.items()
    }
    where = {field: name for field, name in usual.items() if name is not None} | dict(columns)
    lacking = [field for field in _NEEDED if field not in where]
    if lacking == ["text"] and set(_OF_A_DAY.values()) <= set(lower):
        return reader, where | {field: lower[name] for field, name in _OF_A_DAY.items()}
    if lacking:
        raise _unknown(path, f"no column is known as {', '.join(lacking)}", _MAPPING + _KNOWN_KINDS)
    return reader, where


_MAPPING = "Name it: `--column text=NAME`, the same for at and likes. "
_KNOWN_KINDS = "Known are CSV, tweets.js of an X archive, and JSON of Mastodon and Bluesky."


def _csv_rows(path: Path, stream: TextIO, columns: Fields, order: DateOrder) -> Iterator[Row]:
    reader, where = _table(path, stream, columns)
    read = _day if "lost" in where else _row
    try:
        for row in reader:
            if any(row.values()):
                told = {field: row.get(name) or "" for field, name in where.items()}
                yield read(reader.line_num, told, order)
    except csv.Error as exc:
        yield BadRow(reader.line_num, f"cannot be read: {exc}")


def _row(line: int, told: Mapping[str, str], order: DateOrder) -> Row:
    """One row, from its fields as they are written."""
    text = html.unescape(told.get("text", "")).strip()
    if text.startswith(("RT @", "@")):
        return LeftOut("answers and posts of others")
    at = parse_time(told.get("at", ""), order)
    if at is None:
        return BadRow(line, f"{told.get('at', '')[:40]!r} is no date")
    counts = _counted(line, told, _COUNTS)
    if isinstance(counts, BadRow):
        return counts
    if not text:
        return BadRow(line, "it has no text")
    if counts["likes"] is None:
        return LeftOut("posts without figures")
    key = told.get("id", "").strip() or digest(at.isoformat(), text)[:16]
    return PastPost(line, key, at, text, Metrics(**counts))


def _day(line: int, told: Mapping[str, str], order: DateOrder) -> Row:
    """One day of an overview, from its fields as they are written."""
    at = parse_time(told.get("at", ""), order)
    if at is None:
        return BadRow(line, f"{told.get('at', '')[:40]!r} is no date")
    counts = _counted(line, told, (*_COUNTS, *_OF_A_DAY))
    if isinstance(counts, BadRow):
        return counts
    gained = (counts.pop("gained") or 0) - (counts.pop("lost") or 0)
    return PastDay(line, at.date(), Metrics(**counts), gained)


def _counted(line: int, told: Mapping[str, str], fields: Sequence[str]) -> dict[str, int | None] | BadRow:
    written = {field: told.get(field, "").strip() for field in fields}
    counts = {field: parse_count(value) for field, value in written.items()}
    wrong = next((field for field, value in written.items() if value and counts[field] is None), None)
    return counts if wrong is None else BadRow(line, f"{written[wrong][:40]!r} is no number of {wrong}")


# --- JSON ---------------------------------------------------------------------------------------------


def _json_rows(path: Path, stream: TextIO) -> Iterator[Row]:
    for number, item in enumerate(_items(path, stream), 1):
        found = _fields(item)
        if isinstance(found, LeftOut):
            yield found
        elif found is None:
            yield BadRow(number, "it is no post of a known kind")
        else:
            yield _row(number, found, DateOrder.YEAR_FIRST)


def _items(path: Path, stream: TextIO) -> Iterator[Any]:
    """The items of the first list in the file, one at a time."""
    decoder, buffer = json.JSONDecoder(), ""
    while "[" not in buffer:
        more = stream.read(1 << 16)
        if not more:
            raise _unknown(path, "there is no list of posts in it", _KNOWN_KINDS)
        buffer += more
    named = re.search(r'"(?:orderedItems|feed|statuses)"\s*:\s*\[', buffer)
    buffer = buffer[named.end() if named else buffer.index("[") + 1 :]
    while True:
        buffer = buffer.lstrip(" \r\n\t,")
        if buffer.startswith("]"):
            return
        try:
            item, end = decoder.raw_decode(buffer)
        except ValueError as exc:
            more = stream.read(1 << 16)
            if not more:
                raise _unknown(path, "it ends in the middle of a post", "Save it again, whole.") from exc
            if len(buffer) > _LONGEST_ITEM:
                raise _unknown(path, "there is no list of posts in it", _KNOWN_KINDS) from exc
            buffer += more
            continue
        buffer = buffer[end:]
        yield item


_LONGEST_ITEM = 4 << 20


def _fields(item: Any) -> dict[str, str] | LeftOut | None:
    """The fields of a post as they would stand in a table; None where it is none that is known."""
    if not isinstance(item, dict):
        return None
    for kind in (_of_x_archive, _of_bluesky, _of_mastodon_outbox, _of_mastodon):
        found = kind(item)
        if found is not None:
            return found
    return None


def _of_x_archive(item: dict[str, Any]) -> dict[str, str] | LeftOut | None:
    tweet = item.get("tweet", item)
    if not isinstance(tweet, dict) or "full_text" not in tweet:
        return None
    if tweet.get("in_reply_to_status_id_str") or tweet.get("retweeted") is True:
        return LeftOut("answers and posts of others")
    names = {"id": "id_str", "text": "full_text", "at": "created_at", "likes": "favorite_count"}
    return _named(tweet, names | {"reposts": "retweet_count"})


def _of_bluesky(item: dict[str, Any]) -> dict[str, str] | LeftOut | None:
    post = item.get("post", item)
    record = post.get("record") if isinstance(post, dict) else None
    if not isinstance(record, dict) or "createdAt" not in record:
        return None
    if record.get("reply") or item.get("reason"):
        return LeftOut("answers and posts of others")
    names = {"likes": "likeCount", "reposts": "repostCount", "replies": "replyCount", "id": "uri"}
    return _named(post, names) | _named(record, {"text": "text", "at": "createdAt"})


def _of_mastodon_outbox(item: dict[str, Any]) -> dict[str, str] | LeftOut | None:
    if "actor" not in item:
        return None
    note = item.get("object")
    if item.get("type") != "Create" or not isinstance(note, dict) or note.get("inReplyTo"):
        return LeftOut("answers and posts of others")
    counts = {
        field: str(group["totalItems"])
        for field, group in (("likes", note.get("likes")), ("reposts", note.get("shares")))
        if isinstance(group, dict) and "totalItems" in group
    }
    told = _named(note, {"id": "id", "at": "published"})
    return told | counts | {"text": _written(str(note.get("content", "")))}


def _of_mastodon(item: dict[str, Any]) -> dict[str, str] | LeftOut | None:
    if "favourites_count" not in item:
        return None
    if item.get("in_reply_to_id") or item.get("reblog"):
        return LeftOut("answers and posts of others")
    names = {"id": "id", "at": "created_at", "likes": "favourites_count", "reposts": "reblogs_count"}
    told = _named(item, names | {"replies": "replies_count"})
    return told | {"text": _written(str(item.get("content", "")))}


def _named(source: dict[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    return {field: str(source[name]) for field, name in names.items() if source.get(name) is not None}


def _written(markup: str) -> str:
    """The text of a small piece of HTML."""
    return html.unescape(_TAGS.sub("", _BREAKS.sub("\n", markup)))
