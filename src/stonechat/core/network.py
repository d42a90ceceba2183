"""The port to a social network (:class:`Network`), and the values that pass through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from stonechat.core.ids import digest
from stonechat.core.model import Account, Metrics
from stonechat.core.states import SessionState
from stonechat.core.texts import STATUS_LINK, same_text


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be published with a part: its bytes, their type, and what they show, in words."""

    sha256: str
    mime: str
    alt: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What a network takes of pictures; larger ones are made to fit before they are approved.

    Attributes:
        most_bytes: of one picture, by its type; other types are not taken.
        longest_side: of a still picture, in pixels.
        animated_side: of one that moves.
        frames: pictures in one that moves.
    """

    most_bytes: Mapping[str, int] = field(
        default_factory=lambda: {f"image/{kind}": 5 * 2**20 for kind in ("jpeg", "png", "webp", "gif")}
    )
    longest_side: int = 4096
    animated_side: int = 1280
    frames: int = 350


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as a network shows it; ``alt`` is empty where it has no description."""

    id: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class NetworkPost:
    """A post as read from a network, ours or somebody else's.

    ``None`` anywhere means that the network did not show it; unknown is never stored as 0.

    Attributes:
        versions: ids of its earlier versions, the first one first; empty where it was never edited.
        conversation_id: of the post that the conversation began with.
        language: ISO 639-1, as the network takes it; None also where it cannot tell.
        sensitive: whether it is marked as not for everybody.
        author_bio: what the author says of themselves; empty where it is not shown beside the post.
        author_blocks_us: the author has blocked the account that reads.
    """

    id: str
    author: str
    created_at: datetime | None
    text: str
    metrics: Metrics = field(default_factory=Metrics)
    url: str = ""
    in_reply_to: str | None = None
    quoted_id: str | None = None
    author_followers: int | None = None
    pictures: tuple[ShownPicture, ...] = ()
    versions: tuple[str, ...] = ()
    conversation_id: str | None = None
    language: str | None = None
    sensitive: bool | None = None
    author_bio: str = ""
    author_blocks_us: bool = False

    def shows(self, ours: str, *, reply: bool) -> bool:
        """Whether this is how the network shows the text ``ours``.

        Args:
            reply: ours answers a post, so that the network may put handles before it.
        """
        if same_text(ours, self.text, reply=reply):
            return True
        link = STATUS_LINK.search(ours)  # a link to a post at the end is shown as the quoted post itself
        return (
            link is not None
            and link["id"] == self.quoted_id
            and same_text(ours[: link.start()], self.text, reply=reply)
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """Posts from one read.

    Attributes:
        complete: the read was healthy and saw everything back to ``oldest``; only such a read may
            prove that a post is absent.
        source: ``wire``, ``dom`` or ``api``.
        unread: posts of which the read says no more than that they are there; no more is known of each than
            its id ("" where not even that) and time.
        folded: ids of posts within a conversation that the read names and does not show.
    """

    posts: tuple[NetworkPost, ...]
    complete: bool
    oldest: datetime | None
    source: str
    unread: tuple[NetworkPost, ...] = ()
    folded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as the network shows it; ``blocks_us``: it has blocked the account that reads."""

    handle: str
    name: str
    followers: int | None
    following: int | None
    bio: str = ""
    blocks_us: bool = False


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to be published in one go.

    Attributes:
        parts: the texts still to be sent, in order.
        reply_to: id of the post that the first of them answers: somebody's post for a reply, our
            own last confirmed part for a thread that is being resumed.
        quote_of: id of the post, by ``quote_author``, that the first of them quotes.
        pictures: for each of the parts, in order, its pictures; empty where there are none at all.
        final_click: False in shadow mode: do everything but send.
        key: of the first try at this content, committed before anything was sent. Every later try has the
            same one, so that a network that can tell by it takes two tries for one post.
        first_tried: account time of that try; None where there is no key.
    """

    parts: tuple[str, ...]
    reply_to: str | None = None
    reply_to_author: str | None = None
    quote_of: str | None = None
    quote_author: str | None = None
    final_click: bool = True
    pictures: tuple[tuple[Picture, ...], ...] = ()
    key: str = ""
    first_tried: datetime | None = None

    def key_of_part(self, number: int, answers: str | None) -> str:
        """A key for the part ``number``: the same in every try that would send it in the same place.

        Another one once its words or pictures are changed, since that is another post.

        Args:
            answers: id of the post that this part answers.
        """
        quoted = self.quote_of if number == 0 else None
        pictures = [one for shown in self.of_part(number) for one in (shown.sha256, shown.alt)]
        return digest(self.key, answers or "", quoted or "", self.parts[number], *pictures)

    def of_part(self, number: int) -> tuple[Picture, ...]:
        """The pictures of the part ``number``, from 0."""
        return self.pictures[number] if number < len(self.pictures) else ()


@dataclass(frozen=True, slots=True)
class Posted:
    """All parts are live. ``post_ids`` has one id for each part, in order.

    Attributes:
        doubts: differences between what was sent and what the network shows (a missing description, say).
            The owner is told; nothing is sent again for it.
    """

    post_ids: tuple[str, ...]
    url: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It may be live. ``confirmed`` holds the ids of leading parts known to be live.

    Attributes:
        contradicted: the network's own answers disagree about which post it is.
        duplicate: the network says that it has this text already: it is never sent again unasked.
    """

    reason: str
    confirmed: tuple[str, ...] = ()
    contradicted: bool = False
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Proven not to be live.

    Attributes:
        permanent: the same text will be refused again (too long, forbidden).
        retry_after: real time to wait, where the network said so (rate limits).
        session: set where the session is the cause.
        confirmed: ids of leading parts of a thread that did go out before the refusal.
        automated: the network takes the account for a program: nothing may be sent for it unasked.
        blocked: whom the post answers has blocked the account, and is never answered again.
    """

    reason: str
    permanent: bool = False
    retry_after: timedelta | None = None
    session: SessionState | None = None
    confirmed: tuple[str, ...] = ()
    automated: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Everything was done but the final click (shadow mode)."""

    detail: str = ""


PublishOutcome = Posted | Unconfirmed | Refused | Rehearsed


@dataclass(frozen=True, slots=True)
class TextEntities:
    """What a network makes live in a text: each as it stands there, in order, tags and names without sign.

    Attributes:
        links: also those without a scheme, where the network makes links of them.
    """

    links: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    cashtags: tuple[str, ...] = ()


class TextRules(Protocol):
    """How a network reads a text; the part of it that judging a text needs."""

    @property
    def max_length(self) -> int:
        """The greatest length of one part, in the unit of :meth:`length`."""

    def length(self, text: str) -> int:
        """The text's length by the network's own rule (weighted, graphemes …)."""

    def entities(self, text: str) -> TextEntities:
        """What the network will make live in ``text``."""


class NetworkAdapter(Protocol):
    """Speaks with a social network; what a plug-in brings.

    Reads raise ``Transient``, ``SessionTrouble`` or ``PageChanged``; they never return an empty
    result where the cause is a login wall, a challenge or a changed page. :meth:`publish` returns
    its outcome instead of raising, because *unknown* is an outcome.

    ``limit`` is when a read may stop, not where it is cut: what was read beyond it stays, so that
    :attr:`Timeline.oldest` never claims more than :attr:`Timeline.posts` holds.
    """

    @property
    def name(self) -> str:
        """The name that the settings and accounts know it by."""

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        """Publish; ``before_click`` is called just before the effect can first happen."""

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        """The account's newest posts with their metrics, from as few page loads as possible."""

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        """The account's newest posts and replies with their metrics."""

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        """The account's own posts on the page of a post: the post itself, and what answers it.

        A profile folds the middle of long conversations away; here the next part of a thread stands. Complete
        where the page shows the post itself.

        Args:
            author: who wrote the post; the account itself where empty.

        Raises:
            Permanent: the post is gone.
        """

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        """Posts that match ``query`` in the network's own search syntax, newest first; also our own."""

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        """Posts of others that mention, quote or answer the account: the ones it may reply to."""

    async def profile(self, account: Account, handle: str) -> Profile:
        """How ``handle`` presents itself; ``handle`` may be the account's own."""

    async def session(self, account: Account) -> SessionState:
        """Ask the network whether the account's session is still accepted."""


class Network(NetworkAdapter, TextRules, Protocol):
    """A social network as the rooms use it: its adapter, with what it makes of a text."""
