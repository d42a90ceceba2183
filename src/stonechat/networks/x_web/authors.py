"""Who wrote a post: from the account beside it, and where X leaves that out, from the rest of the answer.

X sometimes sends a profile's posts with an empty account (``core.user_results: {}``), and withholds
accounts that are suspended or protected. The post still carries its author's number, and names for
numbers stand elsewhere: with other posts, in mentions, in answers, in links to the post itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stonechat.networks.x_web.json_access import at, count, every_mapping, text


@dataclass(frozen=True, slots=True)
class Author:
    """Screen name ("" where unknown), followers (None where unknown), what it says of itself, and of us."""

    handle: str = ""
    followers: int | None = None
    bio: str = ""
    blocks_us: bool = False


@dataclass(slots=True)
class Authors:
    """What one answer tells about who is who."""

    of_user: dict[str, Author] = field(default_factory=dict)
    of_post: dict[str, str] = field(default_factory=dict)

    def author(self, node: Mapping[str, Any], post_id: str) -> Author:
        """The author of the post in ``node``."""
        for user in every_mapping(node.get("core")):
            found = account(user)
            if found.handle:
                return found
        known = self.of_user.get(text(node, "legacy", "user_id_str") or "")
        if known is not None:
            return known
        return Author(self.of_post.get(post_id, ""))


def account(user: Mapping[str, Any]) -> Author:
    """What is told of an account, in its new shape (``core``) or its old one (``legacy``)."""
    handle = text(user, "core", "screen_name") or text(user, "legacy", "screen_name") or ""
    if not handle:
        return Author()
    followers = count(user, "relationship_counts", "followers")
    return Author(
        handle,
        count(user, "legacy", "followers_count") if followers is None else followers,
        text(user, "profile_bio", "description") or text(user, "legacy", "description") or "",
        at(user, "relationship_perspectives", "blocked_by") is True
        or at(user, "legacy", "blocked_by") is True,
    )


def read_authors(answer: object) -> Authors:
    """Everything in ``answer`` that gives a number or a post its name; accounts count more than mentions."""
    authors, mentioned = Authors(), {}
    for node in every_mapping(answer):
        user_id = text(node, "rest_id")
        found = account(node) if user_id is not None else Author()
        if user_id is not None and found.handle:
            authors.of_user.setdefault(user_id, found)
        mention, name = text(node, "id_str"), text(node, "screen_name")
        if mention and name:
            mentioned[mention] = Author(name)
        _read_answered(node, authors, mentioned)
        for link in ("expanded", "expanded_url"):
            _read_link(text(node, link), authors)
    for user_id, author in mentioned.items():
        authors.of_user.setdefault(user_id, author)
    return authors


def _read_answered(node: Mapping[str, Any], authors: Authors, mentioned: dict[str, Author]) -> None:
    name = text(node, "in_reply_to_screen_name")
    post, user = text(node, "in_reply_to_status_id_str"), text(node, "in_reply_to_user_id_str")
    if name and post:
        authors.of_post.setdefault(post, name)
    if name and user:
        mentioned.setdefault(user, Author(name))


def _read_link(link: str | None, authors: Authors) -> None:
    """``https://x.com/NAME/status/ID``, as X writes it for quotes and pictures, names a post's author."""
    parts = (link or "").split("?")[0].split("/")
    if len(parts) >= 6 and parts[4] == "status" and parts[2] in {"x.com", "twitter.com"} and parts[3] != "i":
        authors.of_post.setdefault(parts[5], parts[3])
