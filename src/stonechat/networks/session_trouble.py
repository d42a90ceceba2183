"""Whoever sees that a session is in trouble, or that a page has changed, notes it; the owner is told once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import PageChanged, SessionTrouble
from stonechat.core.events import EventStream, SelectorMoved, SessionChanged
from stonechat.core.model import Account
from stonechat.core.network import Network
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts


async def note_session(
    connection: AsyncConnection, account: Account, state: SessionState, *, now: datetime, why: str
) -> tuple[SessionChanged, ...]:
    """Write the state; returns the event to emit after the commit, if the state changed."""
    before = await accounts.set_session(connection, account.id, state, now=now, why=why)
    if before is state:
        return ()
    return (SessionChanged(account_id=account.id, before=before, after=state, why=why),)


@asynccontextmanager
async def noting_trouble(
    database: Database, clock: Clock, events: EventStream, account: Account, network: Network
) -> AsyncIterator[None]:
    """Write down ``SessionTrouble`` and ``PageChanged`` that come out of the block, and let them go on."""
    try:
        yield
    except SessionTrouble as trouble:
        async with database.begin("networks.session") as connection:
            changed = await note_session(
                connection, account, trouble.state, now=clock.now(), why=trouble.what
            )
        for event in changed:
            events.emit(event)
        raise
    except PageChanged as moved:
        events.emit(SelectorMoved(account_id=account.id, network=network.name, missing=moved.missing))
        raise
