"""Reads what the gate looks at, on the connection of the transaction that acts on the decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import PostingSettings
from stonechat.core.model import Account, Content, ContentKind, Mode
from stonechat.core.network import Network
from stonechat.database import accounts, content, media_rows, opportunities, receipts
from stonechat.posting.gate import Blocked, Conditions
from stonechat.posting.limits import DAY, limits_for

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


async def observe(
    connection: AsyncConnection,
    rules: Rules,
    account: Account,
    piece: Content,
    network: Network,
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
    added = await accounts.added_at(connection, account.id, lock=lock)
    session = await accounts.session(connection, account.id)
    reply = piece.kind is ContentKind.REPLY
    effects = await receipts.effects(connection, account.id, now - DAY, besides=piece.id)
    cooldown, opted_out = await _author(connection, rules, piece, now)
    return Conditions(
        now=now,
        mode=rules.mode,
        disabled=rules.settings.disabled,
        switches=await holding_switches(connection, account.id),
        session=session.state,
        session_why=session.why,
        limits=limits_for(rules.settings, reply=reply, timezone=account.timezone, added=added, now=now),
        grace=max(rules.settings.grace, ROOM * speed),
        history=[one.at for one in effects if (one.kind == ContentKind.REPLY) == reply],
        taken=await content.queued_times(connection, account.id, now),
        blocked=[
            one if one.until is not None else replace(one, until=now + RECHECK * speed)
            for one in rules.blocked(account)
        ],
        cooldown_until=cooldown,
        opted_out=opted_out,
        started=bool(await receipts.confirmed_parts(connection, piece.id)),
        too_long=[
            number
            for number, part in enumerate(piece.parts, start=1)
            if network.length(part) > network.max_length
        ],
        total_left=await _total_left(connection, rules.settings, piece),
        altered=piece.media_digest is not None
        and media_rows.digest_of(await media_rows.of(connection, piece.id)) != piece.media_digest,
    )


async def holding_switches(connection: AsyncConnection, account_id: str) -> list[str]:
    """Why, for each switch that holds posting for this account: ``posting`` or ``posting/<account>``."""
    mine = {"posting", f"posting/{account_id}"}
    return [
        f"switched off by {switch.who}: {switch.why}"
        for switch in await accounts.switched_off(connection)
        if switch.scope in mine
    ]


async def _author(
    connection: AsyncConnection, rules: Rules, piece: Content, now: datetime
) -> tuple[datetime | None, bool]:
    if piece.opportunity_id is None:
        return None, False
    one = await opportunities.find(connection, piece.opportunity_id)
    if one is None:
        return None, False
    cooldown = rules.settings.author_cooldown
    last = await opportunities.answered_author(
        connection, piece.account_id, one.author, since=now - cooldown, besides=one.id
    )
    out = one.author.casefold() in await opportunities.opted_out(connection, piece.account_id)
    return (last + cooldown if last is not None else None), out


async def _total_left(connection: AsyncConnection, settings: PostingSettings, piece: Content) -> int | None:
    if settings.in_all == 0 or piece.kind is ContentKind.REPLY:
        return None
    used = await receipts.total_effects(connection, piece.account_id, besides=piece.id, up_to=settings.in_all)
    return settings.in_all - used
