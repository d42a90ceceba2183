"""Reading what was recorded: a wire answer or a saved page, from a file. Behind ``stonechat debug parse``."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from stonechat.core.errors import Permanent, Transient
from stonechat.core.given_files import read_given
from stonechat.core.network import NetworkPost
from stonechat.networks.x_web.dom_parser import PageKind, page_kind, read_page
from stonechat.networks.x_web.json_access import at, every_mapping, whole
from stonechat.networks.x_web.wire_errors import read_faults
from stonechat.networks.x_web.wire_parser import (
    load_answer,
    read_posts,
    read_profile,
    timeline_instructions,
    unread_posts,
)

_KEPT_OUT = {
    PageKind.LOGIN: "a login page",
    PageKind.CONSENT: "a consent page",
    PageKind.CHALLENGE: "a page that asks for a proof",
    PageKind.LOCKED: "the page of a locked account",
    PageKind.SUSPENDED: "the page of a suspended account",
    PageKind.FAILED: "a page that failed to load (“Something went wrong”)",
}


def parse_file(path: Path) -> list[NetworkPost]:
    """Every post in a recorded wire answer (JSON, or one answer a line) or saved page (HTML, MHTML), once.

    Raises:
        Permanent: the file is missing, empty, damaged, or neither of these; the message says which.
    """
    raw = _content(path)
    if raw.startswith("<"):
        return _of_page(raw, path)
    if raw[:2000].lower().startswith(("from:", "mime-version:")):
        return _of_page(_html_of_mhtml(raw, path), path)
    if not raw.startswith(("{", "[")):
        raise Permanent(f"{path} is neither JSON nor a saved page.", remedy=_EXPECTED)
    return _of_answer(_json(raw, path), path)


def as_row(post: NetworkPost) -> dict[str, Any]:
    """One post as a row of JSON: what is not known is None, times are ISO 8601 in UTC."""
    counts = post.metrics
    return {
        "id": post.id,
        "author": post.author or None,
        "created_at": post.created_at.isoformat() if post.created_at is not None else None,
        "text": post.text,
        "likes": counts.likes,
        "reposts": counts.reposts,
        "replies": counts.replies,
        "quotes": counts.quotes,
        "bookmarks": counts.bookmarks,
        "views": counts.views,
    }


LARGEST = 64 * 1024 * 1024
"""Bytes of a recording."""

_EXPECTED = "Give a JSON answer recorded from X's web client, or a page saved as HTML."


def _content(path: Path) -> str:
    try:
        raw = read_given(path, LARGEST)
    except OSError as exc:
        raise Permanent(f"{path} cannot be read: {exc.strerror}.", remedy="Check the path.") from exc
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        body = raw.decode(encoding).strip()
    except UnicodeDecodeError as exc:
        raise Permanent(f"{path} is not text.", remedy=_EXPECTED) from exc
    if not body:
        raise Permanent(f"{path} is empty.", remedy=_EXPECTED)
    return body


def _json(raw: str, path: Path) -> Any:
    try:
        return load_answer(raw, str(path))
    except Transient as exc:
        lines = [line for line in raw.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith(("{", "[")) for line in lines):
            raise Permanent(exc.what, meaning=exc.meaning, remedy="Record it again.") from exc
        return [_line(line, number, path) for number, line in enumerate(lines, 1)]


def _line(line: str, number: int, path: Path) -> Any:
    try:
        return load_answer(line, f"line {number}")
    except Transient as exc:
        raise Permanent(
            f"{path} is not whole JSON: line {number} breaks off or is damaged.", remedy="Record it again."
        ) from exc


def _of_answer(answer: Any, path: Path) -> list[NetworkPost]:
    posts = read_posts(answer)
    if posts:
        return posts
    faults = read_faults(answer)
    if faults:
        raise Permanent(
            f"{path} holds no post but an error: {'; '.join(str(fault) for fault in faults)}.",
            remedy="Record the answer again once the cause is gone.",
        )
    if hollow := unread_posts(answer):
        raise Permanent(
            f"{path} has places for {len(hollow)} posts, and none of them could be read.",
            meaning="They are withheld, gone, for subscribers alone, or of a kind that X has changed.",
            remedy="Record the answer again; where it stays so, report it with the file.",
        )
    if timeline_instructions(answer) is None and read_profile(answer) is None:
        raise Permanent(
            f"{path} is JSON, but {_named(answer)}.", meaning="No post was read from it.", remedy=_EXPECTED
        )
    return []


def _named(answer: Any) -> str:
    """What JSON without posts is, as far as can be told."""
    pages = answer if isinstance(answer, list) else [answer]
    first = pages[0] if pages else None
    data = at(first, "data")
    rows = data if isinstance(data, list) else [data]
    if at(first, "meta", "result_count") is not None or any(
        isinstance(one, Mapping) and "id" in one and ("text" in one or "username" in one) for one in rows
    ):
        return "an answer of X's official API (v2), not of its web client"
    if reason := next(
        (
            node.get("reason") or "no reason given"
            for node in every_mapping(first)
            if node.get("__typename") == "UserUnavailable"
        ),
        None,
    ):
        return f"about an account that is not shown ({whole(str(reason))[:60]})"
    if isinstance(first, Mapping):
        keys = ", ".join(f"“{whole(str(key))[:40]}”" for key in list(first)[:5]) or "nothing"
        return f"not an answer of X's web client that holds posts (at its top: {keys})"
    kind = "an empty list" if first is None else f"a {type(first).__name__}"
    return f"not an answer of X's web client ({kind} at its top)"


def _of_page(html: str, path: Path) -> list[NetworkPost]:
    posts = read_page(html)
    if posts:
        return posts
    kind = page_kind(html)
    if kind is PageKind.EMPTY:
        return []
    shown = _KEPT_OUT.get(kind, "a page without any post that can be read")
    raise Permanent(f"{path} is {shown}.", meaning="No post was read from it.", remedy=_EXPECTED)


def _html_of_mhtml(raw: str, path: Path) -> str:
    message = email.message_from_string(raw, policy=email.policy.default)
    parts = message.walk() if isinstance(message, EmailMessage) else iter(())
    for part in parts:
        if part.get_content_type() == "text/html":
            content = part.get_content()
            return content if isinstance(content, str) else ""
    raise Permanent(f"{path} is neither JSON nor a saved page.", remedy=_EXPECTED)
