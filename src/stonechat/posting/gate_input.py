"""Reads what the gate looks at, on the connection of the transaction that acts on the decision.

For one piece of content as for a whole page: a handful of queries, however many pieces there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import PostingSettings
from stonechat.core.model import Account, Content, ContentKind, Mode
from stonechat.core.network import TextRules
from stonechat.core.states import ContentState
from stonechat.database.repositories import (
    accounts,
    answered_authors,
    content,
    media,
    opportunities,
    receipts,
)
from stonechat.database.repositories.accounts import AccountState, Switch
from stonechat.database.repositories.media import Attached
from stonechat.database.repositories.opportunities import Answered
from stonechat.database.repositories.receipts import AttemptedEffect
from stonechat.posting.gate import Blocked, Conditions
from stonechat.posting.limits import DAY, limits_for
from stonechat.posting.resending import clicked_out_among

Blockers = Callable[[Account], Sequence[Blocked]]
"""Which breakers and dependencies hold this account's effects now; must return at once."""


ROOM = timedelta(minutes=1)
"""Real time that our own work may take before a post counts as late, whatever the grace."""


RECHECK = timedelta(seconds=20)
"""Real time after which a breaker that names no time is asked again, so that posts go on within a minute
of its closing."""


def nothing_blocked(_account: Account) -> Sequence[Blocked]:
    """No breaker stands in the way."""
    return ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the gate is told once: settings, mode, and who knows which breakers are open."""

    settings: PostingSettings
    mode: Mode
    blocked: Blockers = nothing_blocked


@dataclass(frozen=True, slots=True)
class GateRows:
    """What was read for some pieces of content together.

    Attributes:
        authors: of the posts that are answered or quoted, by opportunity.
        spent: where there is a limit in all, the posts that count against it, by account.
        live: how many parts of a piece are live; without those of which none is.
        pictures: of a piece; without those that have none.
        clicked_out: why a piece may not be clicked again unasked; without those that may.
    """

    account_states: Mapping[str, AccountState]
    switches: Sequence[Switch]
    effects: Sequence[AttemptedEffect]
    taken: Mapping[str, Sequence[datetime]]
    authors: Mapping[str, str]
    answered: Sequence[Answered]
    opted_out: Collection[tuple[str, str]]
    spent: Mapping[str, Collection[str]]
    live: Mapping[str, int]
    pictures: Mapping[str, Sequence[Attached]]
    clicked_out: Mapping[str, str]


async def observe(
    connection: AsyncConnection,
    rules: Rules,
    account: Account,
    piece: Content,
    text_rules: TextRules,
    now: datetime,
    *,
    speed: float = 1.0,
    lock: bool = True,
) -> Conditions:
    """What holds for ``piece`` at ``now``.

    Args:
        speed: account seconds in a real one; on a fast clock our own work takes long in account time.
        lock: lock the account's row first, so that two hosts never count the same history.
    """
    rows = await read_rows(connection, rules, [piece], now, lock=lock)
    return conditions_of(rows, rules, account, piece, text_rules, now, speed=speed)


async def read_rows(
    connection: AsyncConnection, rules: Rules, pieces: Sequence[Content], now: datetime, *, lock: bool = False
) -> GateRows:
    """What the gate looks at for each of ``pieces``; ``lock`` as in :func:`observe`."""
    whose = {piece.account_id for piece in pieces}
    account_states = await accounts.account_states(connection, whose, lock=lock)
    foreign = [piece.opportunity_id for piece in pieces if piece.opportunity_id is not None]
    authors = await opportunities.authors(connection, foreign) if foreign else {}
    handles, since = set(authors.values()), now - rules.settings.author_cooldown
    tried = [piece.id for piece in pieces if piece.state is not ContentState.AWAITING_APPROVAL]
    queued = [piece for piece in pieces if piece.state is ContentState.QUEUED]
    pictured = [piece.id for piece in pieces if piece.media_digest is not None]
    live = await receipts.count_parts(connection, tried) if tried else {}
    return GateRows(
        account_states=account_states,
        switches=await accounts.switched_off(connection),
        effects=await receipts.effects(connection, whose, now - DAY),
        taken=await content.queued_times(connection, whose, now),
        authors=authors,
        answered=await _answered(connection, whose, handles, since) if handles else (),
        opted_out=await opportunities.opted_out_of(connection, whose) if handles else (),
        spent=await _spent(connection, rules.settings.in_all, whose),
        live=live,
        pictures=await media.of_all(connection, pictured) if pictured else {},
        clicked_out=await clicked_out_among(connection, queued, live, rules.settings.resends),
    )


async def _answered(
    connection: AsyncConnection, whose: Collection[str], handles: Collection[str], since: datetime
) -> list[Answered]:
    """An answer that is not confirmed yet counts too: it may be live."""
    known = await opportunities.answered(connection, whose, handles, since=since)
    return known + await answered_authors.tried(connection, whose, handles, since=since)


def conditions_of(
    rows: GateRows,
    rules: Rules,
    account: Account,
    piece: Content,
    text_rules: TextRules,
    now: datetime,
    *,
    speed: float = 1.0,
) -> Conditions:
    """What of ``rows`` concerns ``piece``; its own clicks count in its limits as any others.

    Raises:
        KeyError: the account has no row.
    """
    state = rows.account_states[account.id]
    reply = piece.kind is ContentKind.REPLY
    cooldown, opted_out = _author(rows, rules, piece)
    pictures = rows.pictures.get(piece.id, ())
    return Conditions(
        now=now,
        mode=rules.mode,
        disabled=rules.settings.disabled,
        switches=_holding(rows.switches, account.id),
        session=state.session,
        session_why=state.session_why,
        limits=limits_for(rules.settings, reply=reply, timezone=account.timezone, added=state.added, now=now),
        grace=max(rules.settings.grace, ROOM * speed),
        history=[
            one.at
            for one in rows.effects
            if one.account_id == account.id and (one.kind == ContentKind.REPLY) == reply
        ],
        taken=rows.taken.get(account.id, ()),
        blocked=[
            one if one.until is not None else replace(one, until=now + RECHECK * speed)
            for one in rules.blocked(account)
        ],
        cooldown_until=cooldown,
        opted_out=opted_out,
        started=rows.live.get(piece.id, 0) > 0,
        too_long=[
            number
            for number, part in enumerate(piece.parts, start=1)
            if text_rules.length(part) > text_rules.max_length
        ],
        total_left=_total_left(rows, rules.settings.in_all, piece),
        altered=piece.media_digest is not None and media.digest_of(pictures) != piece.media_digest,
        clicked_out=rows.clicked_out.get(piece.id, ""),
    )


async def holding_switches(connection: AsyncConnection, account_id: str) -> list[str]:
    """Why, for each switch that holds posting for this account: ``posting`` or ``posting/<account>``."""
    return _holding(await accounts.switched_off(connection), account_id)


def _holding(switches: Sequence[Switch], account_id: str) -> list[str]:
    mine = {"posting", f"posting/{account_id}"}
    return [f"switched off by {switch.who}: {switch.why}" for switch in switches if switch.scope in mine]


def _author(rows: GateRows, rules: Rules, piece: Content) -> tuple[datetime | None, bool]:
    """Until when the author of the answered post is left alone, and whether for good."""
    author = rows.authors.get(piece.opportunity_id or "")
    if author is None:
        return None, False
    last = max(
        (
            one.at
            for one in rows.answered
            if (one.account_id, one.author) == (piece.account_id, author.lower())
            and one.opportunity_id != piece.opportunity_id
        ),
        default=None,
    )
    out = (piece.account_id, author.casefold()) in rows.opted_out
    return (last + rules.settings.author_cooldown if last is not None else None), out


async def _spent(
    connection: AsyncConnection, in_all: int, account_ids: Collection[str]
) -> dict[str, set[str]]:
    """One more than the limit, at most: the piece that is decided on may be among them."""
    if in_all == 0:
        return {}
    return {one: await receipts.all_effects(connection, one, up_to=in_all + 1) for one in account_ids}


def _total_left(rows: GateRows, in_all: int, piece: Content) -> int | None:
    if in_all == 0 or piece.kind is ContentKind.REPLY:
        return None
    return in_all - len(set(rows.spent.get(piece.account_id, ())) - {piece.id})
