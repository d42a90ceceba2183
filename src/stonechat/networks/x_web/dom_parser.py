"""What a page of X shows: its posts, and whether it is the page that was asked for at all.

One reader for saved pages and for live ones (the adapter hands over the live page's HTML). It is the
fallback for the wire: a page shows neither quotes nor, on a post's own page, exact views.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stonechat.core.model import Metrics
from stonechat.core.network import NetworkPost, Profile
from stonechat.networks.x_web.json_access import moment_of_id
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_parser import SITE

_STATUS = re.compile(r"^/(?P<author>[A-Za-z0-9_]{1,20})/status/(?P<id>\d+)(?P<rest>/[^?#]*)?")
_NUMBER = r"\d(?:[\d.,'\u2019\u00a0\u202f]| (?=\d{3}\b))*"
_COUNT = re.compile(rf"(?<![\w.,])(?P<number>{_NUMBER})\s*(?P<scale>[KMB]\b)?\s+(?P<word>[^\W\d_]+)")
_GROUPED = re.compile(r"\d{1,3}(?:[.,'\u2019\u00a0\u202f ]\d{2,3})*[.,'\u2019\u00a0\u202f ]\d{3}")
_WORDS = {
    "reply": "replies",
    "replies": "replies",
    "repost": "reposts",
    "reposts": "reposts",
    "retweet": "reposts",
    "retweets": "reposts",
    "like": "likes",
    "likes": "likes",
    "bookmark": "bookmarks",
    "bookmarks": "bookmarks",
    "view": "views",
    "views": "views",
    "quote": "quotes",
    "quotes": "quotes",
}
_LEFT_OUT_WHEN_ZERO = ("replies", "reposts", "likes", "bookmarks")
_BUTTONS = {"reply": "replies", "retweet": "reposts", "like": "likes", "bookmark": "bookmarks"}


DEEPEST = 2000
"""Elements within each other; X's own pages have about 60. A tag that is never closed counts on."""
_TAG = re.compile(
    r"<(?:(?P<end>/)[a-z]|(?!(?:br|img|input|meta|link|hr|source|path|wbr|area|base|col|embed|p|li)\b)[a-z](?![^>]*/>))",
    re.IGNORECASE,
)


class PageKind(StrEnum):
    """What a page turned out to be."""

    POSTS = "posts"
    EMPTY = "empty"
    LOGIN = "login"
    CONSENT = "consent"
    CHALLENGE = "challenge"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    FAILED = "failed"
    OTHER = "other"


def read_page(html: str, *, site: str = SITE) -> list[NetworkPost]:
    """The posts that a page shows, each once, in order; not those that somebody paid for.

    A quoted post is a post of its own only where the page links to it, since without a link it has
    no id; its counts are not shown and stay None. Counts that are abbreviated are None too.
    """
    tree = _parse(html)
    found: dict[str, NetworkPost] = {}
    paid = tree.css(Selector.PAID.value)
    for article in tree.css(Selector.POST.value):
        if _inside(article, paid):
            continue
        for post in _posts_of(article, site):
            known = found.get(post.id)
            if known is None or (known.metrics == Metrics() and post.metrics != Metrics()):
                found[post.id] = post
    return list(found.values())


def page_kind(html: str, address: str = "", title: str = "") -> PageKind:
    """Tell a page of posts, an empty result, and the five ways of being kept out apart."""
    tree = _parse(html)
    path = urlsplit(address).path
    head = title or (node.text() if (node := tree.css_first("title")) is not None else "")
    shown = tree.body.text(separator=" ") if tree.body is not None else ""
    if path.startswith("/account/access"):
        return PageKind.CHALLENGE if tell(shown) is PageKind.CHALLENGE else PageKind.LOCKED
    if "/i/flow/login" in path or path in {"/login", "/i/flow/signup"} or head.startswith("Log in to X"):
        return PageKind.LOGIN
    if tree.css_first(Selector.POST.value) is not None:
        return PageKind.POSTS
    if tree.css_first(Selector.EMPTY.value) is not None:
        return PageKind.EMPTY
    return tell(shown)


def tell(shown: str) -> PageKind:
    """What the words on a page without posts say it is."""
    return next((kind for kind, pattern in _TELLS if pattern.search(shown)), PageKind.OTHER)


_TELLS = (
    (PageKind.SUSPENDED, re.compile(r"Your account (?:is|has been) suspended", re.I)),
    (PageKind.LOCKED, re.compile(r"Your account has been locked", re.I)),
    (
        PageKind.CHALLENGE,
        re.compile(
            r"(?:confirm|verify) (?:that )?you(?:.?re| are) (?:a )?human|unusual login activity"
            r"|Verify your identity|Authenticate your account|Confirm it.?(?: i)?s you",
            re.I,
        ),
    ),
    (PageKind.CONSENT, re.compile(r"Before you continue|(?:Accept|Refuse) [\w -]{0,20}cookies", re.I)),
    (PageKind.FAILED, re.compile(r"Something went wrong", re.I)),
)


def read_profile_page(html: str) -> Profile | None:
    """The account that a profile page shows; None where it shows none. Abbreviated counts are None."""
    tree = _parse(html)
    head = tree.css_first(Selector.PROFILE_NAME.value)
    if head is None:
        return None
    lines = [line.strip() for line in head.text(separator="\n").splitlines() if line.strip()]
    handle = next((line[1:] for line in lines if line.startswith("@")), "")
    bio = tree.css_first(Selector.PROFILE_BIO.value)
    return Profile(
        handle=handle,
        name=lines[0] if lines and not lines[0].startswith("@") else "",
        followers=_leading_count(tree.css_first(Selector.FOLLOWERS.value)),
        following=_leading_count(tree.css_first(Selector.FOLLOWING.value)),
        bio=_written(bio) if bio is not None else "",
    )


def _leading_count(node: LexborNode | None) -> int | None:
    if node is None:
        return None
    words = node.text(separator=" ").split()
    return exact(words[0]) if words else None


def exact(number: str) -> int | None:
    """``34401``, ``34,401`` or ``34.401`` as a number; None for ``1.2K``, ``1.2`` or anything else."""
    if number.isascii() and number.isdigit():
        return int(number)
    if _GROUPED.fullmatch(number):
        return int(re.sub(r"\D", "", number))
    return None


def read_label(label: str) -> dict[str, int | None]:
    """The counts that a label such as ``49 replies, 1294 reposts`` names; None for abbreviated ones."""
    counts: dict[str, int | None] = {}
    for match in _COUNT.finditer(label):
        name = _WORDS.get(match["word"].lower())
        if name is not None:
            counts[name] = None if match["scale"] else exact(match["number"].rstrip(".,'"))
    return counts


def _metrics(article: LexborNode, quoted: list[LexborNode]) -> Metrics:
    counts: dict[str, int | None] = {}
    group = next((node for node in article.css(Selector.COUNTS.value) if not _inside(node, quoted)), None)
    if group is not None:
        label = group.attributes.get("aria-label") or ""
        counts = read_label(label)
        if len(counts) == len(_COUNT.findall(label)):
            # Each word was understood, so what is missing was left out because it is zero. A missing
            # view count may also be one that is not known yet.
            counts = {**dict.fromkeys(_LEFT_OUT_WHEN_ZERO, 0), **counts}
    for button, name in _BUTTONS.items():
        node = article.css_first(f'[data-testid="{button}"][aria-label]')
        if name not in counts and node is not None and not _inside(node, quoted):
            counts[name] = read_label(node.attributes["aria-label"] or "").get(name)
    views = article.css_first(Selector.VIEWS_LINK.value)
    if counts.get("views") is None and views is not None:
        counts["views"] = read_label(views.attributes["aria-label"] or "").get("views")
    return Metrics(**counts)


def _posts_of(article: LexborNode, site: str) -> list[NetworkPost]:
    quoted = [
        node for node in article.css('[role="link"]') if node.css_first(Selector.USER_NAME.value) is not None
    ]
    posts = []
    outer = _post(article, quoted, site)
    if outer is not None:
        posts.append(replace(outer, metrics=_metrics(article, quoted)))
    for block in quoted:
        inner = _post(block, [], site)
        if inner is not None:
            posts.append(inner)
            if outer is not None:
                posts[0] = replace(posts[0], quoted_id=inner.id)
    return posts


def _post(root: LexborNode, without: list[LexborNode], site: str) -> NetworkPost | None:
    link = _status_link(root, without)
    if link is None:
        return None
    author, post_id = link
    body = next((node for node in root.css(Selector.POST_TEXT.value) if not _inside(node, without)), None)
    return NetworkPost(
        id=post_id,
        author=author,
        created_at=_time(root, without, post_id) or moment_of_id(post_id),
        text=_written(body) if body is not None else "",
        url=f"{site}/{author}/status/{post_id}",
    )


def _status_link(root: LexborNode, without: list[LexborNode]) -> tuple[str, str] | None:
    """Author and id: from the link around the time where there is one, else from any link to a post."""
    matches: list[tuple[bool, tuple[str, str]]] = []
    texts = [*without, *root.css(Selector.POST_TEXT.value)]
    for link in root.css(Selector.STATUS_LINK.value):
        match = _STATUS.match(urlsplit(link.attributes.get("href") or "").path)
        if match is not None and not _inside(link, texts):
            matches.append((link.css_first("time") is None, (match["author"], match["id"])))
    return min(matches, key=lambda one: one[0])[1] if matches else None


def _time(root: LexborNode, without: list[LexborNode], post_id: str) -> datetime | None:
    times = [node for node in root.css("time[datetime]") if not _inside(node, without)]
    linked = [node for node in times if any(f"/status/{post_id}" in href for href in _links_around(node))]
    for node in linked or times:
        try:
            stamp = datetime.fromisoformat(node.attributes.get("datetime") or "")
        except ValueError:
            continue
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).astimezone(UTC)
    return None


def _links_around(node: LexborNode) -> list[str]:
    found, parent = [], node.parent
    while parent is not None:
        if parent.tag == "a":
            found.append(parent.attributes.get("href") or "")
        parent = parent.parent
    return found


def _inside(node: LexborNode, blocks: Sequence[LexborNode]) -> bool:
    """Whether the node is one of ``blocks`` or lies within one."""
    if not blocks:
        return False
    ids = {block.mem_id for block in blocks}
    parent: LexborNode | None = node
    while parent is not None:
        if parent.mem_id in ids:
            return True
        parent = parent.parent
    return False


def _parse(html: str) -> LexborHTMLParser:
    """The page; an empty one where it nests deeper than any page does, which takes ages to parse."""
    depth = deepest = 0
    for tag in _TAG.finditer(html):
        depth = max(0, depth - 1) if tag["end"] else depth + 1
        deepest = max(deepest, depth)
    return LexborHTMLParser(html if deepest <= DEEPEST else "")


def _written(node: LexborNode) -> str:
    """The text as shown; emoji are pictures on the page, their ``alt`` is the character."""
    parts: list[str] = []
    for inner in node.traverse(include_text=True):
        if inner.tag == "-text":
            parts.append(inner.text(deep=False))
        elif inner.tag == "img":
            parts.append(inner.attributes.get("alt") or "")
        elif inner.tag == "br":
            parts.append("\n")
    return "".join(parts).strip()
