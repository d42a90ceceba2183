"""What the network thinks of an account's session: noted where seen, asked again at growing intervals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from stonechat.core.clock import Clock
from stonechat.core.errors import SessionTrouble, Transient
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.network import Network
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts
from stonechat.networks.session_trouble import note_session

LONGEST_GAP = timedelta(hours=6)


def is_time_to_ask(since: datetime, tick: datetime, every: timedelta) -> bool:
    """Whether the tick is one at which a troubled session is asked about again.

    Asked ``every``, twice, four times … that long after the trouble began, and every six hours from
    then on. Computed from the ticks alone, so that neither a restart nor a second host asks more often.
    """
    elapsed = tick - since
    if elapsed < every:
        return False
    gap = every
    while gap * 2 <= min(elapsed, LONGEST_GAP):
        gap *= 2
    return elapsed % gap < every if gap * 2 > LONGEST_GAP else elapsed - gap < every


class SessionWatch:
    """Asks the network about sessions that are in trouble, and lets posting go on once they are valid.

    Args:
        every: account time after which a troubled session is asked about for the first time.
        mark: asked with an account's id; its answer changes when the account is given another session,
            which is then asked about at once. So is each troubled session once after a start.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        events: EventStream,
        *,
        every: timedelta,
        mark: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._every = every
        self._mark = mark
        self._asked: dict[str, str] = {}

    async def check(self, account: Account, network: Network, tick: datetime) -> bool:
        """Ask if it is time to; True where the session is (or has become) valid."""
        async with self._database.read("posting.session") as connection:
            row = await accounts.session(connection, account.id)
        if row.state is SessionState.VALID:
            return True
        is_news = self._asked.get(account.id) != await self._marked(account)
        if not is_news and not is_time_to_ask(row.since, tick, self._every):
            return False
        return await self.ask(account, network)

    async def ask(self, account: Account, network: Network) -> bool:
        """Ask now, for a human who has just logged in; True where the session is valid."""
        self._asked[account.id] = await self._marked(account)
        try:
            state, why = await network.session(account), "asked the network"
        except SessionTrouble as trouble:
            state, why = trouble.state, trouble.what
        except Transient:
            return False
        async with self._database.begin("posting.session") as connection:
            changed = await note_session(connection, account, state, now=self._clock.now(), why=why)
        for event in changed:
            self._events.emit(event)
        return state is SessionState.VALID

    async def _marked(self, account: Account) -> str:
        return await self._mark(account.id) if self._mark is not None else ""
