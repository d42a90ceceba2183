"""Pausing and resuming publication, of one account or of all: the emergency stop."""

from __future__ import annotations

from stonechat.core.errors import NotFound
from stonechat.database.repositories import accounts
from stonechat.database.repositories.accounts import Switch
from stonechat.owner import switches
from stonechat.owner.action import Action, Done, Owner, reason
from stonechat.owner.naming import ALL, account_named

POSTING = "posting"


async def pause(owner: Owner, target: str, *, why: str = "") -> Done[str]:
    """Hold every post and reply of an account, or of ``all``, at once and on every host; nothing is lost.

    Raises:
        NotFound: there is no such account; nothing is paused.
        InvalidInput: none is named.
    """
    because = reason(why, "paused by hand")
    async with owner.act("posting.pause") as action:
        account = None if target == ALL else await account_named(action.connection, target)
        account_id = account.id if account else None
        scope = f"{POSTING}/{account.id}" if account else POSTING
        before = await switches.hold(action, scope, account_id, because)
        whose = f" for {account.id}" if account else ""
        on = f"stonechat resume --account {account.handle}" if account else "stonechat resume"
        said = f"Posting is held{whose}. `{on}` lets it go on."
        return await action.done(
            scope, scope, said=said, before=before, after="off", why=because, account_id=account_id
        )


async def resume(owner: Owner, target: str, *, why: str = "") -> Done[list[Switch]]:
    """Let an account's posting go on, or with ``all`` that of each; what is late goes by its late policy.

    Raises:
        NotFound: there is no such account, and nothing of that name is held.
        InvalidInput: none is named.
    """
    because = reason(why, "resumed by hand")
    async with owner.act("posting.resume") as action:
        scopes, account_id = [POSTING], None
        if target != ALL:
            scopes, account_id = await _scopes(action, target)
        lifted, above = await switches.release(action, scopes, because)
        whose = f" for {account_id}" if account_id else ""
        return await action.done(
            lifted,
            scopes[0],
            said=switches.told(lifted, above, f"Posting goes on{whose}."),
            before="off" if lifted or above else "on",
            after="off" if above else "on",
            why=because,
            account_id=account_id,
        )


async def _scopes(action: Action, target: str) -> tuple[list[str], str | None]:
    """The account's switch, and one that stands under the name as it is given, whoever set it."""
    named = f"{POSTING}/{target}"
    held = any(one.scope == named for one in await accounts.switched_off(action.connection))
    try:
        account = await account_named(action.connection, target)
    except NotFound:
        if held:
            return [named], None
        raise
    own = f"{POSTING}/{account.id}"
    return ([own, named] if held and named != own else [own]), account.id
