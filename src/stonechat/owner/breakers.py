"""Circuit breakers by hand: forced open or closed, released again, or told to forget their failures.

They are changed in the database, where every host looks every few seconds, whether anything runs or not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from stonechat.core.errors import Conflict, InvalidInput, NotFound, Transient
from stonechat.core.states import BreakerState
from stonechat.database.repositories import breakers
from stonechat.owner.action import Action, Done, Owner, reason
from stonechat.resilience import state_machine
from stonechat.resilience.state_machine import FORCED, Record
from stonechat.resilience.store import from_row, to_row

FORCED_STATES = {"open": BreakerState.FORCED_OPEN, "closed": BreakerState.FORCED_CLOSED}

Change = Callable[[Record, str, datetime], Record]
"""The record, who and when (real time): the record after it."""


async def force(owner: Owner, name: str, to: str, *, why: str = "") -> Done[Record]:
    """Force a breaker ``open`` (nothing is tried) or ``closed`` (everything is) until it is released.

    Raises:
        NotFound: there is no such breaker.
        InvalidInput: it cannot be forced to that.
    """
    state = FORCED_STATES.get(to)
    if state is None:
        raise InvalidInput(
            f"A breaker cannot be forced {to[:40]!r}.",
            meaning="Nothing was changed.",
            remedy="open or closed.",
        )
    because = reason(why, f"forced {to} by hand")

    def change(record: Record, who: str, at: datetime) -> Record:
        return state_machine.forced(record, state, who=who, why=because, at=at)

    async with owner.act("breakers.force") as action:
        ends = f"`stonechat breakers release {name}` ends it."
        return await _changed(action, owner, name, change, because, f"{name} is forced {to}. {ends}")


async def release(owner: Owner, name: str, *, why: str = "") -> Done[Record]:
    """End a forcing: the breaker starts closed, and decides for itself again.

    Raises:
        NotFound: there is no such breaker.
        Conflict: it is not forced.
    """
    because = reason(why, "released by hand")

    def change(record: Record, who: str, at: datetime) -> Record:
        if record.state not in FORCED:
            raise Conflict(
                f"The breaker {record.name} is {record.state.value.replace('_', ' ')}; nobody has forced it.",
                meaning="Nothing was changed.",
                remedy=f"`stonechat breakers reset {record.name}` has an open one probed at once.",
            )
        return state_machine.reset(record, who=who, why=because, at=at)

    async with owner.act("breakers.release") as action:
        return await _changed(action, owner, name, change, because, f"{name} decides for itself again.")


async def reset(owner: Owner, name: str, *, why: str = "") -> Done[Record]:
    """Forget its failures: an open breaker is probed at once, a forced one is released.

    Raises:
        NotFound: there is no such breaker.
    """
    because = reason(why, "reset by hand")

    def change(record: Record, who: str, at: datetime) -> Record:
        return state_machine.reset(record, who=who, why=because, at=at)

    async with owner.act("breakers.reset") as action:
        return await _changed(action, owner, name, change, because)


async def _changed(
    action: Action, owner: Owner, name: str, change: Change, why: str, said: str = ""
) -> Done[Record]:
    row = await breakers.find(action.connection, name, lock=True)
    if row is None:
        known = [one.name for one in await breakers.every(action.connection)]
        raise NotFound(
            f"There is no breaker {name[:80]!r}.",
            meaning="Nothing was changed.",
            remedy=f"Known: {', '.join(known) or 'none yet; start `stonechat run` once'}.",
        )
    before = from_row(row)
    after = change(before, action.who, owner.clock.wall())
    saved = await breakers.save(
        action.connection, to_row(after), expected=row.version, now=action.now, who=action.who
    )
    if not saved:
        raise Transient(f"The breaker {name} changed at the same moment.", remedy="Do it again.")
    state = after.state.value.replace("_", " ")
    was = "It was closed already." if after == before else f"{name} is {state}."
    return await action.done(
        after, name, said=said or was, before=before.state.value, after=after.state.value, why=why
    )
