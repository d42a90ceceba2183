"""Posts as the servers show them: from the account's own repository, or from the network's view of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stonechat.core.model import Metrics
from stonechat.core.network import NetworkPost, Profile, ShownPicture
from stonechat.networks.bluesky.records import key_of

Json = Mapping[str, Any]


def read_post(
    uri: str, record: Json, author: str, counts: Json | None = None, *, followers: int | None = None
) -> NetworkPost:
    """A post.

    Args:
        counts: the network's view of it, which counts; None where that was not asked.
    """
    embed = _part(record, "embed")
    return NetworkPost(
        id=uri,
        author=author,
        created_at=_moment(record.get("createdAt")),
        text=str(record.get("text") or ""),
        metrics=_metrics(counts or {}),
        url=f"https://bsky.app/profile/{author}/post/{key_of(uri)}",
        in_reply_to=_uri(_part(_part(record, "reply"), "parent")),
        quoted_id=_quoted(embed),
        author_followers=followers,
        pictures=_pictures(embed),
    )


def read_view(view: Json) -> NetworkPost:
    """A post as the network's view shows it."""
    author = str(_part(view, "author").get("handle") or "")
    return read_post(str(view["uri"]), _part(view, "record"), author, view)


def read_profile(said: Json) -> Profile:
    """An account."""
    handle = str(said.get("handle") or "")
    return Profile(
        handle=handle,
        name=str(said.get("displayName") or handle),
        followers=_count(said.get("followersCount")),
        following=_count(said.get("followsCount")),
        bio=str(said.get("description") or ""),
    )


def _metrics(counts: Json) -> Metrics:
    return Metrics(
        likes=_count(counts.get("likeCount")),
        reposts=_count(counts.get("repostCount")),
        replies=_count(counts.get("replyCount")),
        quotes=_count(counts.get("quoteCount")),
        bookmarks=_count(counts.get("bookmarkCount")),
    )


def _quoted(embed: Json) -> str | None:
    record = _part(embed, "record")
    return _uri(record) or _uri(_part(record, "record"))


def _pictures(embed: Json) -> tuple[ShownPicture, ...]:
    images = embed.get("images") or _part(embed, "media").get("images") or []
    return tuple(
        ShownPicture(str(_part(_part(one, "image"), "ref").get("$link") or ""), str(one.get("alt") or ""))
        for one in images
        if isinstance(one, Mapping)
    )


def _part(said: Json, name: str) -> Json:
    found = said.get(name)
    return found if isinstance(found, Mapping) else {}


def _uri(said: Json) -> str | None:
    found = said.get("uri")
    return found if isinstance(found, str) else None


def _count(found: object) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _moment(found: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
