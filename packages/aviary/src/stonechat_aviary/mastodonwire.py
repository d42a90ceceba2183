"""Posts and accounts in the shapes of Mastodon's API."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.audience import Counts
from stonechat_aviary.media import Media
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.world import World

Json = dict[str, Any]

MOST_CHARACTERS = 500
LINK_CHARACTERS = 23
MOST_PICTURES = 4
LARGEST_PICTURE = 16 * 1024 * 1024
LONGEST_DESCRIPTION = 1500
MIME_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"]
QUOTES = 7
"""The version of the API that brought quotes."""

_LIVE = re.compile(r"(?P<link>https?://[^\s<>]+)|(?<![\w/@])@(?P<name>\w{1,30})|(?<![\w/&])#(?P<tag>\w+)")
_LINK = re.compile(r"https?://[^\s<>]+")
_SERVER = re.compile(r"(?<![\w/])@(\w+)@[\w.-]*\w")


def length(text: str) -> int:
    """As Mastodon counts: a link as 23, a mention without its server."""
    return len(_SERVER.sub(r"@\1", _LINK.sub("x" * LINK_CHARACTERS, text)))


@dataclass(frozen=True, slots=True)
class MastodonWire:
    """How the world looks at ``now``.

    Attributes:
        origin: the server's address.
        bot: our accounts say that they are automated.
        settings: how our posts were sent, by id: visibility, content warning, language.
    """

    world: World
    now: float
    origin: str
    bot: bool
    settings: dict[str, Json]

    def status(self, post: Post) -> Json:
        """A status, with its counts as they are now; what is shown of ours is noted in the ledger."""
        author = self.world.author(post.author)
        counts = self.world.counts(post, self.now)
        shown = Counts(counts.likes, counts.reposts, counts.replies, counts.quotes, None, None)
        if post.own:
            self.world.ledger.note_served(post.first_id, shown, self.now, "mastodon")
        quoted = self.world.post(post.quoted, self.now) if post.quoted else None
        parent = self.world.post(post.in_reply_to, self.now) if post.in_reply_to else None
        parent_author = self.world.author(parent.author) if parent is not None else None
        sent = self.settings.get(post.id, {})
        return {
            "id": post.id,
            "created_at": moment(post.at),
            "in_reply_to_id": post.in_reply_to,
            "in_reply_to_account_id": parent_author.id if parent_author else None,
            "sensitive": bool(sent.get("spoiler_text")),
            "spoiler_text": sent.get("spoiler_text", ""),
            "visibility": sent.get("visibility", "public"),
            "language": sent.get("language", "en"),
            "uri": f"{self.origin}/users/{post.author}/statuses/{post.id}",
            "url": f"{self.origin}/@{post.author}/{post.id}",
            "replies_count": counts.replies,
            "reblogs_count": counts.reposts,
            "favourites_count": counts.likes,
            "quotes_count": counts.quotes,
            "edited_at": None,
            "content": self._content(post, quoted),
            "reblog": None,
            "account": self.account(author) if author else {},
            "media_attachments": [attachment(one, self.origin) for one in post.media],
            "mentions": self._mentions(post.text),
            "tags": [],
            "emojis": [],
            "card": None,
            "poll": None,
            "quote": {"state": "accepted", "quoted_status": self.status(quoted)} if quoted else None,
        }

    def account(self, author: OwnAccount | Person) -> Json:
        """An account."""
        own = isinstance(author, OwnAccount)
        return {
            "id": author.id,
            "username": author.handle,
            "acct": author.handle,
            "display_name": author.name,
            "locked": False,
            "bot": own and self.bot,
            "discoverable": True,
            "group": False,
            "created_at": moment(self.world.clock.epoch),
            "note": f"<p>{html.escape(author.bio)}</p>",
            "url": f"{self.origin}/@{author.handle}",
            "uri": f"{self.origin}/users/{author.handle}",
            "avatar": f"{self.origin}/static/avatar.png",
            "header": f"{self.origin}/static/banner.png",
            "followers_count": self.world.followers(author.handle, self.now),
            "following_count": author.following,
            "statuses_count": len(self.world.posts_of(author.handle, self.now, replies=True)),
            "emojis": [],
            "fields": [],
        }

    def _content(self, post: Post, quoted: Post | None) -> str:
        """The text as HTML, links in pieces; before it, for those who show no quotes, the quoted post."""
        paragraphs = re.split(r"\n{2,}", post.text)
        before = ""
        if quoted is not None:
            address = f"{self.origin}/@{quoted.author}/{quoted.id}"
            before = f'<p class="quote-inline">RE: {_link(address)}</p>'
        return before + "".join(
            f"<p>{self._live(paragraph).replace(chr(10), '<br />')}</p>" for paragraph in paragraphs
        )

    def _live(self, text: str) -> str:
        pieces, end = [], 0
        for found in _LIVE.finditer(text):
            pieces.append(html.escape(text[end : found.start()], quote=False))
            pieces.append(self._anchor(found))
            end = found.end()
        return "".join([*pieces, html.escape(text[end:], quote=False)])

    def _anchor(self, found: re.Match[str]) -> str:
        if link := found["link"]:
            return _link(link)
        if tag := found["tag"]:
            address = f"{self.origin}/tags/{tag}"
            return f'<a href="{address}" class="mention hashtag" rel="tag">#<span>{tag}</span></a>'
        author = self.world.author(found["name"])
        if author is None:
            return html.escape(found[0])
        address = f"{self.origin}/@{author.handle}"
        name = f'<a href="{address}" class="u-url mention">@<span>{author.handle}</span></a>'
        return f'<span class="h-card" translate="no">{name}</span>'

    def _mentions(self, text: str) -> list[Json]:
        named = [self.world.author(found["name"]) for found in _LIVE.finditer(text) if found["name"]]
        return [
            {
                "id": one.id,
                "username": one.handle,
                "acct": one.handle,
                "url": f"{self.origin}/@{one.handle}",
            }
            for one in dict.fromkeys(named)
            if one is not None
        ]


def _link(address: str) -> str:
    """A link as Mastodon shows one: without its scheme, and cut after thirty characters."""
    scheme, shown = re.split(r"(?<=://)", address, maxsplit=1)
    seen, rest = shown[:30], shown[30:]
    middle = f'<span class="{"ellipsis" if rest else ""}">{html.escape(seen)}</span>'
    return (
        f'<a href="{html.escape(address)}" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}</span>{middle}'
        f'<span class="invisible">{html.escape(rest)}</span></a>'
    )


def attachment(media: Media, origin: str, *, ready: bool = True) -> Json:
    """A picture; without an address while it is worked on."""
    return {
        "id": media.id,
        "type": "image",
        "url": f"{origin}/media/{media.id}" if ready else None,
        "preview_url": f"{origin}/media/{media.id}",
        "remote_url": None,
        "meta": {"original": {"width": media.width, "height": media.height}},
        "description": media.alt or None,
        "blurhash": None,
    }


def instance(origin: str) -> Json:
    """What the server says of itself (version 2)."""
    return {
        "domain": origin.partition("://")[2],
        "title": "Aviary",
        "version": "4.5.2",
        "source_url": "",
        "description": "A local network.",
        "usage": {"users": {"active_month": 40}},
        "languages": ["en"],
        "configuration": {
            "urls": {},
            "accounts": {"max_featured_tags": 10},
            "statuses": {
                "max_characters": MOST_CHARACTERS,
                "max_media_attachments": MOST_PICTURES,
                "characters_reserved_per_url": LINK_CHARACTERS,
            },
            "media_attachments": {
                "supported_mime_types": MIME_TYPES,
                "image_size_limit": LARGEST_PICTURE,
                "image_matrix_limit": 33_177_600,
                "description_limit": LONGEST_DESCRIPTION,
            },
            "polls": {"max_options": 4},
        },
        "registrations": {"enabled": False},
        "api_versions": {"mastodon": QUOTES},
        "contact": {"email": ""},
        "rules": [],
    }


def old_instance(origin: str) -> Json:
    """What an older or smaller server says of itself (version 1)."""
    return {
        "uri": origin.partition("://")[2],
        "title": "Aviary",
        "version": "0.17.4",
        "max_toot_chars": MOST_CHARACTERS,
        "stats": {},
        "urls": {},
    }


def moment(at: float) -> str:
    """As Mastodon writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
