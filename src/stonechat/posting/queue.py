"""What the queue looks like to a human: each piece with its state, why it is held, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.model import Account, Content, LatePolicy
from stonechat.core.network import Network
from stonechat.core.states import ContentState
from stonechat.database import Database, accounts, content, history, receipts
from stonechat.database.history import Change
from stonechat.database.receipts import Attempt
from stonechat.posting.conditions import Rules, observe
from stonechat.posting.gate import Decision, Go, Hold, Late, Never, decide

OPEN = (
    ContentState.AWAITING_APPROVAL,
    ContentState.QUEUED,
    ContentState.POSTING,
    ContentState.UNCONFIRMED,
    ContentState.FAILED,
)
"""The states in which somebody, human or not, still has something to do."""


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
    networks: Mapping[str, Network],
    clock: Clock,
    *,
    account_id: str | None = None,
    states: Sequence[ContentState] = OPEN,
    limit: int = 100,
) -> list[QueueRow]:
    """The queue by due time, each row judged by the very gate that the publisher asks."""
    async with database.read("posting.queue") as connection:
        known = {account.id: account for account in await accounts.every(connection)}
        pieces = await content.in_states(connection, states, account_id=account_id, limit=limit)
        return [
            await _row(connection, rules, networks, known[piece.account_id], piece, clock)
            for piece in pieces
            if piece.account_id in known
        ]


async def story(database: Database, content_id: str) -> PostStory | None:
    """Everything that is known about one piece of content, or None."""
    async with database.read("posting.story") as connection:
        piece = await content.find(connection, content_id)
        if piece is None:
            return None
        return PostStory(
            piece,
            await history.of(connection, "content", content_id),
            await receipts.attempts(connection, content_id),
            await receipts.confirmed_parts(connection, content_id),
        )


async def _row(
    connection: AsyncConnection,
    rules: Rules,
    networks: Mapping[str, Network],
    account: Account,
    piece: Content,
    clock: Clock,
) -> QueueRow:
    now = clock.now()
    live = len(await receipts.confirmed_parts(connection, piece.id))
    match piece.state:
        case ContentState.AWAITING_APPROVAL:
            expires = piece.state_since + rules.settings.approval_expiry
            return QueueRow(piece, "waits for approval", "missed if nobody approves it", expires)
        case ContentState.POSTING:
            return QueueRow(piece, "", "being published", now, live)
        case ContentState.UNCONFIRMED:
            return QueueRow(piece, piece.why, "looked up on the network", now, live)
        case ContentState.FAILED | ContentState.MISSED:
            return QueueRow(piece, piece.why, "queue it again or cancel it", None, live)
        case ContentState.QUEUED:
            network = networks[account.network]
            seen = await observe(
                connection, rules, account, piece, network, now, speed=clock.speed, lock=False
            )
            held, action, at = _words(decide(piece, account, seen), piece, now)
            return QueueRow(piece, held, action, at, live)
        case _:
            return QueueRow(piece, piece.why, "nothing", None, live)


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
        case _:
            assert_never(decision)
