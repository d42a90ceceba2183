"""The store of account sessions: encrypted rows in the database, so that every host has the newest.

Three sources write here: the owner (``stonechat login``), a setting, and the site that renews cookies as they
are used. The newest log-in wins. A setting's log-in is taken up once, when it is first seen: not again after
a later ``stonechat login``, and not back and forth where hosts have different settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.browser.session_encryption import Keys, Unreadable
from stonechat.browser.sessions import Session, Site, for_site
from stonechat.config.cookies import ended
from stonechat.core.clock import Clock
from stonechat.core.errors import NotTried, SessionTrouble, Transient
from stonechat.core.redaction import Secrets
from stonechat.core.safe_json import safe_json
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import sessions
from stonechat.database.repositories.sessions import SealedSession


class SessionLocked(NotTried):
    """This host lacks the key of a stored session: a fault of the host, and none of the account."""


FRESH_FOR = timedelta(seconds=2)
"""Real time for which what was read is not read again: so soon does every host know of a new log-in."""

SEEN = 20
"""So many log-ins of settings are remembered for each account."""

Given = Callable[[], Mapping[str, Session]]
"""The sessions in the settings as they are now, by account id; cheap to call."""

SiteOf = Callable[[str], Site | None]
"""The site that an account's session is for, by its id; None where its network needs none."""


@dataclass(slots=True)
class _Held:
    """What this process knows of an account's session, and when (monotonic) it was read."""

    row: SealedSession
    session: Session
    read: float


class EncryptedSessionStore:
    """Sessions by account: a :class:`stonechat.browser.sessions.SessionStore` over the database.

    Args:
        given: what the settings say; asked again and again, so that a changed settings file is taken up.
        secrets: learn the cookies of every session that passes here.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keys: Keys,
        given: Given,
        site_of: SiteOf,
        secrets: Secrets | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._given = given
        self._site_of = site_of
        self._held: dict[str, _Held] = {}
        self._secrets = secrets or Secrets()

    async def load(self, account_id: str) -> Session | None:
        """The account's newest session. A database that is away does not stop what is known already.

        Raises:
            SessionTrouble: there is none, or none that a browser takes; what to do about it stands in it.
            SessionLocked: this host lacks the key that it was encrypted with.
            Transient: the database is away and nothing is known yet.
        """
        site = self._site_of(account_id)
        if site is None:
            return None
        held = self._held.get(account_id)
        given = self._lasting(account_id)
        now = self._clock.monotonic()
        is_news = given is not None and (held is None or _mark(given) not in held.row.settings_seen)
        if held is not None and not is_news and now - held.read < FRESH_FOR.total_seconds():
            return held.session
        try:
            return await self._read(account_id, given, site)
        except Transient:
            if held is None:
                raise
            return held.session

    async def save(self, account_id: str, session: Session) -> None:
        """Write back what the site renewed, unless somebody has logged in anew since."""
        held = self._held.get(account_id)
        if held is None or not self._can_open(held.row):
            return
        async with self._database.begin("browser.session.renew") as connection:
            row = await sessions.renew(
                connection,
                account_id,
                self._sealed(session),
                of=held.row.generation,
                at=self._clock.wall(),
            )
        if row is not None:
            self._held[account_id] = _Held(row, session, self._clock.monotonic())

    async def give(self, account_id: str, session: Session, *, source: str) -> None:
        """Take a new log-in at once; every host takes it up before its next operation.

        Args:
            source: ``login``, ``file`` or ``setting``.
        """
        async with self._database.begin("browser.session.give") as connection:
            row = await self.put(connection, account_id, session, source=source)
        self._held[account_id] = _Held(row, self._fitted(account_id, session), self._clock.monotonic())

    async def put(
        self, connection: AsyncConnection, account_id: str, session: Session, *, source: str
    ) -> SealedSession:
        """As :meth:`give`, in the caller's transaction; this process too takes it up when it next reads."""
        given = self._lasting(account_id)
        row = await sessions.find(connection, account_id, lock=True)
        seen = row.settings_seen if row is not None else ()
        if given is not None and _mark(given) not in seen:
            seen = (*seen, _mark(given))[-SEEN:]
        return await sessions.put(
            connection,
            account_id,
            self._sealed(self._fitted(account_id, session)),
            source=source,
            settings_seen=seen,
            at=self._clock.wall(),
        )

    def _fitted(self, account_id: str, session: Session) -> Session:
        site = self._site_of(account_id)
        return session if site is None else for_site(session, site)

    async def mark(self, account_id: str) -> str:
        """Changes whenever the account is given another log-in, here or on any host."""
        given = self._lasting(account_id)
        async with self._database.read("browser.session.mark") as connection:
            number = await sessions.generation(connection, account_id)
        return f"{number}/{_mark(given) if given is not None else ''}"

    def _lasting(self, account_id: str) -> Session | None:
        """What the settings give the account now; None where its log-in has ended."""
        given = self._given().get(account_id)
        over = given is not None and ended(given.cookies, given.needed, self._clock.wall())
        return None if over else given

    async def _read(self, account_id: str, given: Session | None, site: Site) -> Session:
        held = self._held.get(account_id)
        besides = held.row.version if held is not None else -1
        async with self._database.read("browser.session") as connection:
            row = await sessions.find(connection, account_id, besides=besides)
        if row is None and held is not None:
            row = held.row  # nothing new
        if given is not None and row is not None and not self._can_open(row):
            self._secrets.learn(given.secrets())  # serves here; what another host can open is left to it
            session = for_site(given, site)
            self._held[account_id] = _Held(row, session, self._clock.monotonic())
            return session
        if given is not None and (row is None or _mark(given) not in row.settings_seen):
            await self.give(account_id, given, source="setting")
            return self._held[account_id].session
        if row is None:
            raise self._nothing(account_id)
        session = held.session if held is not None and row is held.row else self._opened(row, site)
        self._held[account_id] = _Held(row, session, self._clock.monotonic())
        return session

    def _can_open(self, row: SealedSession) -> bool:
        try:
            return bool(self._keys.open(row.sealed))
        except Unreadable:
            return False

    def _opened(self, row: SealedSession, site: Site) -> Session:
        try:
            state = safe_json(self._keys.open(row.sealed))
        except Unreadable:
            raise _locked_away(row.account_id) from None
        saved = Session(tuple(state["cookies"]), tuple(state["origins"]), site.form.needed)
        self._secrets.learn(saved.secrets())
        session = for_site(saved, site)
        if not site.form.has_log_in(session.cookies):
            raise _useless(row.account_id)
        return session

    def _nothing(self, account_id: str) -> SessionTrouble:
        given = self._given().get(account_id)
        over = given and ended(given.cookies, given.needed, self._clock.wall())
        what = (
            f"The session that the settings give for {account_id} ended on {over:%Y-%m-%d}." if over else ""
        )
        return _trouble(what or f"No session is saved for {account_id}.", account_id)

    def _sealed(self, session: Session) -> str:
        self._secrets.learn(session.secrets())
        return self._keys.seal(json.dumps(session.state()).encode())


def _mark(session: Session) -> str:
    return session.fingerprint()


def _trouble(what: str, account_id: str) -> SessionTrouble:
    return SessionTrouble(
        SessionState.EXPIRED,
        what,
        meaning="Nothing is read or published in its name.",
        remedy=f"Log in once: stonechat login --account {account_id.partition(':')[2]}",
    )


def _useless(account_id: str) -> SessionTrouble:
    return _trouble(f"The saved session of {account_id} holds no log-in that a browser takes.", account_id)


def _locked_away(account_id: str) -> SessionLocked:
    return SessionLocked(
        f"The saved session of {account_id} was encrypted with a key that this host does not have.",
        meaning="Nothing is read or published in its name on this host; hosts that have the key go on.",
        remedy="Give this host the SESSION_KEY of the one that saved it, or run stonechat login again.",
    )
