"""Posts and accounts as the API gives them, by its newer and its older names."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stonechat.core.model import Metrics
from stonechat.core.network import NetworkPost, Profile, ShownPicture
from stonechat.core.texts import STATUS_LINK

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Included:
    """What an answer holds beside its posts: their authors and their media, by id."""

    users: Mapping[str, Json]
    media: Mapping[str, Json]


def included_in(answer: Json) -> Included:
    """What is beside the data of ``answer``."""
    beside = _part(answer, "includes")
    return Included(
        {str(one.get("id")): one for one in _list(beside.get("users"))},
        {str(one.get("media_key")): one for one in _list(beside.get("media"))},
    )


def read_posts(answer: Json, *, ours: str = "", own_id: str = "") -> list[NetworkPost]:
    """The posts in an answer.

    Args:
        ours: the handle by which we know the account with the id ``own_id``.
    """
    beside = included_in(answer)
    return [read_post(one, beside, ours=ours, own_id=own_id) for one in entries(answer)]


def entries(answer: Json) -> list[Json]:
    """The posts in the data of ``answer``, as they came; what has no id is none."""
    return [one for one in _list(answer.get("data")) if _id(one.get("id"))]


def holds_unread(answer: Json) -> bool:
    """Whether its data holds something that could not be read as a post: it proves no absence."""
    data = answer.get("data", [])
    return not isinstance(data, list) or len(entries(answer)) < len(data)


def read_post(post: Json, beside: Included, *, ours: str = "", own_id: str = "") -> NetworkPost:
    """One post."""
    author_id = str(post.get("author_id") or "")
    user = beside.users.get(author_id, {})
    author = ours if author_id == own_id and ours else str(user.get("username") or post.get("username") or "")
    referenced = {str(one.get("type")): str(one.get("id")) for one in _list(_either(post, "referenced"))}
    post_id = str(post["id"])
    return NetworkPost(
        id=post_id,
        author=author,
        created_at=_moment(post.get("created_at")),
        text=text_of(post, quoted=referenced.get("quoted")),
        metrics=_metrics(post),
        url=f"https://x.com/{author or 'i'}/status/{post_id}",
        in_reply_to=referenced.get("replied_to"),
        quoted_id=referenced.get("quoted"),
        author_followers=_count(_part(user, "public_metrics").get("followers_count")),
        pictures=_pictures(post, beside),
        versions=tuple(one for one in _ids(_either(post, "edit_history")) if one != post_id),
        conversation_id=_id(post.get("conversation_id")),
        language=_language(post.get("lang")),
        sensitive=post.get("possibly_sensitive")
        if isinstance(post.get("possibly_sensitive"), bool)
        else None,
        author_bio=str(user.get("description") or ""),
    )


def text_of(post: Json, *, quoted: str | None = None) -> str:
    """The text as its author wrote it: whole, unescaped, links in full, without what stands for media."""
    long = _part(post, "note_post") or _part(post, "note_tweet")
    source = long if long.get("text") else post
    text = str(source.get("text") or "")
    for link in sorted(
        _list(_part(source, "entities").get("urls")), key=lambda one: -len(str(one.get("url")))
    ):
        short = str(link.get("url") or "")
        if short:
            text = text.replace(
                short, "" if link.get("media_key") else str(link.get("expanded_url") or short)
            )
    text = html.unescape(text).strip()
    ending = STATUS_LINK.search(text)
    return text[: ending.start()].strip() if ending is not None and ending["id"] == quoted else text


def read_profile(user: Json) -> Profile:
    """An account."""
    handle, counts = str(user.get("username") or ""), _part(user, "public_metrics")
    return Profile(
        handle=handle,
        name=str(user.get("name") or handle),
        followers=_count(counts.get("followers_count")),
        following=_count(counts.get("following_count")),
        bio=str(user.get("description") or ""),
    )


def _metrics(post: Json) -> Metrics:
    public, own = _part(post, "public_metrics"), _part(post, "non_public_metrics")
    return Metrics(
        likes=_count(public.get("like_count")),
        reposts=_count(public.get("repost_count", public.get("retweet_count"))),
        replies=_count(public.get("reply_count")),
        quotes=_count(public.get("quote_count")),
        bookmarks=_count(public.get("bookmark_count")),
        views=_count(own.get("impression_count", public.get("impression_count"))),
    )


def _pictures(post: Json, beside: Included) -> tuple[ShownPicture, ...]:
    keys = _ids(_part(post, "attachments").get("media_keys"))
    said = {
        str(one.get("media_key")): str(one.get("alt_text") or "") for one in _list(post.get("media_metadata"))
    }
    return tuple(
        ShownPicture(key, str(beside.media.get(key, {}).get("alt_text") or said.get(key, ""))) for key in keys
    )


def _either(post: Json, beginning: str) -> object:
    """A list whose name has the word ``posts`` or ``tweets`` in it."""
    ending = "_ids" if beginning == "edit_history" else ""
    nouns = ("post", "tweet") if ending else ("posts", "tweets")
    return next((post[name] for noun in nouns if (name := f"{beginning}_{noun}{ending}") in post), None)


def _part(said: Json, name: str) -> Json:
    found = said.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(found: object) -> list[Json]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _ids(found: object) -> list[str]:
    return [str(one) for one in found] if isinstance(found, Iterable) and not isinstance(found, str) else []


def _id(found: object) -> str | None:
    return str(found) if isinstance(found, str | int) and found else None


def _language(found: object) -> str | None:
    return found if isinstance(found, str) and len(found) == 2 else None  # und, zxx, qme: it cannot tell


def _count(found: object) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _moment(found: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
