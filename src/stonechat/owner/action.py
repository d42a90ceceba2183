"""One action of the owner: who, through which door, and one transaction that holds its audit line too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import InvalidInput
from stonechat.database import Database
from stonechat.database.repositories import audit
from stonechat.database.repositories.audit import AuditRow

T = TypeVar("T")

LONGEST_NAME = 70
"""Characters of the owner's name that are kept; the columns take 100, with the door."""

LONGEST_WHY = 1000


class Door(Enum):
    """Where an owner comes in."""

    COMMAND_LINE = "command line"
    PAGES = "pages"
    API = "API"


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What an action did.

    Attributes:
        line: what stands in the audit trail.
        said: one sentence or two for whoever asked, the same at every door.
        value: the thing as it is now.
    """

    line: AuditRow
    said: str
    value: T


class Action:
    """An action under way, made by :meth:`Owner.act`: its transaction, its moment and who does it."""

    def __init__(self, owner: Owner, connection: AsyncConnection, name: str, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.who = owner.who
        self._owner = owner
        self._name = name
        self.told = False

    async def done(
        self,
        value: T,
        target: str,
        *,
        said: str,
        before: str = "",
        after: str = "",
        why: str = "",
        account_id: str | None = None,
    ) -> Done[T]:
        """Write the audit line, as part of the action."""
        line = AuditRow(
            at=self.now,
            who=self._owner.name[:LONGEST_NAME],
            action=self._name,
            door=self._owner.door.value,
            target=target,
            before=before,
            after=after,
            why=why,
            account_id=account_id,
        )
        await audit.append(self.connection, line)
        self.told = True
        return Done(line, said, value)


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner at one door, with the database that the actions are done on."""

    database: Database
    clock: Clock
    name: str
    door: Door

    @property
    def who(self) -> str:
        """As the history names them: ``robin (command line)``."""
        return f"{self.name[:LONGEST_NAME]} ({self.door.value})"

    @asynccontextmanager
    async def act(self, name: str) -> AsyncIterator[Action]:
        """One transaction for the action ``name`` (``queue.approve``).

        An error in it undoes all of it, and an action that has not written its audit line is never committed.
        """
        async with self.database.begin(f"owner.{name}") as connection:
            action = Action(self, connection, name, self.clock.now())
            yield action
            if not action.told:
                raise AssertionError(f"the action {name} ended without its audit line")


def reason(given: str, otherwise: str = "") -> str:
    """Why the owner does it; ``otherwise`` where they do not say.

    Raises:
        InvalidInput: it is a book.
    """
    why = given.strip()
    if len(why) > LONGEST_WHY:
        raise InvalidInput(
            f"The reason has {len(why)} characters; at most {LONGEST_WHY} are kept.",
            meaning="Nothing was changed.",
            remedy="Say it shorter.",
        )
    return why or otherwise
