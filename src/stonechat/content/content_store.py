"""Stores accepted drafts, each exactly once: in the queue, the reserve, or the queue of replies."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.content.arms import HOUR_BLOCK, ArmsOf
from stonechat.content.slots import schedule
from stonechat.content.slots.schedule import Booked, Rhythm
from stonechat.content.voice import Voice
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.clock import Clock
from stonechat.core.events import ContentPlanned, EventStream
from stonechat.core.ids import digest
from stonechat.core.model import Account, Approval, Content, ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import Database
from stonechat.database.repositories import content as queue
from stonechat.database.repositories import drafts, opportunities, slots
from stonechat.database.repositories.drafts import RejectedDraft, ReserveDraft

_HELD = ContentState.AWAITING_APPROVAL
_LOOK_BACK = timedelta(hours=36)
_LOOK_AHEAD = timedelta(days=2)
_LOOK_AHEAD_BY_HAND = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A draft that passed the review, and how it came to be.

    Attributes:
        hold: why the owner must see it before it goes out, whatever APPROVAL says; empty where not.
    """

    parts: tuple[str, ...]
    prompt_version: str
    writer_model: str
    cost_usd: float
    hold: str = ""


UNREAD = "no second model reads the posts, so the owner reads a share of them (APPROVAL_SHARE)"


def in_share(content_id: str, share: float) -> bool:
    """Whether a text is among the share of all that is held; the same for every repetition of a step."""
    return int(digest(content_id)[:8], 16) < share * 16**8


@dataclass(frozen=True, slots=True)
class Put:
    """What is stored now; ``new`` is False where it had been stored before. None where it was dropped."""

    stored: Content | ReserveDraft | None
    new: bool = True


class ContentStore:
    """Stores accepted drafts.

    Args:
        spacing: least account time between two posts.
        held_share: of what is drawn from the reserve, the share that waits for the owner; 0 to 1.
        lead: account time that lies at least between planning a post and its due time.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rng: random.Random,
        events: EventStream,
        arms_of: ArmsOf,
        *,
        spacing: timedelta,
        lead: timedelta,
        held_share: float = 0.0,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rng = rng
        self._events = events
        self._arms_of = arms_of
        self._spacing = spacing
        self._lead = lead
        self._held_share = held_share

    def rhythm(self, account: Account, voice: Voice) -> Rhythm:
        """The account's rhythm."""
        topics = self._arms_of(account.id).factors.get("topic")
        return Rhythm(
            per_day=account.posts_per_day,
            timezone=account.timezone,
            spacing=self._spacing,
            active=voice.active_hours,
            one_topic=topics is None or len(topics.active) < 2,
        )

    def earliest(self) -> datetime:
        """The first time that a new post may be due."""
        return self._clock.now() + self._lead

    async def booked(self, account_id: str) -> list[Booked]:
        """Times that are taken, from a day and a half ago on."""
        async with self._database.read("content.booked") as connection:
            return await self._booked(connection, account_id)

    async def store(
        self,
        account: Account,
        voice: Voice,
        assignment: Assignment,
        accepted: Accepted,
        rejected: Sequence[RejectedDraft] = (),
    ) -> Content | ReserveDraft | None:
        """Put an accepted draft where it belongs; a repetition finds the first one's row.

        A post for which no time is free any more goes to the reserve; a quote, which would be stale by
        the time it is drawn, and a text that the owner must see are dropped (None). So is what was written
        to a post that somebody else has written to, or skipped, since it was claimed.

        Raises:
            Transient: the database is away; nothing was stored.
        """
        if assignment.purpose is Purpose.RESERVE:
            return await self._stock(assignment, accepted, rejected)
        async with self._database.begin("content.store") as connection:
            put = await self.put(connection, account, voice, assignment, accepted, rejected)
        if put.new and isinstance(put.stored, Content):
            self.announce(put.stored)
        return put.stored

    async def put(
        self,
        connection: AsyncConnection,
        account: Account,
        voice: Voice,
        assignment: Assignment,
        accepted: Accepted,
        rejected: Sequence[RejectedDraft] = (),
        *,
        who: str = "content",
    ) -> Put:
        """As :meth:`store`, in the caller's transaction; the caller announces what is new after its commit.

        What a human wrote stays at the time it was given; without one it gets the first that is free within
        a week, and is not stored (None) where there is none.
        """
        await slots.lock(connection, account.id)
        present = await queue.find(connection, assignment.id)
        if present is not None:
            return Put(present, new=False)
        await drafts.reject(connection, rejected)
        if not await self._still_open(connection, assignment):
            return Put(None)
        content = await self._timed(connection, account, voice, assignment, accepted)
        if content is not None:
            await queue.add(connection, content, who=who)
            return Put(content)
        if assignment.purpose is Purpose.BY_HAND or assignment.quote_of or accepted.hold:
            return Put(None)
        kept = self._kept(assignment, accepted)
        await drafts.stock(connection, kept)
        return Put(kept)

    async def draw(self, account: Account, voice: Voice, due_at: datetime, content_id: str) -> Content | None:
        """Move the oldest fitting draft of the reserve to the queue; None where the reserve has none."""
        async with self._database.begin("content.reserve.draw") as connection:
            await slots.lock(connection, account.id)
            present = await queue.find(connection, content_id)
            if present is not None:
                return present
            taken = await self._booked(connection, account.id)
            rhythm, now = self.rhythm(account, voice), self._clock.now()
            for draft in await drafts.reserve(connection, account.id):
                topic = draft.arm.get("topic", "")
                if not schedule.fits(rhythm, taken, due_at=due_at, topic=topic, earliest=now):
                    continue
                if not await drafts.draw(connection, draft, content_id, now):
                    continue
                content = self._drawn(account, draft, due_at, content_id)
                await queue.add(connection, content, who="content.reserve")
                break
            else:
                return None
        self.announce(content)
        return content

    async def keep_rejected(self, rejected: Sequence[RejectedDraft]) -> None:
        """Keep drafts of which none was accepted."""
        async with self._database.begin("content.rejected") as connection:
            await drafts.reject(connection, rejected)

    async def _still_open(self, connection: AsyncConnection, assignment: Assignment) -> bool:
        """Whether the foreign post still waits for this text; claimed again where its claim ran out."""
        if assignment.opportunity_id is None:
            return True
        one = await opportunities.find(connection, assignment.opportunity_id)
        if one is None or await opportunities.written_to(connection, one.id):
            return False
        if one.state is OpportunityState.FOUND:
            why = "its writer was slow"
            await opportunities.change(
                connection, one, OpportunityState.CLAIMED, now=self._clock.now(), who="content", why=why
            )
        return one.state in (OpportunityState.FOUND, OpportunityState.CLAIMED)

    async def _stock(
        self, assignment: Assignment, accepted: Accepted, rejected: Sequence[RejectedDraft]
    ) -> ReserveDraft:
        draft = self._kept(assignment, accepted)
        async with self._database.begin("content.reserve.stock") as connection:
            if await drafts.stock(connection, draft):
                await drafts.reject(connection, rejected)
        return draft

    def _kept(self, assignment: Assignment, accepted: Accepted) -> ReserveDraft:
        return ReserveDraft(
            id=assignment.id,
            account_id=assignment.account_id,
            created_at=self._clock.now(),
            parts=accepted.parts,
            kind=assignment.kind,
            arm={name: level for name, level in assignment.arm.items() if name != HOUR_BLOCK},
            prompt_version=accepted.prompt_version,
            writer_model=accepted.writer_model,
            cost_usd=accepted.cost_usd,
        )

    def _content(self, account: Account, assignment: Assignment, accepted: Accepted) -> Content:
        now = self._clock.now()
        return Content(
            id=assignment.id,
            account_id=account.id,
            kind=assignment.kind,
            state=_HELD if accepted.hold else state_for(account.approval, assignment.kind),
            parts=accepted.parts,
            due_at=max(assignment.due_at or now + self._lead, now),
            created_at=now,
            state_since=now,
            arm=dict(assignment.arm),
            propensity=assignment.propensity,
            holdout=assignment.holdout,
            model_version=assignment.model_version,
            prompt_version=accepted.prompt_version,
            writer_model=accepted.writer_model,
            cost_usd=accepted.cost_usd,
            opportunity_id=assignment.opportunity_id,
            in_reply_to=assignment.in_reply_to,
            quote_of=assignment.quote_of,
            why=accepted.hold,
        )

    def _drawn(self, account: Account, draft: ReserveDraft, due_at: datetime, content_id: str) -> Content:
        now = self._clock.now()
        held = in_share(content_id, self._held_share)
        state = _HELD if held else state_for(account.approval, draft.kind)
        if draft.approved_by:
            state, held = ContentState.QUEUED, False
        return Content(
            id=content_id,
            account_id=account.id,
            kind=draft.kind,
            state=state,
            parts=draft.parts,
            due_at=due_at,
            created_at=now,
            state_since=now,
            arm=self._at(account, draft.arm, due_at),
            prompt_version=draft.prompt_version,
            writer_model=draft.writer_model,
            cost_usd=draft.cost_usd,
            approved_by=draft.approved_by,
            approved_digest=digest(*draft.parts) if draft.approved_by else None,
            why=UNREAD if held else "drawn from the reserve",
        )

    async def _timed(
        self,
        connection: AsyncConnection,
        account: Account,
        voice: Voice,
        assignment: Assignment,
        accepted: Accepted,
    ) -> Content | None:
        """The content at its time; None where no time is free."""
        content = self._content(account, assignment, accepted)
        match assignment.purpose:
            case Purpose.SLOT:
                taken = await self._booked(connection, account.id)
                return self._settled(account, voice, content, taken)
            case Purpose.BY_HAND if assignment.due_at is None:
                taken, earliest = await self._booked(connection, account.id), self.earliest()
                at = schedule.soonest(
                    self.rhythm(account, voice),
                    taken,
                    earliest=earliest,
                    until=earliest + _LOOK_AHEAD_BY_HAND,
                )
                return None if at is None else replace(content, due_at=at)
            case _:
                return content

    def _settled(
        self, account: Account, voice: Voice, content: Content, taken: Sequence[Booked]
    ) -> Content | None:
        """The same content at a time that is still free: its own, else in its block, else anywhere.

        None where no time is free in two days: others planned meanwhile, and the text is for the reserve.
        """
        rhythm, now, topic = self.rhythm(account, voice), self._clock.now(), content.arm.get("topic", "")
        if schedule.fits(rhythm, taken, due_at=content.due_at, topic=topic, earliest=now):
            return content
        until = now + _LOOK_AHEAD
        for hours in (self._arms_of(account.id).hours(content.arm), None):
            at = schedule.place(
                rhythm, taken, hours=hours, topic=topic, earliest=now, until=until, rng=self._rng
            )
            if at is not None and hours is not None:
                return _moved(content, at, content.arm, content.propensity)
            if at is not None:
                return _moved(content, at, self._at(account, content.arm, at), None)
        return None

    def _at(self, account: Account, arm: Mapping[str, str], at: datetime) -> dict[str, str]:
        full = dict(arm)
        block = self._arms_of(account.id).block_of(schedule.local_hour(account.timezone, at))
        return {**full, HOUR_BLOCK: block} if block else full

    async def _booked(self, connection: AsyncConnection, account_id: str) -> list[Booked]:
        since = self._clock.now() - _LOOK_BACK
        return [Booked(at, topic) for at, topic in await slots.booked(connection, account_id, since)]

    def announce(self, content: Content) -> None:
        """Emit events for new content; called after the commit."""
        self._events.emit(
            ContentPlanned(
                account_id=content.account_id,
                content_id=content.id,
                kind=content.kind.value,
                due_at=content.due_at,
                text=content.parts[0],
                waits_for_approval=content.state is ContentState.AWAITING_APPROVAL,
            )
        )


def state_for(approval: Approval, kind: ContentKind) -> ContentState:
    """Where new content of this kind starts under the account's approval policy."""
    held = approval is Approval.ALL or (approval is Approval.REPLIES and kind.addresses)
    return ContentState.AWAITING_APPROVAL if held else ContentState.QUEUED


def _moved(content: Content, at: datetime, arm: Mapping[str, str], propensity: float | None) -> Content:
    return replace(content, due_at=at, arm=dict(arm), propensity=propensity)
