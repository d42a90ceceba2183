"""Looks up what may be live: posted, proven absent, or, after a bounded time, a question to a human."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import PostingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError
from stonechat.core.events import (
    Event,
    EventStream,
    PostDiffers,
    PostPublished,
    PostReconciled,
    PostUnconfirmed,
)
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.network import Network, NetworkPost, Timeline
from stonechat.core.states import ContentState
from stonechat.database import Database, content, media_rows, receipts
from stonechat.database.receipts import Attempt
from stonechat.networks.sessions import noting_trouble
from stonechat.posting.matching import Known, Search, find_parts, proves_absence
from stonechat.posting.pictures import doubts_about
from stonechat.posting.recording import become_posted

SHALLOW, DEEP = 40, 200
"""Posts that a read asks for at first, and where the first did not reach back to the try."""

KNOWN_FOR = timedelta(days=7)
"""Our known posts of that long are looked for in a read, to tell a healthy one from a shrunken one."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one pass came to; ``again`` is the real time at which absence can first be proven."""

    posted: int = 0
    absent: int = 0
    undecided: int = 0
    waiting: int = 0
    again: datetime | None = None


class Reconciler:
    """Decides about content in ``unconfirmed``, and takes over what a dead publisher left in ``posting``.

    Nothing is ever sent again here: proven absent, content goes back to ``queued`` and through the gate.
    """

    def __init__(
        self, database: Database, clock: Clock, events: EventStream, settings: PostingSettings
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._settings = settings

    async def recover(self, account: Account, *, owner: str = "") -> int:
        """Take over content whose publisher is gone; returns how many pieces.

        Without an intent the click cannot have happened: back to ``queued``, where the next claim's
        fence shuts the old publisher out. With one it is ``unconfirmed``.
        """
        events: list[Event] = []
        async with self._database.begin("posting.recover") as connection:
            stranded = await content.stranded(connection, account.id, self._clock.wall(), owner=owner)
            for piece in stranded:
                events += await self._take_over(connection, piece)
        self._emit(events)
        return len(stranded)

    async def _take_over(self, connection: AsyncConnection, piece: Content) -> list[Event]:
        now = self._clock.now()
        tries = await receipts.attempts(connection, piece.id)
        if not any(one.fence == piece.fence for one in tries):
            why = "its publisher was gone before the intent"
            await content.change(connection, piece, ContentState.QUEUED, now=now, who="recovery", why=why)
            return []
        why = "its publisher was gone after the intent"
        await content.change(connection, piece, ContentState.UNCONFIRMED, now=now, who="recovery", why=why)
        return [PostUnconfirmed(account_id=piece.account_id, content_id=piece.id, why=why)]

    async def reconcile(self, account: Account, network: Network) -> Reconciled:
        """Look up what is unconfirmed: one read of each kind, and a deeper one where that is needed."""
        async with self._database.read("posting.unconfirmed") as connection:
            open_cases = await content.in_states(
                connection, [ContentState.UNCONFIRMED], account_id=account.id, limit=20
            )
        if not open_cases:
            return Reconciled()
        read_at = self._clock.wall()
        tally = {"posted": 0, "absent": 0, "undecided": 0, "waiting": 0}
        again: list[datetime] = []
        for depth in (SHALLOW, DEEP):
            timelines: dict[bool, Timeline | None] = {}
            unproven: list[Content] = []
            for piece in open_cases:
                replies = piece.kind in (ContentKind.REPLY, ContentKind.THREAD)
                if replies not in timelines:
                    timelines[replies] = await self._read(account, network, depth, replies=replies)
                verdict, safe_at = await self._settle(
                    account, piece.id, timelines[replies], read_at, asked=depth
                )
                if verdict != "waiting":
                    tally[verdict] += 1
                elif safe_at is not None and read_at < safe_at:
                    again.append(safe_at)
                else:
                    unproven.append(piece)
            open_cases = unproven
        tally["waiting"] = len(again) + len(open_cases)
        return Reconciled(**tally, again=min(again, default=None))

    async def _read(
        self, account: Account, network: Network, depth: int, *, replies: bool
    ) -> Timeline | None:
        """One read; None where it failed. A failed read decides nothing."""
        try:
            async with noting_trouble(self._database, self._clock, self._events, account, network):
                ask = network.own_replies if replies else network.own_posts
                return await ask(account, limit=depth)
        except (StonechatError, TimeoutError):
            return None

    async def _settle(
        self, account: Account, content_id: str, timeline: Timeline | None, read_at: datetime, *, asked: int
    ) -> tuple[str, datetime | None]:
        """Decide about one piece in one transaction; returns the verdict and when it can be decided."""
        events: list[Event] = []
        async with self._database.begin("posting.reconcile") as connection:
            piece = await content.find(connection, content_id, lock=True)
            if piece is None or piece.state is not ContentState.UNCONFIRMED:
                return "posted", None  # its own publisher wrote the receipt meanwhile
            tries = [
                one
                for one in await receipts.attempts(connection, piece.id)
                if one.outcome in (None, "unconfirmed")
            ]
            search = await self._search(connection, piece, tries, timeline)
            safe_at = max((self._safe_at(one) for one in tries), default=read_at)
            found = find_parts(search, timeline) if timeline is not None else []
            await self._confirm(connection, piece, found)
            if len(found) == len(search.parts):
                verdict, told = "posted", await self._is_posted(connection, account, piece, tries, found)
            elif (
                timeline is not None and read_at >= safe_at and proves_absence(search, timeline, asked=asked)
            ):
                verdict, told = "absent", await self._is_absent(connection, piece, tries, len(found))
            elif read_at >= _first(tries, read_at) + self._settings.reconcile_limit:
                verdict, told = "undecided", await self._is_undecided(connection, piece)
            else:
                return "waiting", safe_at
            events += told
            events.append(PostReconciled(account_id=account.id, content_id=piece.id, verdict=verdict))
        self._emit(events)
        return verdict, None

    def _safe_at(self, attempt: Attempt) -> datetime:
        """The real time from which a read can prove absence.

        An attempt that its own publisher ended clicked before that end. One whose publisher died, or
        only seems to have, may click until ``click_within`` has passed, and not later.
        """
        last_click = attempt.ended_wall or attempt.started_wall + self._settings.click_within
        return last_click + self._settings.reconcile_grace

    async def _search(
        self,
        connection: AsyncConnection,
        piece: Content,
        tries: Sequence[Attempt],
        timeline: Timeline | None,
    ) -> Search:
        since = min((one.started_at for one in tries), default=piece.state_since)
        done = await receipts.confirmed_parts(connection, piece.id)
        recent = await receipts.live_since(connection, piece.account_id, since - KNOWN_FOR)
        shown = [post.id for post in timeline.posts] if timeline is not None else []
        plain = piece.kind not in (ContentKind.REPLY, ContentKind.THREAD)
        return Search(
            parts=piece.parts[len(done) :],
            since=since,
            taken=await receipts.known_among(connection, piece.account_id, shown),
            quote_of=None if done else piece.quote_of,
            known=[
                Known(one.post_id, one.posted_at, one.confirmed_at, leads=one.number == 0)
                for one in recent
                if not (plain and one.kind == ContentKind.REPLY)
            ],
        )

    async def _confirm(
        self, connection: AsyncConnection, piece: Content, found: Sequence[NetworkPost]
    ) -> None:
        first = len(await receipts.confirmed_parts(connection, piece.id))
        post_ids = {number: post.id for number, post in enumerate(found, start=first)}
        await receipts.confirm_parts(connection, piece, post_ids, now=self._clock.now())

    async def _is_posted(
        self,
        connection: AsyncConnection,
        account: Account,
        piece: Content,
        tries: Sequence[Attempt],
        found: Sequence[NetworkPost],
    ) -> list[Event]:
        now = self._clock.now()
        parts = await receipts.confirmed_parts(connection, piece.id)
        url = found[0].url if found and parts[0] == found[0].id else piece.url or ""
        at = (found[0].created_at if found else None) or tries[0].started_at
        await become_posted(connection, piece, post_id=parts[0], url=url, at=at, now=now, who="reconciler")
        for one in tries:
            await receipts.end(connection, one.id, outcome="posted", detail="found on the network", now=now)
        return [
            *await self._differences(connection, piece, parts, found),
            PostPublished(
                account_id=account.id,
                content_id=piece.id,
                post_id=parts[0],
                url=url,
                took=self._clock.wall() - tries[0].started_wall,
                late=at - piece.due_at,
            ),
        ]

    async def _differences(
        self,
        connection: AsyncConnection,
        piece: Content,
        parts: Mapping[int, str],
        found: Sequence[NetworkPost],
    ) -> list[Event]:
        """Whether what was found shows the pictures that it should; a page (not the wire) shows none."""
        if piece.media_digest is None:
            return []
        attached = await media_rows.of(connection, piece.id)
        numbers = {post_id: number for number, post_id in parts.items()}
        why = [doubt for one in found for doubt in doubts_about(attached, numbers[one.id], one)]
        told = PostDiffers(account_id=piece.account_id, content_id=piece.id, why="; ".join(why))
        return [told] if why else []

    async def _is_absent(
        self, connection: AsyncConnection, piece: Content, tries: Sequence[Attempt], found: int
    ) -> list[Event]:
        now = self._clock.now()
        why = "proven absent" if not found else "the rest of the thread is proven absent"
        for one in tries:
            outcome = "partial" if found else "absent"
            await receipts.end(connection, one.id, outcome=outcome, detail=why, now=now)
        await content.change(connection, piece, ContentState.QUEUED, now=now, who="reconciler", why=why)
        return []

    async def _is_undecided(self, connection: AsyncConnection, piece: Content) -> list[Event]:
        why = "it may be live, and no healthy read could tell: look at the profile before queueing it again"
        await content.change(
            connection, piece, ContentState.FAILED, now=self._clock.now(), who="reconciler", why=why
        )
        return []

    def _emit(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events.emit(event)


def _first(tries: Sequence[Attempt], otherwise: datetime) -> datetime:
    return min((one.started_wall for one in tries), default=otherwise)
