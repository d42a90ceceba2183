"""What an account shows a network to be let in (a token, an app password), as its adapter asks for it.

Where it is kept is :mod:`stonechat.networks.credential_store`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Values = Mapping[str, str]
"""Credentials by the names that their network gives them."""


class Credentials(Protocol):
    """Where a network's adapter gets the credentials of an account."""

    async def load(self, account_id: str, *, newest: bool = False) -> Values | None:
        """The saved ones; None where there are none. Cheap: called before every operation.

        Args:
            newest: what another process saved a moment ago counts too.

        Raises:
            SessionTrouble: they are sealed with another key.
            Transient: the database is away and nothing is known yet.
        """

    async def renew(self, account_id: str, values: Values) -> None:
        """Keep what the network renewed, unless the owner has given others meanwhile.

        It is on the disk before this first waits for anything, so that a token that serves once is not lost
        with the process; a database that is away is no reason to fail.
        """


class GivenCredentials:
    """Credentials in memory, for who has no database: scripts, checks and benchmarks."""

    def __init__(self, given: Mapping[str, Values] | None = None) -> None:
        self._given = dict(given or {})

    async def load(self, account_id: str, *, newest: bool = False) -> Values | None:
        """What was given or renewed since."""
        return self._given.get(account_id)

    async def renew(self, account_id: str, values: Values) -> None:
        """Keep what the network renewed, until the end."""
        self._given[account_id] = values
