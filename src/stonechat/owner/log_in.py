"""A log-in that the owner has given: stored encrypted, and what waits for it goes on at once, on any host.

It comes from a window in which the owner logged in (``stonechat login``), or from cookies that another
browser exported. Either way the network is asked first whose log-in it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.browser.login_window import Window
from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.browser.sessions import Session, for_site
from stonechat.config.cookies import ended
from stonechat.config.session_form import SavedSession, SessionForm, read_session
from stonechat.config.settings import Settings
from stonechat.core.errors import InvalidInput
from stonechat.core.model import Account
from stonechat.core.states import SessionState
from stonechat.database.repositories import accounts, sessions, wakeups
from stonechat.database.repositories.sessions import SealedSession
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.networks.credential_store import CredentialStore
from stonechat.networks.credentials import Values
from stonechat.networks.plugin import LogIn
from stonechat.networks.registry import Registry
from stonechat.networks.session_trouble import note_session
from stonechat.owner import switches
from stonechat.owner.action import Done, Owner, reason
from stonechat.owner.naming import account_named, chosen
from stonechat.posting import jobs as sweep


@dataclass(frozen=True, slots=True)
class SessionImport:
    """What checks a log-in and keeps it.

    Attributes:
        accounts: those of the settings.
        open_window: a browser without a window and without any session.
        turn: held while a log-in is checked: each check starts a browser.
    """

    settings: Settings
    networks: Registry
    vault: EncryptedSessionStore
    accounts: Sequence[Account]
    open_window: Callable[[], AbstractAsyncContextManager[Window]]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def account(self, named: str | None) -> tuple[Account, LogIn]:
        """The account that is meant, and how its network logs it in; no name is needed where it is one.

        Raises:
            NotFound: no account is called that.
            InvalidInput: none is named and there are several, or its network knows no log-in.
        """
        ways = [(one, self.networks[one.network].log_in) for one in self.accounts]
        possible = [(one, way) for one, way in ways if way is not None]
        if named is None and len(possible) == 1:
            return possible[0]
        if named is not None:
            meant = chosen(self.accounts, named)
            for one, way in possible:
                if one is meant:
                    return one, way
        known = ", ".join(one.handle for one, _ in possible) or "there is none"
        raise InvalidInput(
            "There are several accounts." if named is None else f"{named!r} is logged in by settings alone.",
            meaning="Nothing was saved.",
            remedy=f"Name one that logs in: {known}.",
        )


async def import_session(
    owner: Owner, imports: SessionImport, account: str | None, given: bytes
) -> Done[Account]:
    """Keep the log-in that another browser exported, once the network says that it is this account's.

    Args:
        account: its id or handle; not needed where there is one.
        given: the export, in any form that :mod:`stonechat.config.session_form` reads.

    Raises:
        NotFound: no account is called that.
        InvalidInput: it is no log-in, or one that has ended.
        Permanent, SessionTrouble: the network does not know it, or knows it as somebody else's.
        Transient: the network cannot be asked now.
    """
    meant, way = imports.account(account)
    site = way.site(imports.settings)
    saved = _read(owner, given, site.form)
    session = Session(saved.cookies, saved.origins, site.form.needed)
    async with imports.turn, imports.open_window() as window:
        checked = await way.check(window, site.address, meant.handle, for_site(session, site))
    return await store_session(owner, imports.vault, meant, checked, source="file", left_out=saved.left_out)


def _read(owner: Owner, given: bytes, form: SessionForm) -> SavedSession:
    try:
        saved = read_session(given, form)
    except ValueError as exc:
        raise InvalidInput(
            f"The log-in {exc}.", meaning="Nothing was saved.", remedy=f"Give {form.expected}."
        ) from exc
    over = ended(saved.cookies, form.needed, owner.clock.wall())
    if over is not None:
        raise InvalidInput(
            f"This log-in ended on {over:%Y-%m-%d}.",
            meaning="Nothing was saved.",
            remedy="Log in again in your own browser and export it anew, or run `stonechat login`.",
        )
    return saved


async def store_session(
    owner: Owner,
    vault: EncryptedSessionStore,
    account: Account,
    session: Session,
    *,
    source: str,
    left_out: Sequence[str] = (),
) -> Done[Account]:
    """Keep a session that the network has confirmed. Its cookies stand in no audit line.

    Args:
        source: ``login`` for a window, ``file`` for an export.
        left_out: what of it is of no use, a sentence each.
    """

    async def put(connection: AsyncConnection) -> SealedSession:
        return await vault.put(connection, account.id, session, source=source)

    of_it = [f"Of it {one}." for one in left_out]
    said = " ".join((f"@{account.handle} is logged in; its session is stored, encrypted.", *of_it))
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
