"""Looks up what may be live: posted, proven absent, or, after a bounded time, a question to a human."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import PostingSettings
from stonechat.core.clock import Clock
from stonechat.core.events import (
    Event,
    EventStream,
    PostDiffers,
    PostPublished,
    PostReconciled,
    PostUnconfirmed,
)
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.network import Network, NetworkPost
from stonechat.core.states import ContentState
from stonechat.database import Database
from stonechat.database.repositories import content, media, receipts
from stonechat.database.repositories.receipts import Attempt
from stonechat.posting.attachments import doubts_about
from stonechat.posting.lookup import Beside, Looker, Patience, Read, open_tries, search_for
from stonechat.posting.matching import find_parts, may_be_ours, proves_absence
from stonechat.posting.receipts import become_posted
from stonechat.posting.resending import DUPLICATE, LOOK, why_not_again

AT_ONCE = 100
"""Pieces that one pass looks up: one read serves them all."""

SHALLOW, DEEP = 40, 200
"""Posts that a read asks for at first, and where the first did not reach back to the try."""

_UNPROVEN = f"it may be live, and no healthy read could tell: {LOOK}"


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

    Nothing is ever sent again here: proven absent, content goes back to ``queued`` and through the gate, or,
    where it was sent as often as it may be (:mod:`stonechat.posting.resending`), to a human.
    One of these serves for as long as its process lives: it waits by its own steady clock before it believes
    that something is absent (:mod:`stonechat.posting.lookup`).
    """

    patience_type: type[Patience] = Patience

    def __init__(
        self, database: Database, clock: Clock, events: EventStream, settings: PostingSettings
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._settings = settings
        self._patience = self.patience_type(clock, settings)
        self._looker = Looker(database, clock, events, self._patience)

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

    async def watch(self, account: Account) -> None:
        """Begin to wait for what is open now; to be called where something has become so."""
        async with self._database.read("posting.watch") as connection:
            for piece in await _open_cases(connection, account):
                self._patience.left(piece.id, await open_tries(connection, piece), self._clock.monotonic())

    async def reconcile(self, account: Account, network: Network) -> Reconciled:
        """Look up what is unconfirmed: one read of each kind, and a deeper one where that is needed."""
        async with self._database.read("posting.unconfirmed") as connection:
            open_cases = await _open_cases(connection, account)
        if not open_cases:
            return Reconciled()
        tally = {"posted": 0, "absent": 0, "undecided": 0, "waiting": 0}
        again: list[datetime] = []
        # The first, short read settles nearly every case. Only what it cannot settle is worth a long one, and
        # all cases share one read of each kind: pages are what the network counts.
        for depth in (SHALLOW, DEEP):
            reads: dict[bool, Read] = {}
            unproven: list[Content] = []
            for piece in open_cases:
                replies = piece.kind in (ContentKind.REPLY, ContentKind.THREAD)
                if replies not in reads:
                    reads[replies] = await self._looker.read(account, network, depth, replies=replies)
                beside = await self._looker.beside(account, network, piece.id, reads[replies])
                verdict, wait = await self._settle(account, piece.id, reads[replies], beside)
                if verdict != "waiting":
                    tally[verdict] += 1
                elif wait > timedelta():
                    again.append(reads[replies].wall + wait)
                else:
                    unproven.append(piece)
            open_cases = unproven
        tally["waiting"] = len(again) + len(open_cases)
        return Reconciled(**tally, again=min(again, default=None))

    async def _settle(
        self, account: Account, content_id: str, read: Read, beside: Beside
    ) -> tuple[str, timedelta]:
        """Decide about one piece in one transaction; returns the verdict, and how long (real time) absence
        cannot be proven yet."""
        events: list[Event] = []
        why = ""
        async with self._database.begin("posting.reconcile") as connection:
            piece = await content.find(connection, content_id, lock=True)
            if piece is None or piece.state is not ContentState.UNCONFIRMED:
                self._patience.forget(content_id)
                return "posted", timedelta()  # its own publisher wrote the receipt meanwhile
            # From here the row is locked: a publisher that is still at work cannot write its receipt between
            # our reading of the attempts and our verdict.
            tries = await open_tries(connection, piece)
            timeline = read.timeline
            shown = timeline and replace(timeline, posts=(*timeline.posts, *beside.posts))
            search = await search_for(connection, piece, tries, shown, self._patience.clicks_within)
            wait = self._patience.left(piece.id, tries, read.steady)
            found = find_parts(search, shown) if shown is not None else []
            await self._confirm(connection, piece, found)
            if len(found) == len(search.parts):
                verdict, told = "posted", await self._is_posted(connection, account, piece, tries, found)
            elif (
                # Absent is what allows a second click, so everything has to speak for it: the read was whole
                # and began after the network had its time to show the post, the other pages were well, and
                # nothing that was seen could be ours in another form.
                timeline is not None
                and wait <= timedelta()
                and beside.healthy
                and proves_absence(search, timeline, asked=read.asked)
                and not may_be_ours(search, shown or timeline)
            ):
                why = await self._is_absent(connection, piece, tries, len(found))
                verdict, told = ("undecided" if why else "absent"), []
            # Neither found nor proven absent for so long: a human looks. It is never sent again on a guess.
            elif read.wall >= _last(tries, read.wall) + self._settings.reconcile_limit:
                why = _UNPROVEN
                verdict, told = "undecided", []
                await self._fail(connection, piece, why)
            else:
                return "waiting", wait
            events += told
            events.append(
                PostReconciled(account_id=account.id, content_id=piece.id, verdict=verdict, why=why)
            )
        # Only after the commit: whoever hears an event may read the row, and a rolled-back verdict is none.
        self._patience.forget(content_id)
        self._emit(events)
        return verdict, timedelta()

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
        # The network's own time counts for metrics and limits; the page may not show it, then the first
        # click.
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
        attached = await media.of(connection, piece.id)
        numbers = {post_id: number for number, post_id in parts.items()}
        why = [doubt for one in found for doubt in doubts_about(attached, numbers[one.id], one)]
        told = PostDiffers(account_id=piece.account_id, content_id=piece.id, why="; ".join(why))
        return [told] if why else []

    async def _is_absent(
        self, connection: AsyncConnection, piece: Content, tries: Sequence[Attempt], found: int
    ) -> str:
        """Back to the queue, where it may be sent again; else to a human, and why."""
        now = self._clock.now()
        why = "proven absent" if not found else "the rest of the thread is proven absent"
        # The network has called it a duplicate of something, and yet it is not to be seen: a second try would
        # be refused in the same way.
        duplicate = any(one.outcome == "duplicate" for one in tries)
        for one in tries:
            await receipts.end(connection, one.id, outcome="absent", detail=why, now=now)
        asks = f"{DUPLICATE}: {LOOK}" if duplicate else ""
        asks = asks or await why_not_again(connection, piece, self._settings.resends)
        if asks:
            await self._fail(connection, piece, asks)
        else:
            await content.change(connection, piece, ContentState.QUEUED, now=now, who="reconciler", why=why)
        return asks

    async def _fail(self, connection: AsyncConnection, piece: Content, why: str) -> None:
        await content.change(
            connection, piece, ContentState.FAILED, now=self._clock.now(), who="reconciler", why=why
        )

    def _emit(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events.emit(event)


async def _open_cases(connection: AsyncConnection, account: Account) -> list[Content]:
    return await content.in_states(
        connection, [ContentState.UNCONFIRMED], account_id=account.id, limit=AT_ONCE
    )


def _last(tries: Sequence[Attempt], otherwise: datetime) -> datetime:
    """The bounded time begins anew with a try that a human asked for."""
    return max((one.started_wall for one in tries), default=otherwise)
