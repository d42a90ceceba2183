"""Accounts, the state of their sessions, and the switches that hold posting or jobs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Account, Approval, LatePolicy
from stonechat.core.states import SessionState
from stonechat.core.transitions import check_transition
from stonechat.database.repositories import state_history, wakeups
from stonechat.database.schema.tables import accounts as table
from stonechat.database.schema.tables import switches


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The last known state of an account's session on its network."""

    account_id: str
    state: SessionState
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class AccountState:
    """When an account was added, and the last known state of its session."""

    added: datetime
    session: SessionState
    session_why: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that a human turned off. ``scope``: ``posting``, ``posting/<account>``, ``job/<name>``."""

    scope: str
    account_id: str | None
    who: str
    why: str
    at: datetime


async def put(connection: AsyncConnection, account: Account, now: datetime) -> None:
    """Add the account, or bring its row up to date with the settings."""
    values = {
        "network": account.network,
        "handle": account.handle,
        "timezone": account.timezone,
        "posts_per_day": account.posts_per_day,
        "approval": account.approval.value,
        "late_policy": account.late_policy.value,
    }
    changed = await connection.execute(update(table).where(table.c.account_id == account.id).values(**values))
    if changed.rowcount == 0:
        await connection.execute(
            insert(table).values(
                account_id=account.id,
                session_state=SessionState.VALID.value,
                session_since=now,
                session_why="not asked yet",
                created_at=now,
                **values,
            )
        )


async def every(connection: AsyncConnection) -> list[Account]:
    """All accounts, by id."""
    return [_account(row) for row in await connection.execute(select(table).order_by(table.c.account_id))]


async def find(connection: AsyncConnection, account_id: str) -> Account | None:
    """The account, or None."""
    row = (await connection.execute(select(table).where(table.c.account_id == account_id))).one_or_none()
    return None if row is None else _account(row)


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.account_id,
        network=row.network,
        handle=row.handle,
        timezone=row.timezone,
        posts_per_day=row.posts_per_day,
        approval=Approval(row.approval),
        late_policy=LatePolicy(row.late_policy),
    )


async def account_states(
    connection: AsyncConnection, account_ids: Collection[str], *, lock: bool = False
) -> dict[str, AccountState]:
    """The states of these accounts, by id.

    Args:
        lock: hold their rows until the transaction ends, so that two hosts that count the same history
            cannot both find the last free slot.
    """
    c = table.c
    query = (
        select(c.account_id, c.created_at, c.session_state, c.session_why)
        .where(c.account_id.in_(sorted(account_ids)))
        .order_by(c.account_id)
    )
    rows = await connection.execute(query.with_for_update() if lock else query)
    return {str(row[0]): AccountState(row[1], SessionState(row[2]), str(row[3])) for row in rows}


async def session(connection: AsyncConnection, account_id: str) -> SessionRow:
    """The account's session as last seen."""
    row = (
        await connection.execute(
            select(table.c.session_state, table.c.session_since, table.c.session_why).where(
                table.c.account_id == account_id
            )
        )
    ).one()
    return SessionRow(account_id, SessionState(row[0]), row[1], row[2])


async def sessions(connection: AsyncConnection) -> list[SessionRow]:
    """The session of every account as last seen, by the account's id."""
    columns = (table.c.account_id, table.c.session_state, table.c.session_since, table.c.session_why)
    rows = await connection.execute(select(*columns).order_by(table.c.account_id))
    return [SessionRow(row[0], SessionState(row[1]), row[2], row[3]) for row in rows]


async def set_session(
    connection: AsyncConnection, account_id: str, state: SessionState, *, now: datetime, why: str
) -> SessionState:
    """Record the session's state; returns the state before."""
    before = await session(connection, account_id)
    if before.state is state:
        return before.state
    check_transition(before.state, state)
    await connection.execute(
        update(table)
        .where(table.c.account_id == account_id)
        .values(session_state=state.value, session_since=now, session_why=why)
    )
    await state_history.append(
        connection,
        kind="session",
        entity_id=account_id,
        account_id=account_id,
        at=now,
        who="network",
        before=before.state.value,
        after=state.value,
        why=why,
    )
    return before.state


async def switch_off(
    connection: AsyncConnection,
    scope: str,
    *,
    account_id: str | None,
    who: str,
    why: str,
    now: datetime,
) -> bool:
    """Hold what ``scope`` names until it is switched on again; False where it was held: the reason is new."""
    held = (await connection.execute(delete(switches).where(switches.c.scope == scope))).rowcount > 0
    await connection.execute(
        insert(switches).values(scope=scope, account_id=account_id, off=True, who=who, why=why, at=now)
    )
    before = "off" if held else "on"
    await _remember(connection, scope, account_id, before, "off", who=who, why=why, now=now)
    return not held


async def switch_on(connection: AsyncConnection, scope: str, *, who: str, why: str, now: datetime) -> bool:
    """Let it go on, posting within seconds; False where nothing was held."""
    row = (
        await connection.execute(select(switches.c.account_id).where(switches.c.scope == scope))
    ).one_or_none()
    if row is None:
        return False
    await connection.execute(delete(switches).where(switches.c.scope == scope))
    if scope.partition("/")[0] == "posting":
        held = [row[0]] if row[0] else [one.id for one in await every(connection)]
        await wakeups.publish_now(connection, held, now)
    await _remember(connection, scope, row[0], "off", "on", who=who, why=why, now=now)
    return True


async def switched_off(connection: AsyncConnection) -> list[Switch]:
    """Everything that is off now."""
    rows = await connection.execute(select(switches).where(switches.c.off).order_by(switches.c.scope))
    return [Switch(row.scope, row.account_id, row.who, row.why, row.at) for row in rows]


async def _remember(
    connection: AsyncConnection,
    scope: str,
    account_id: str | None,
    before: str,
    after: str,
    *,
    who: str,
    why: str,
    now: datetime,
) -> None:
    await state_history.append(
        connection,
        kind="switch",
        entity_id=scope,
        account_id=account_id,
        at=now,
        who=who,
        before=before,
        after=after,
        why=why,
    )
