"""What the queue looks like to a human: each piece with its state, why it is held, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.model import Account, Content, LatePolicy
from stonechat.core.network import TextRules
from stonechat.core.states import ContentState
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, receipts, state_history
from stonechat.database.repositories.media import Attached
from stonechat.database.repositories.receipts import Attempt
from stonechat.database.repositories.state_history import Change
from stonechat.posting.gate import Ask, Decision, Go, Hold, Late, Never, decide
from stonechat.posting.gate_input import GateRows, Rules, conditions_of, read_rows
from stonechat.posting.owner_decisions import expires

OPEN = (
    ContentState.AWAITING_APPROVAL,
    ContentState.QUEUED,
    ContentState.POSTING,
    ContentState.UNCONFIRMED,
    ContentState.FAILED,
)
"""The states in which somebody, human or not, still has something to do."""

SHOWN_MISSED = timedelta(days=3)
"""Account time for which a post that was missed is shown: a human may queue it again. Replies are not."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One piece of content.

    Attributes:
        held: why it is not going out though it could be time; empty where nothing holds it.
        next_action: what will happen, in words; ``next_at`` (account time) is when, None where it
            waits for somebody.
    """

    content: Content
    held: str
    next_action: str
    next_at: datetime | None
    parts_live: int = 0
    pictures: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True)
class PostStory:
    """The whole history of one piece: changes, tries, and the network's id of each part."""

    content: Content
    changes: Sequence[Change]
    attempts: Sequence[Attempt]
    parts: Mapping[int, str]


async def queue_rows(
    database: Database,
    rules: Rules,
    text_rules: Mapping[str, TextRules],
    clock: Clock,
    *,
    account_id: str | None = None,
    states: Sequence[ContentState] = OPEN,
    limit: int = 100,
) -> list[QueueRow]:
    """The queue by due time, each row judged by the very gate that the publisher asks.

    Posts missed lately come last. The number of queries is the same for any number of rows.
    """
    now = clock.now()
    async with database.read("posting.queue") as connection:
        known = {account.id: account for account in await accounts.every(connection)}
        found = await content.in_states(connection, states, account_id=account_id, limit=limit)
        if states == OPEN:
            found += await _missed(connection, account_id, now - SHOWN_MISSED)
        pieces = [piece for piece in found if piece.account_id in known]
        rows = await read_rows(connection, rules, pieces, now) if pieces else None
    return [
        _row(rows, rules, text_rules, account, piece, now, clock.speed)
        for piece in pieces
        if rows is not None and (account := known[piece.account_id])
    ]


async def story(database: Database, content_id: str) -> PostStory | None:
    """Everything that is known about one piece of content, or None."""
    async with database.read("posting.story") as connection:
        piece = await content.find(connection, content_id)
        if piece is None:
            return None
        return PostStory(
            piece,
            await state_history.of(connection, "content", content_id),
            await receipts.attempts(connection, content_id),
            await receipts.confirmed_parts(connection, content_id),
        )


async def _missed(connection: AsyncConnection, account_id: str | None, since: datetime) -> list[Content]:
    """Posts missed since then, by due time; none that only waited to answer somebody."""
    newest = await content.in_states(
        connection, [ContentState.MISSED], account_id=account_id, newest_first=True, limit=20
    )
    return [one for one in reversed(newest) if one.state_since >= since and not one.kind.addresses]


def _row(
    rows: GateRows,
    rules: Rules,
    text_rules: Mapping[str, TextRules],
    account: Account,
    piece: Content,
    now: datetime,
    speed: float,
) -> QueueRow:
    held, action, at = piece.why, "nothing", None
    match piece.state:
        case ContentState.AWAITING_APPROVAL:
            held, action = "waits for approval", "missed if nobody approves it"
            at = expires(piece, rules.settings.approval_expiry)
        case ContentState.POSTING:
            held, action, at = "", "being published", now
        case ContentState.UNCONFIRMED:
            action, at = "looked up on the network", now
        case ContentState.FAILED | ContentState.MISSED:
            action = "queue it again or cancel it"
        case ContentState.QUEUED:
            measure = text_rules[account.network]
            seen = conditions_of(rows, rules, account, piece, measure, now, speed=speed)
            held, action, at = _words(decide(piece, account, seen), piece, now)
    live, pictures = rows.live.get(piece.id, 0), rows.pictures.get(piece.id, ())
    return QueueRow(piece, held, action, at, live, tuple(pictures))


def _words(decision: Decision, piece: Content, now: datetime) -> tuple[str, str, datetime | None]:
    """Why it is held, what happens next, and when."""
    match decision:
        case Go(final_click=True):
            return "", "published", now
        case Go():
            return "", "rehearsed", now
        case Hold(_, until) if piece.due_at > now and until is not None:
            return "", "published", until
        case Hold(why, until):
            return why, "tried again" if until else "waits until that changes", until
        case Late(LatePolicy.MOVE, why, to):
            return why, "moved", to
        case Late(_, why, _):
            return why, "missed", now
        case Never(why, after):
            return why, after.value, now
        case Ask(why):
            return why, "a human is asked", now
        case _:
            assert_never(decision)
