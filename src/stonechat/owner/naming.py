"""What the owner means by a name: one account, one piece of content, one alert, or a clear refusal.

Whatever stops or sends something asks here first, so that a name that nobody knows is never "done".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import InvalidInput, NotFound
from stonechat.core.model import Account, Content
from stonechat.database.repositories import accounts, alerts, content
from stonechat.database.repositories.alerts import AlertRow

ALL = "all"
"""Stands for every account, or every job."""

LONGEST = 250
"""No id or name is longer, so that nothing longer is looked for."""

BEGINNING = 4
"""Characters of an id from which on its beginning is enough."""


async def account_named(connection: AsyncConnection, given: str) -> Account:
    """The account of that id or handle, with or without ``@``.

    Raises:
        NotFound: there is none, or several networks have one of that handle.
        InvalidInput: nothing is named.
    """
    return chosen(await accounts.every(connection), given)


def chosen(known: Sequence[Account], given: str) -> Account:
    """The one of ``known`` that is meant; raises as :func:`account_named`."""
    name = _name(given, "account").removeprefix("@").casefold()
    found = [one for one in known if name in (one.id.casefold(), one.handle.casefold())]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.id for one in known) or "none yet; start `stonechat run` once"
    what = f"Several accounts are called {given!r}." if found else f"There is no account {given!r}."
    raise NotFound(what, meaning="Nothing was changed.", remedy=f"Known: {names}.")


async def content_named(connection: AsyncConnection, given: str) -> Content:
    """The content of that id, or of an id that begins so, held until the transaction ends.

    Raises:
        NotFound: there is none, or several begin so.
        InvalidInput: nothing is named.
    """
    found_id = await _by_beginning(connection, given, "content", content.ids_from, "stonechat queue show")
    found = await content.find(connection, found_id, lock=True)
    if found is None:
        raise _nothing("content", given, "stonechat queue show")
    return found


async def alert_named(connection: AsyncConnection, given: str) -> AlertRow:
    """The alert of that id, or of an id that begins so, held until the transaction ends.

    Raises:
        NotFound: there is none, or several begin so.
        InvalidInput: nothing is named.
    """
    found_id = await _by_beginning(connection, given, "alert", alerts.ids_from, "stonechat alerts")
    found = await alerts.find(connection, found_id, lock=True)
    if found is None:
        raise _nothing("alert", given, "stonechat alerts")
    return found


async def _by_beginning(
    connection: AsyncConnection,
    given: str,
    kind: str,
    ids_from: Callable[[AsyncConnection, str], Awaitable[list[str]]],
    listed_by: str,
) -> str:
    """The one id that ``given`` is, or is the beginning of; ``given`` itself where it is too short."""
    name = _name(given, kind)
    if len(name) < BEGINNING:
        return name
    ids = await ids_from(connection, name)
    if name in ids or not ids:
        return name
    if len(ids) > 1:
        raise NotFound(
            f"More than one {kind} has an id that begins with {given!r}.",
            meaning="Nothing was changed.",
            remedy=f"Give more of it; `{listed_by} --json` has them.",
        )
    return ids[0]


def _name(given: str, kind: str) -> str:
    name = given.strip()
    if not name:
        raise InvalidInput(f"No {kind} is named.", meaning="Nothing was changed.", remedy="Name one.")
    if len(name) > LONGEST or not name.isprintable():
        raise _nothing(kind, given[:40])
    return name


def _nothing(kind: str, given: str, listed_by: str = "") -> NotFound:
    remedy = f"`{listed_by} --json` lists what there is." if listed_by else ""
    return NotFound(f"There is no {kind} {given!r}.", meaning="Nothing was changed.", remedy=remedy)


async def account_of(connection: AsyncConnection, content: Content) -> Account:
    """The account that the content belongs to.

    Raises:
        NotFound: it is in the database no more.
    """
    found = await accounts.find(connection, content.account_id)
    if found is None:
        raise NotFound(
            f"There is no account {content.account_id!r}.", remedy="`stonechat doctor` lists the accounts."
        )
    return found
