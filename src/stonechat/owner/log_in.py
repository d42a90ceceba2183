"""A log-in that the owner has given: stored encrypted, and what waits for it goes on at once, on any host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.browser.sessions import Session
from stonechat.core.model import Account
from stonechat.core.states import SessionState
from stonechat.database.repositories import accounts, sessions, wakeups
from stonechat.database.repositories.sessions import SealedSession
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.networks.credential_store import CredentialStore
from stonechat.networks.credentials import Values
from stonechat.networks.session_trouble import note_session
from stonechat.owner import switches
from stonechat.owner.action import Done, Owner, reason
from stonechat.owner.naming import account_named
from stonechat.posting import jobs as sweep


async def store_session(
    owner: Owner, vault: EncryptedSessionStore, account: Account, session: Session, *, source: str
) -> Done[Account]:
    """Keep a session that the network has confirmed. Its cookies stand in no audit line.

    Args:
        source: ``login``, ``file`` or ``API``.
    """

    async def put(connection: AsyncConnection) -> SealedSession:
        return await vault.put(connection, account.id, session, source=source)

    said = f"@{account.handle} is logged in; its session is stored, encrypted."
    return await _store(owner, account, put, said, source)


async def store_credentials(
    owner: Owner, store: CredentialStore, account: Account, values: Values, *, source: str
) -> Done[Account]:
    """Keep credentials that the network has confirmed. None of them stands in an audit line.

    Args:
        source: ``login`` where they were typed, or ``file``.
    """

    async def put(connection: AsyncConnection) -> SealedSession:
        return await store.put(connection, account.id, values, source=source)

    said = f"@{account.handle} is connected; its credentials are stored, encrypted."
    return await _store(owner, account, put, said, source)


async def _store(
    owner: Owner,
    account: Account,
    put: Callable[[AsyncConnection], Awaitable[SealedSession]],
    said: str,
    source: str,
) -> Done[Account]:
    async with owner.act("accounts.log_in") as action:
        connection, now = action.connection, action.now
        await accounts.put(connection, account, now)
        before = await accounts.session(connection, account.id)
        row = await put(connection)
        await note_session(connection, account, SessionState.VALID, now=now, why="logged in by hand")
        jobs = (sweep.SWEEP, sweep.RECONCILE)
        await wakeups.add(connection, [Wakeup(job, account.id, now) for job in jobs])
        return await action.done(
            account,
            account.id,
            said=f"{said} A running Stonechat takes it up.",
            before=before.state.value,
            after=SessionState.VALID.value,
            why=f"log-in {row.generation}, by {source}",
            account_id=account.id,
        )


async def forget(owner: Owner, target: str, *, why: str = "") -> Done[Account]:
    """Remove an account's saved log-in and hold its posting. Its posts, metrics and what was learned stay.

    Raises:
        NotFound: there is no such account; nothing is changed.
    """
    because = reason(why, "removed by hand")
    async with owner.act("accounts.remove") as action:
        connection = action.connection
        account = await account_named(connection, target)
        before = await accounts.session(connection, account.id)
        had_one = await sessions.forget(connection, account.id)
        await switches.hold(action, f"posting/{account.id}", account.id, because)
        saved = "Its saved log-in is gone" if had_one else "No log-in of it was saved"
        return await action.done(
            account,
            account.id,
            said=f"{saved}, and its posting is held. Its history stays. Take it out of the settings too.",
            before=before.state.value,
            after="removed",
            why=because,
            account_id=account.id,
        )
