"""Statuses as the API gives them, read as posts: HTML becomes the text that was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stonechat.core.model import Metrics
from stonechat.core.network import NetworkPost, Profile, ShownPicture

Json = Mapping[str, Any]

_LEFT_OUT = frozenset({"script", "style"})
_QUOTE = "quote-inline"
"""The class of a link to the quoted post that servers put before a text, for those who show no quotes."""


def read_post(status: Json, *, ours: str = "") -> NetworkPost:
    """A status.

    Args:
        ours: the handle by which we know its author, where it is an account of ours.
    """
    author = _part(status, "account")
    return NetworkPost(
        id=str(status["id"]),
        author=ours or str(author.get("acct") or ""),
        created_at=_moment(status.get("created_at")),
        text=plain_text(str(status.get("content") or ""), mentioned_by_address(status)),
        metrics=Metrics(
            likes=_count(status.get("favourites_count")),
            reposts=_count(status.get("reblogs_count")),
            replies=_count(status.get("replies_count")),
            quotes=_count(status.get("quotes_count")),
        ),
        url=str(status.get("url") or status.get("uri") or ""),
        in_reply_to=_id(status.get("in_reply_to_id")),
        quoted_id=_quoted(status.get("quote")),
        author_followers=_count(author.get("followers_count")),
        pictures=tuple(
            ShownPicture(str(one.get("id", "")), str(one.get("description") or ""))
            for one in _list(status.get("media_attachments"))
        ),
    )


def read_profile(account: Json, handle: str) -> Profile:
    """An account; its bio and the fields below it as text, since ``#NoBot`` may stand in either."""
    fields = [f"{one.get('name', '')}: {one.get('value', '')}" for one in _list(account.get("fields"))]
    bio = "\n".join(plain_text(one, {}) for one in (str(account.get("note") or ""), *fields))
    return Profile(
        handle=handle,
        name=str(account.get("display_name") or account.get("username") or handle),
        followers=_count(account.get("followers_count")),
        following=_count(account.get("following_count")),
        bio=bio.strip(),
    )


def mentioned_by_address(status: Json) -> dict[str, str]:
    """Whom a status mentions: their full names by the address that the mention links to."""
    return {str(one.get("url")): str(one.get("acct")) for one in _list(status.get("mentions"))}


def plain_text(content: str, mentioned: Mapping[str, str]) -> str:
    """The text in a status's HTML: links whole, mentions with their server, paragraphs as blank lines."""
    body = LexborHTMLParser(content).body
    return "".join(_pieces(body, mentioned)).strip() if body is not None else ""


def _pieces(parent: LexborNode, mentioned: Mapping[str, str]) -> Iterator[str]:
    for node in parent.iter(include_text=True):
        classes = str(node.attributes.get("class") or "").split() if node.attributes else []
        match node.tag:
            case "-text":
                yield node.text(deep=False)
            case "br":
                yield "\n"
            case tag if tag in _LEFT_OUT or _QUOTE in classes:
                pass
            case "a":
                yield _link(node, classes, mentioned)
            case "p" | "blockquote" | "ul" | "ol":
                yield from _pieces(node, mentioned)
                yield "\n\n"
            case "li":
                yield from _pieces(node, mentioned)
                yield "\n"
            case _:
                yield from _pieces(node, mentioned)


def _link(node: LexborNode, classes: Sequence[str], mentioned: Mapping[str, str]) -> str:
    """What was written where a link stands: a mention, a tag, or an address, which is shown in pieces."""
    address, shown = str(node.attributes.get("href") or ""), node.text()
    if address in mentioned:
        return f"@{mentioned[address]}"
    if "mention" in classes or "hashtag" in classes:
        return shown
    is_address = shown.startswith(("http://", "https://"))
    return shown if is_address or not address or shown.strip("…") not in address else address


def _quoted(quote: object) -> str | None:
    if not isinstance(quote, Mapping):
        return None
    whole = quote.get("quoted_status")
    return _id(whole.get("id") if isinstance(whole, Mapping) else quote.get("quoted_status_id"))


def _part(status: Json, name: str) -> Json:
    found = status.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(found: object) -> list[Json]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _id(found: object) -> str | None:
    return str(found) if found else None


def _count(found: object) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _moment(found: object) -> datetime | None:
    try:
        moment = found if isinstance(found, datetime) else datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
