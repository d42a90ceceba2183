"""What the owner decides about every day: the inbox, the calendar, and what was not posted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from stonechat.core.model import Content, Opportunity
from stonechat.core.states import ContentState, OpportunityState
from stonechat.dashboard.post_lines import handles_of_accounts
from stonechat.dashboard.view_models import CalendarDay, CalendarEntry, InboxItem, QueueLine
from stonechat.database import Database
from stonechat.database.repositories import content, desk, drafts
from stonechat.database.repositories.drafts import RejectedDraft

REHEARSED = "rehearsed in shadow mode"
"""The reason that stands with what shadow mode went through."""

SHOWN = 1500
"""Pieces of content that a calendar shows at most: more than the posts of six weeks of any one account."""

MOVABLE = frozenset({ContentState.QUEUED, ContentState.AWAITING_APPROVAL})
_ON_THEIR_WAY = MOVABLE | {ContentState.POSTING, ContentState.UNCONFIRMED, ContentState.POSTED}

PICKED: Mapping[str, str] = {
    "mentions": "spoke to us",
    "search": "found by a search",
    "viral": "much read now",
    "watched": "somebody we watch",
}


@dataclass(frozen=True, slots=True)
class Unposted:
    """What did not go out, newest first: by decision, by the review, by time; and who was not answered."""

    turned_down: Sequence[Content]
    missed: Sequence[Content]
    cancelled: Sequence[Content]
    rejected: Sequence[RejectedDraft]
    skipped: Sequence[Opportunity]
    found: Sequence[Opportunity]


async def inbox(database: Database, lines: Sequence[QueueLine]) -> list[InboxItem]:
    """What waits for the owner's word: posts first, then replies, those that are most worth it on top."""
    asked = {line.content.opportunity_id for line in lines if line.content.opportunity_id}
    async with database.read("dashboard.inbox") as connection:
        found = await desk.those(connection, asked)
    items = []
    for line in lines:
        one = found.get(line.content.opportunity_id or "")
        items.append(InboxItem(line, one, one.thread if one else (), picked(one) if one else ""))
    return sorted(items, key=lambda item: item.asked.score if item.asked else math.inf, reverse=True)


def picked(one: Opportunity) -> str:
    """Why somebody's post was chosen."""
    why = PICKED.get(one.source, one.source)
    return f"{why}; invited us to answer" if one.invited and one.source != "mentions" else why


async def calendar(
    database: Database,
    first: date,
    days: int,
    zone: tzinfo,
    *,
    now: datetime,
    spacing: timedelta,
    account_id: str | None = None,
) -> list[CalendarDay]:
    """Every day from ``first``, by the clocks of ``zone``.

    Args:
        spacing: the least time between two posts of an account (account time).
    """
    start, end = midnight(first, zone), midnight(first + timedelta(days=days), zone)
    async with database.read("dashboard.calendar") as connection:
        handles = await handles_of_accounts(connection)
        shown = [state for state in ContentState if state is not ContentState.DRAFT]
        rows = await desk.due_between(
            connection, start, end, account_id=account_id, states=shown, limit=SHOWN
        )
    entries = [
        CalendarEntry(
            row,
            handles.get(row.account_id, ""),
            (row.posted_at or row.due_at).astimezone(zone),
            label_of(row),
            row.state in MOVABLE,
        )
        for row in rows
    ]
    entries = _clashes(entries, spacing)
    today = now.astimezone(zone).date()
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        of_day = tuple(one for one in entries if one.content.due_at.astimezone(zone).date() == day)
        goes_out = any(one.content.state in _ON_THEIR_WAY for one in of_day)
        found.append(CalendarDay(day, of_day, day >= today and not goes_out, day == today))
    return found


def midnight(day: date, zone: tzinfo) -> datetime:
    """When the day begins there."""
    return datetime.combine(day, time(), tzinfo=zone)


def label_of(piece: Content) -> str:
    """What the calendar calls its state."""
    if piece.state is ContentState.CANCELLED and piece.why == REHEARSED:
        return "rehearsed"
    return piece.state.value


def _clashes(entries: Sequence[CalendarEntry], spacing: timedelta) -> list[CalendarEntry]:
    """The entries, marked where a movable one stands nearer to its neighbour than posts may."""
    marked: set[str] = set()
    latest: dict[tuple[str, bool], CalendarEntry] = {}
    for one in entries:
        piece = one.content
        if piece.state not in _ON_THEIR_WAY:
            continue
        key = (piece.account_id, piece.kind.addresses)
        before = latest.get(key)
        if before is not None and piece.due_at - before.content.due_at < spacing:
            marked |= {both.content.id for both in (before, one) if both.movable}
        latest[key] = one
    return [replace(one, clash=True) if one.content.id in marked else one for one in entries]


async def unposted(database: Database, account_id: str | None = None, *, limit: int = 50) -> Unposted:
    """What was not posted, and why."""
    async with database.read("dashboard.unposted") as connection:

        async def ended(*states: ContentState) -> list[Content]:
            return await content.in_states(
                connection, states, account_id=account_id, newest_first=True, limit=limit
            )

        over = (OpportunityState.SKIPPED, OpportunityState.EXPIRED)
        return Unposted(
            await ended(ContentState.REJECTED),
            await ended(ContentState.MISSED),
            await ended(ContentState.CANCELLED),
            await drafts.rejected(connection, account_id, limit=limit),
            await desk.newest(connection, account_id, over, limit=limit),
            await desk.newest(connection, account_id, [OpportunityState.FOUND], limit=limit),
        )
