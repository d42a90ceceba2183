"""A log-in that the owner has given: stored encrypted, and what waits for it goes on at once, on any host."""

from __future__ import annotations

from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.browser.sessions import Session
from stonechat.core.model import Account
from stonechat.core.states import SessionState
from stonechat.database.repositories import accounts, wakeups
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.networks.session_trouble import note_session
from stonechat.owner.action import Done, Owner
from stonechat.posting import jobs as sweep


async def store_session(
    owner: Owner, vault: EncryptedSessionStore, account: Account, session: Session, *, source: str
) -> Done[Account]:
    """Keep a session that the network has confirmed. Its cookies stand in no audit line.

    Args:
        source: ``login``, ``file`` or ``API``.
    """
    async with owner.act("accounts.log_in") as action:
        connection, now = action.connection, action.now
        await accounts.put(connection, account, now)
        before = await accounts.session(connection, account.id)
        row = await vault.put(connection, account.id, session, source=source)
        await note_session(connection, account, SessionState.VALID, now=now, why="logged in by hand")
        jobs = (sweep.SWEEP, sweep.RECONCILE)
        await wakeups.add(connection, [Wakeup(job, account.id, now) for job in jobs])
        return await action.done(
            account,
            account.id,
            said=f"@{account.handle} is logged in; its session is stored, encrypted. "
            "A running Stonechat takes it up.",
            before=before.state.value,
            after=SessionState.VALID.value,
            why=f"log-in {row.generation}, by {source}",
            account_id=account.id,
        )
