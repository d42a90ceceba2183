"""Looking for what may be live: the own profile, pages of a conversation, and how long to wait for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import PostingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import PageChanged, Permanent, SessionTrouble, StonechatError
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.network import Network, NetworkPost, Timeline
from stonechat.core.states import ContentState
from stonechat.database import Database
from stonechat.database.repositories import content, opportunities, receipts
from stonechat.database.repositories.receipts import Attempt
from stonechat.networks.session_trouble import noting_trouble
from stonechat.posting.matching import Known, Search, find_parts, hides_some, proves_absence

KNOWN_FOR = timedelta(days=7)
"""Our known posts of that long are looked for in a read, to tell a healthy one from a shrunken one."""

OTHERS = 1000
"""Other open content whose texts are held against that of an edited post."""


@dataclass(frozen=True, slots=True)
class Read:
    """One read of the own profile.

    Attributes:
        timeline: None where it failed; a failed read decides nothing.
        wall, steady: when it began, in real time and in monotonic seconds.
        asked: how many posts it was asked for.
    """

    timeline: Timeline | None
    wall: datetime
    steady: float
    asked: int


@dataclass(frozen=True, slots=True)
class Beside:
    """What the pages of a conversation showed beside the profile.

    Attributes:
        healthy: the page on which the missing part would stand next was read, or there is none.
    """

    posts: tuple[NetworkPost, ...] = ()
    healthy: bool = True


class Patience:
    """How long to wait before absence can be believed, by this process's own steady clock.

    Wall clocks are set, and those of hosts differ; so nobody's word about when a try began is taken for it.
    """

    def __init__(self, clock: Clock, settings: PostingSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._since: defaultdict[str, dict[tuple[str, bool], float]] = defaultdict(dict)

    @property
    def clicks_within(self) -> timedelta:
        """Account time after its intent within which a try clicks, if it does at all."""
        return self._settings.click_within * self._clock.speed

    def left(self, content_id: str, tries: Sequence[Attempt], steady: float) -> timedelta:
        """By how much real time a read that began at ``steady`` comes too early to prove absence.

        An attempt that its own publisher ended clicked before that end. One whose publisher died, or
        only seems to have, may click until ``click_within`` has passed, and not later. Both count from when
        this process first saw them so.
        """
        left = timedelta()
        for one in tries:
            ended = one.ended_wall is not None
            wait = self._settings.reconcile_grace
            if not ended:
                wait += self._settings.click_within
            since = self._since[content_id].setdefault((one.id, ended), self._clock.monotonic())
            left = max(left, wait - timedelta(seconds=steady - since))
        return left

    def forget(self, content_id: str) -> None:
        """It is decided."""
        self._since.pop(content_id, None)


class Looker:
    """Reads, for the reconciler and the later check."""

    def __init__(self, database: Database, clock: Clock, events: EventStream, patience: Patience) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._patience = patience

    async def read(self, account: Account, network: Network, depth: int, *, replies: bool) -> Read:
        """One read of the own profile, of replies too where that is asked."""
        wall, steady, timeline = self._clock.wall(), self._clock.monotonic(), None
        try:
            async with noting_trouble(self._database, self._clock, self._events, account, network):
                ask = network.own_replies if replies else network.own_posts
                timeline = await ask(account, limit=depth)
        except (StonechatError, TimeoutError):
            pass
        return Read(timeline, wall, steady, depth)

    async def beside(self, account: Account, network: Network, content_id: str, read: Read) -> Beside:
        """What stands where the first missing part would: below the last live one, or below what is answered.

        A profile shows at most a few posts of one conversation, so it can never tell that a part is missing.
        Read only once the absence could be believed; before that a part that is not seen is waited for.
        """
        beside, pages = Beside(), set[str]()
        while read.timeline is not None:
            async with self._database.read("posting.thread") as connection:
                piece = await content.find(connection, content_id)
                if piece is None or piece.state is not ContentState.UNCONFIRMED:
                    return beside
                tries = await open_tries(connection, piece)
                shown = replace(read.timeline, posts=(*read.timeline.posts, *beside.posts))
                search = await search_for(connection, piece, tries, shown, self._patience.clicks_within)
                author = await _answered_author(connection, piece)
            found = find_parts(search, shown)
            above = found[-1].id if found else search.answers
            early = self._patience.left(piece.id, tries, read.steady) > timedelta()
            if early or len(found) == len(search.parts) or above is None or above in pages:
                return beside
            pages.add(above)
            foreign = above == piece.in_reply_to
            if foreign and not proves_absence(search, read.timeline, asked=read.asked):
                return beside  # nothing can be decided yet, whatever stands on that page
            page = await self.page_of(account, network, above, author if foreign else "")
            # On somebody else's page others' withheld posts are no sign of ours.
            if page is None or not page.complete or (not foreign and hides_some(search, page)):
                return replace(beside, healthy=False)
            beside = replace(beside, posts=(*beside.posts, *page.posts))
        return beside

    async def page_of(
        self, account: Account, network: Network, post_id: str, author: str = ""
    ) -> Timeline | None:
        """Our posts on the page of that post; none where it is gone, None where the read failed."""
        try:
            async with noting_trouble(self._database, self._clock, self._events, account, network):
                return await network.own_thread(account, post_id, author=author)
        except (SessionTrouble, PageChanged):
            return None
        except Permanent:
            return Timeline((), True, None, "wire")
        except (StonechatError, TimeoutError):
            return None


async def open_tries(connection: AsyncConnection, piece: Content) -> list[Attempt]:
    """The tries at ``piece`` of which nobody knows what became."""
    tries = await receipts.attempts(connection, piece.id)
    return [one for one in tries if one.open]


async def search_for(
    connection: AsyncConnection,
    piece: Content,
    tries: Sequence[Attempt],
    timeline: Timeline | None,
    clicks_within: timedelta,
) -> Search:
    """What of ``piece`` is looked for in ``timeline``, and what is known of the account's other posts."""
    since = min((one.started_at for one in tries), default=piece.state_since)
    done = await receipts.confirmed_parts(connection, piece.id)
    recent = await receipts.live_since(connection, piece.account_id, since - KNOWN_FOR)
    shown = [post.id for post in (*timeline.posts, *timeline.unread)] if timeline is not None else []
    plain = piece.kind not in (ContentKind.REPLY, ContentKind.THREAD)
    edited = timeline is not None and any(post.versions for post in timeline.posts)
    return Search(
        parts=piece.parts[len(done) :],
        since=since,
        until=max((one.started_at for one in tries), default=since) + clicks_within,
        taken=await receipts.known_among(connection, piece.account_id, shown),
        quote_of=None if done else piece.quote_of,
        answers=done[len(done) - 1] if done else piece.in_reply_to,
        rivals=await _open_beside(connection, piece) if edited else (),
        known=[
            Known(one.post_id, one.posted_at, one.confirmed_at, leads=one.number == 0)
            for one in recent
            if not (plain and one.kind == ContentKind.REPLY)
        ],
    )


async def _open_beside(connection: AsyncConnection, piece: Content) -> list[str]:
    """Texts of the account's other content of which nobody knows whether it is live."""
    states = [ContentState.UNCONFIRMED, ContentState.POSTING]
    others = await content.in_states(connection, states, account_id=piece.account_id, limit=OTHERS)
    return [part for one in others if one.id != piece.id for part in one.parts]


async def _answered_author(connection: AsyncConnection, piece: Content) -> str:
    """Who wrote the post that ``piece`` answers; ``i``, which stands for anybody, where we do not know."""
    one = await opportunities.find(connection, piece.opportunity_id) if piece.opportunity_id else None
    return one.author if one is not None else "i"
