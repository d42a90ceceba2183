"""Credentials of accounts, kept encrypted in the database.

They are rows beside the sessions of accounts that log in by a browser, sealed with the same keys: every host
has the newest ones, and what waits for a new log-in hears of it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.browser.session_encryption import Keys, Unreadable
from stonechat.core.atomic_file import whole_file
from stonechat.core.clock import Clock
from stonechat.core.errors import SessionTrouble, Transient
from stonechat.core.ids import digest
from stonechat.core.safe_json import safe_json
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import sessions
from stonechat.database.repositories.sessions import SealedSession
from stonechat.networks.credentials import Values

FRESH_FOR = timedelta(seconds=2)
"""Real time for which what was read is not read again: so soon does every host know of new credentials."""


@dataclass(slots=True)
class _Held:
    row: SealedSession
    values: Values
    read: float


class CredentialStore:
    """Credentials over the database: a :class:`stonechat.networks.credentials.Credentials`.

    What a network renewed may be its only way back in (a refresh token serves once), so it is written to a
    file, sealed, before it is written to the database. Whoever finds such a file finishes that.

    Args:
        folder: where those files are.
    """

    def __init__(self, database: Database, clock: Clock, keys: Keys, folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._folder = folder
        self._held: dict[str, _Held] = {}

    async def load(self, account_id: str, *, newest: bool = False) -> Values | None:
        """As :meth:`Credentials.load`."""
        held, now = self._held.get(account_id), self._clock.monotonic()
        if held is not None and not newest and now - held.read < FRESH_FOR.total_seconds():
            return held.values
        try:
            async with self._database.read("networks.credentials") as connection:
                row = await sessions.find(connection, account_id)
        except Transient:
            if held is None:
                raise
            return held.values
        if row is None:
            return None
        self._held[account_id] = _Held(row, self._opened(row), now)
        await self._finish(account_id)
        return self._held[account_id].values

    async def renew(self, account_id: str, values: Values) -> None:
        """As :meth:`Credentials.renew`."""
        held = self._held.get(account_id)
        if held is None:
            return
        self._write(account_id, held.row.generation, values)
        self._held[account_id] = _Held(held.row, dict(values), self._clock.monotonic())
        with suppress(Transient):
            await self._store(account_id, held.row.generation, values)

    def _write(self, account_id: str, generation: int, values: Values) -> None:
        renewed = {"generation": generation, "credentials": dict(values)}
        with suppress(Transient), whole_file(self._file(account_id)) as (file, _):
            file.write(self._keys.seal(json.dumps(renewed).encode()).encode("ascii"))

    async def _store(self, account_id: str, generation: int, values: Values) -> None:
        """Into the database with them; the file is needed no more."""
        async with self._database.begin("networks.credentials.renew") as connection:
            row = await sessions.renew(
                connection, account_id, self._sealed(values), of=generation, at=self._clock.wall()
            )
        self._file(account_id).unlink(missing_ok=True)
        if row is not None:
            self._held[account_id] = _Held(row, dict(values), self._clock.monotonic())

    async def _finish(self, account_id: str) -> None:
        """Store what a process that has ended, or a database that was away, left in the file."""
        held = self._held[account_id]
        try:
            renewed = safe_json(self._keys.open(self._file(account_id).read_text("ascii")))
            generation, found = int(renewed["generation"]), renewed["credentials"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError):  # of another key, or never whole
            return
        values = {str(name): str(value) for name, value in found.items()}
        if generation == held.row.generation:
            self._held[account_id] = _Held(held.row, values, held.read)
        with suppress(Transient):
            await self._store(account_id, generation, values)

    def _file(self, account_id: str) -> Path:
        return self._folder / f"renewed-{digest(account_id)}"

    async def put(
        self, connection: AsyncConnection, account_id: str, values: Values, *, source: str
    ) -> SealedSession:
        """Take new ones, in the caller's transaction; every process takes them up when it next reads."""
        return await sessions.put(
            connection,
            account_id,
            self._sealed(values),
            source=source,
            settings_seen=(),
            at=self._clock.wall(),
        )

    def _sealed(self, values: Values) -> str:
        return self._keys.seal(json.dumps({"credentials": dict(values)}).encode())

    def _opened(self, row: SealedSession) -> Values:
        try:
            found = safe_json(self._keys.open(row.sealed)).get("credentials", {})
        except Unreadable:
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"The saved credentials of {row.account_id} were encrypted with another key.",
                meaning="Nothing is read or published in its name on this host.",
                remedy="Give this host the SESSION_KEY of the one that saved them, or connect the account.",
            ) from None
        return {str(name): str(value) for name, value in found.items()}
