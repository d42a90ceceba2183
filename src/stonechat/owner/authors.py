"""People who are to be left alone: muted by hand, as if they had asked for it themselves, or no longer muted.

A muted author is never replied to or quoted, and a reply that is written already is cancelled when it is due.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from stonechat.core.errors import InvalidInput, NotFound
from stonechat.core.model import Account
from stonechat.database.repositories import accounts, opportunities
from stonechat.owner.action import Action, Done, Owner, reason
from stonechat.owner.naming import account_named

_HANDLE = re.compile(r"\w[\w.:@-]{0,99}")


async def mute(owner: Owner, handle: str, account: str | None = None, *, why: str = "") -> Done[list[str]]:
    """Never reply to or quote ``handle`` again, from one account or from every one.

    Returns:
        The ids of the accounts for which that is new.

    Raises:
        InvalidInput: that is no handle.
        NotFound: there is no such account, or none at all.
    """
    name, because = _handle(handle), reason(why, "muted by hand")
    async with owner.act("authors.mute") as action:
        meant, account_id = await _accounts(action, account)
        new = [
            one.id
            for one in meant
            if await opportunities.opt_out(action.connection, one.id, name, now=action.now)
        ]
        return await action.done(
            new,
            f"@{name}",
            said=f"@{name} is {'muted' if new else 'muted already'}: no replies, no quotes, "
            f"from {_names(meant)}. `stonechat unmute {name}` takes it back.",
            before="not muted" if new else "muted",
            after="muted",
            why=because,
            account_id=account_id,
        )


async def unmute(owner: Owner, handle: str, account: str | None = None, *, why: str = "") -> Done[list[str]]:
    """Allow replies to ``handle`` again, from one account or from every one.

    Returns:
        The ids of the accounts by which it was muted.

    Raises:
        InvalidInput: that is no handle.
        NotFound: there is no such account, or none at all.
    """
    name, because = _handle(handle), reason(why, "unmuted by hand")
    async with owner.act("authors.unmute") as action:
        meant, account_id = await _accounts(action, account)
        lifted = [one.id for one in meant if await opportunities.opt_in(action.connection, one.id, name)]
        may = f"@{name} may be replied to again, from {_names(meant)}."
        return await action.done(
            lifted,
            f"@{name}",
            said=may if lifted else f"@{name} was not muted.",
            before="muted" if lifted else "not muted",
            after="not muted",
            why=because,
            account_id=account_id,
        )


def _handle(given: str) -> str:
    name = given.strip().removeprefix("@").casefold()
    if not _HANDLE.fullmatch(name):
        raise InvalidInput(
            f"{given[:40]!r} is no handle.",
            meaning="Nothing was changed.",
            remedy="Give it as on the network: @name.",
        )
    return name


async def _accounts(action: Action, named: str | None) -> tuple[Sequence[Account], str | None]:
    """Those that are meant, and the id where it is one."""
    if named is not None:
        one = await account_named(action.connection, named)
        return [one], one.id
    every = await accounts.every(action.connection)
    if not every:
        raise NotFound(
            "There is no account yet.", meaning="Nothing was changed.", remedy="Start `stonechat run` once."
        )
    return every, None


def _names(meant: Sequence[Account]) -> str:
    return ", ".join(f"@{one.handle}" for one in meant)
