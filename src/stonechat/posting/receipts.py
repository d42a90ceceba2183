"""Writes what came of a try: the receipt. What is posted stays posted, whoever else holds the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import PostingSettings
from stonechat.core.events import (
    Event,
    PostContradicted,
    PostDiffers,
    PostingStopped,
    PostPublished,
    PostRefused,
    PostUnconfirmed,
)
from stonechat.core.model import Account, Content
from stonechat.core.network import Posted, Publication, PublishOutcome, Refused, Rehearsed, Unconfirmed
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories import accounts, content, opportunities, receipts
from stonechat.database.repositories.receipts import Attempt
from stonechat.networks.session_trouble import note_session
from stonechat.posting.publish_result import PublishVerdict, Result
from stonechat.posting.resending import why_not_again

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Intent:
    """What was committed before the click.

    Attributes:
        piece: the content as claimed.
        parts_from: number of the first part that is sent.
        started, started_wall: monotonic seconds, and the real time, just before the intent was committed.
        claimed: monotonic seconds when the claim was asked for.
    """

    piece: Content
    attempt_id: str
    publication: Publication
    parts_from: int
    started: float
    started_wall: datetime
    claimed: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How a try ended.

    Attributes:
        now, wall: account time and real time of the end.
        took: real time since the claim.
        speed: account seconds in a real one.
        reached: False where it ended before it came to the network (no free context, no browser): such a
            try does not count towards the content's last one.
        clicked: whether the effect could have happened.
    """

    now: datetime
    wall: datetime
    took: timedelta
    speed: float
    reached: bool = True
    clicked: bool = True


async def record(
    connection: AsyncConnection,
    account: Account,
    intent: Intent,
    outcome: PublishOutcome,
    at: Ending,
    settings: PostingSettings,
) -> Result:
    """Write the outcome of ``intent``."""
    if isinstance(outcome, Posted) and (other := await _of_others(connection, account, intent, outcome)):
        reason = f"The answer names post {other}, which is another post of ours."
        outcome = Unconfirmed(reason, contradicted=True)
    match outcome:
        case Posted(post_ids, url) if len(post_ids) == len(intent.publication.parts):
            result = await _posted(connection, account, intent, post_ids, url, at)
            return replace(result, events=(*result.events, *_differs(account, intent, outcome.doubts)))
        case Posted(post_ids, _):
            reason = f"{len(post_ids)} of {len(intent.publication.parts)} parts have an id"
            return await _unconfirmed(connection, account, intent, Unconfirmed(reason, post_ids), at)
        case Unconfirmed():
            return await _unconfirmed(connection, account, intent, outcome, at)
        case Refused():
            return await _refused(connection, account, intent, outcome, at, settings)
        case Rehearsed(detail):
            return await _rehearsed(connection, intent, detail, at)
        case _:
            assert_never(outcome)


async def _of_others(connection: AsyncConnection, account: Account, intent: Intent, outcome: Posted) -> str:
    """An id in the answer that is the receipt of something else; "" where there is none."""
    known = await receipts.known_among(connection, account.id, outcome.post_ids)
    own = await receipts.confirmed_parts(connection, intent.piece.id) if known else {}
    return min(known - set(own.values()), default="")


async def become_posted(
    connection: AsyncConnection,
    piece: Content,
    *,
    post_id: str,
    url: str,
    at: datetime,
    now: datetime,
    who: str,
) -> Content:
    """Bring ``piece`` to ``posted`` by legal changes, from whatever state it is in by now."""
    if piece.state is ContentState.POSTED:
        return piece
    if piece.state in (ContentState.FAILED, ContentState.MISSED):
        piece = await content.change(
            connection, piece, ContentState.QUEUED, now=now, who=who, why="it is live"
        )
    if piece.state is ContentState.QUEUED:
        piece = await content.claim(connection, piece, now=now, lease_until=now, who=who)
    piece = await content.change(
        connection, piece, ContentState.POSTED, now=now, who=who, post_id=post_id, url=url, posted_at=at
    )
    await close_opportunity(connection, piece, OpportunityState.REPLIED, now=now)
    return piece


async def close_opportunity(
    connection: AsyncConnection, piece: Content, after: OpportunityState, *, now: datetime, why: str = ""
) -> None:
    """The opportunity that a reply came from ends with the reply."""
    if piece.opportunity_id is None:
        return
    one = await opportunities.find(connection, piece.opportunity_id)
    if one is None:
        return
    if one.state is OpportunityState.FOUND and after is OpportunityState.REPLIED:
        await opportunities.change(connection, one, OpportunityState.CLAIMED, now=now, who="posting")
        one = replace(one, state=OpportunityState.CLAIMED)
    if one.state in (OpportunityState.FOUND, OpportunityState.CLAIMED):
        await opportunities.change(connection, one, after, now=now, who="posting", why=why)


async def _current(connection: AsyncConnection, intent: Intent) -> tuple[Content, bool]:
    """The row as it is now, and whether it is still this intent's."""
    row = await content.find(connection, intent.piece.id, lock=True)
    if row is None:  # content is never deleted while it is being posted
        raise LookupError(intent.piece.id)
    ours = row.fence == intent.piece.fence and row.state in (ContentState.POSTING, ContentState.UNCONFIRMED)
    return row, ours


async def _end(connection: AsyncConnection, intent: Intent, outcome: str, detail: str, at: Ending) -> None:
    await receipts.end(
        connection, intent.attempt_id, outcome=outcome, detail=detail, now=at.now, wall=at.wall
    )


async def _confirm(
    connection: AsyncConnection, intent: Intent, post_ids: tuple[str, ...], now: datetime
) -> dict[int, str]:
    parts = dict(enumerate(post_ids, start=intent.parts_from))
    new = await receipts.confirm_parts(connection, intent.piece, parts, now=now)
    whole = len(parts) == len(intent.piece.parts)
    return parts if new and whole else await receipts.confirmed_parts(connection, intent.piece.id)


async def _posted(
    connection: AsyncConnection,
    account: Account,
    intent: Intent,
    post_ids: tuple[str, ...],
    url: str,
    at: Ending,
) -> Result:
    row, ours = await _current(connection, intent)
    parts = await _confirm(connection, intent, post_ids, at.now)
    await _end(connection, intent, "posted", url, at)
    if not ours and row.state in (ContentState.POSTING, ContentState.POSTED):
        return Result(row.id, PublishVerdict.LOST, "another publisher holds it; the receipt is kept")
    if row.state in (ContentState.CANCELLED, ContentState.REJECTED):
        why = f"It was {row.state.value}, and is live all the same: {url}"
        told = PostContradicted(account_id=account.id, content_id=row.id, why=why)
        return Result(row.id, PublishVerdict.LOST, why, events=(told,))
    row = await become_posted(
        connection, row, post_id=parts[0], url=url, at=at.now, now=at.now, who="posting"
    )
    published = PostPublished(
        account_id=account.id,
        content_id=row.id,
        post_id=parts[0],
        url=url,
        took=at.took,
        late=at.now - row.due_at,
    )
    return Result(row.id, PublishVerdict.POSTED, url, events=(published,))


def _differs(account: Account, intent: Intent, doubts: Sequence[str]) -> list[Event]:
    why = "; ".join(doubts)
    return [PostDiffers(account_id=account.id, content_id=intent.piece.id, why=why)] if why else []


async def _unconfirmed(
    connection: AsyncConnection, account: Account, intent: Intent, outcome: Unconfirmed, at: Ending
) -> Result:
    row, ours = await _current(connection, intent)
    await _confirm(connection, intent, outcome.confirmed, at.now)
    kind = "duplicate" if outcome.duplicate else "unconfirmed"
    await _end(connection, intent, kind, outcome.reason, at)
    if not ours:
        return Result(row.id, PublishVerdict.LOST, outcome.reason)
    if row.state is ContentState.POSTING:
        await content.change(
            connection, row, ContentState.UNCONFIRMED, now=at.now, who="posting", why=outcome.reason
        )
    told: list[Event] = [PostUnconfirmed(account_id=account.id, content_id=row.id, why=outcome.reason)]
    if outcome.contradicted:
        told.append(PostContradicted(account_id=account.id, content_id=row.id, why=outcome.reason))
    return Result(row.id, PublishVerdict.UNCONFIRMED, outcome.reason, events=tuple(told))


async def _refused(
    connection: AsyncConnection,
    account: Account,
    intent: Intent,
    outcome: Refused,
    at: Ending,
    settings: PostingSettings,
) -> Result:
    row, ours = await _current(connection, intent)
    await _confirm(connection, intent, outcome.confirmed, at.now)
    await _end(connection, intent, _kind_of(outcome, at), outcome.reason, at)
    events: tuple[Event, ...] = ()
    if outcome.session is not None:
        events = await note_session(connection, account, outcome.session, now=at.now, why=outcome.reason)
    if outcome.automated:
        events = (*events, await _stop(connection, account, outcome.reason, at.now))
    if outcome.blocked:
        await _never_again(connection, row, at.now)
    if not ours or row.state is not ContentState.POSTING:
        return Result(row.id, PublishVerdict.LOST, outcome.reason, events=events)
    tries = [one for one in await receipts.attempts(connection, row.id) if one.outcome in _SAID_NO]
    final = (
        outcome.permanent
        or await why_not_again(connection, row, settings.resends) != ""
        or await _is_to_blame(connection, account, tries, settings)
    )
    why = (
        outcome.reason if outcome.permanent or not final else f"refused {len(tries)} times: {outcome.reason}"
    )
    told = PostRefused(account_id=account.id, content_id=row.id, why=why, permanent=final)
    if final:
        await content.change(connection, row, ContentState.FAILED, now=at.now, who="posting", why=why)
        await close_opportunity(connection, row, OpportunityState.SKIPPED, now=at.now, why=why)
        return Result(row.id, PublishVerdict.ENDED, why, events=(*events, told))
    wait = outcome.retry_after or min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, len(tries) - 1))
    again = at.now + wait * at.speed
    await content.change(
        connection, row, ContentState.QUEUED, now=at.now, who="posting", why=why, not_before=again
    )
    return Result(row.id, PublishVerdict.REFUSED, why, again, events=(*events, told))


async def _stop(connection: AsyncConnection, account: Account, reason: str, now: datetime) -> PostingStopped:
    """Hold the account's posting until its owner resumes it; the event to emit after the commit.

    Asking the network whether the session is valid would not do: it is, and the next post is refused again.
    """
    why = f"the network takes the account for a program: {reason}".rstrip(".")
    await accounts.switch_off(
        connection, f"posting/{account.id}", account_id=account.id, who="posting", why=why, now=now
    )
    return PostingStopped(account_id=account.id, why=f"{why[:1].upper()}{why[1:]}")


async def _never_again(connection: AsyncConnection, row: Content, now: datetime) -> None:
    """Who is answered has blocked the account, which says *stop* like any words."""
    one = None if row.opportunity_id is None else await opportunities.find(connection, row.opportunity_id)
    if one is not None:
        await opportunities.opt_out(connection, row.account_id, one.author.casefold(), now=now)


_SAID_NO = ("refused", "declined")


def _kind_of(outcome: Refused, at: Ending) -> str:
    """The outcome of the try, as :class:`~stonechat.database.repositories.receipts.Attempt` names it."""
    if outcome.confirmed:
        return "partial"
    if at.clicked:
        return "declined"
    return "refused" if at.reached else "unreached"


async def _is_to_blame(
    connection: AsyncConnection, account: Account, tries: Sequence[Attempt], settings: PostingSettings
) -> bool:
    """Whether the text itself must be the cause: refused often enough while others of the account went out.

    Without such a success the cause may be the network, the browser or us; then the post waits.
    """
    if len(tries) < settings.max_attempts:
        return False
    return await receipts.published_since(connection, account.id, tries[0].started_at)


async def _rehearsed(connection: AsyncConnection, intent: Intent, detail: str, at: Ending) -> Result:
    row, ours = await _current(connection, intent)
    await _end(connection, intent, "rehearsed", detail, at)
    if not ours or row.state is not ContentState.POSTING:
        return Result(row.id, PublishVerdict.LOST)
    why = "rehearsed in shadow mode"
    await content.change(connection, row, ContentState.CANCELLED, now=at.now, who="posting", why=why)
    await close_opportunity(connection, row, OpportunityState.SKIPPED, now=at.now, why=why)
    return Result(row.id, PublishVerdict.REHEARSED, detail or why)
