"""Holding things and letting them go on: posting, an account's posting, jobs. Scopes nest by ``/``."""

from __future__ import annotations

from collections.abc import Sequence

from stonechat.database.repositories import accounts
from stonechat.database.repositories.accounts import Switch
from stonechat.owner.action import Action


async def hold(action: Action, scope: str, account_id: str | None, why: str) -> str:
    """Switch ``scope`` off; returns what it was before: ``on``, or ``off`` where only the reason is new."""
    new = await accounts.switch_off(
        action.connection, scope, account_id=account_id, who=action.who, why=why, now=action.now
    )
    return "on" if new else "off"


async def release(action: Action, scopes: Sequence[str], why: str) -> tuple[list[Switch], list[Switch]]:
    """Switch on whatever is off at these scopes or below them.

    Returns:
        What was lifted, and what still holds them from above.
    """
    off = await accounts.switched_off(action.connection)
    lifted = [one for one in off if any(_within(one.scope, scope) for scope in scopes)]
    for one in lifted:
        await accounts.switch_on(action.connection, one.scope, who=action.who, why=why, now=action.now)
    above = [one for one in off if one not in lifted and any(_within(scope, one.scope) for scope in scopes)]
    return lifted, above


def told(lifted: Sequence[Switch], above: Sequence[Switch], goes_on: str) -> str:
    """What a resume did, in words; whatever still holds is named."""
    if above:
        held = "; ".join(f"{one.scope} is off by {one.who}: {one.why}" for one in above)
        return f"It is still held: {held}."
    if not lifted:
        return "Nothing was held."
    several = f" Lifted: {', '.join(one.scope for one in lifted)}." if len(lifted) > 1 else ""
    return f"{goes_on}{several}"


def _within(scope: str, outer: str) -> bool:
    return scope == outer or scope.startswith(f"{outer}/")
