"""What an error of a network's API means for the post that was being published; adapters share it."""

from __future__ import annotations

from stonechat.core.errors import Permanent, SessionTrouble, StonechatError, Transient, Unknown
from stonechat.core.network import PublishOutcome, Refused, Unconfirmed


class Duplicate(Unknown):
    """The network says that it has this text already: it may be the post that we are sending."""


class LooksAutomated(Permanent):
    """The network takes the account for a program and wants it to stop."""


def ended_by(exc: StonechatError, confirmed: tuple[str, ...]) -> PublishOutcome:
    """What an error means for the post; ``confirmed`` parts are live whatever comes after them."""
    match exc:
        case Unknown():
            return Unconfirmed(exc.what, confirmed, duplicate=isinstance(exc, Duplicate))
        case SessionTrouble(state=state):
            return Refused(exc.what, session=state, confirmed=confirmed)
        case LooksAutomated():
            return Refused(exc.what, confirmed=confirmed, automated=True)
        case Transient(retry_after=wait):
            return Refused(exc.what, retry_after=wait, confirmed=confirmed)
        case _:
            return Refused(exc.what, permanent=isinstance(exc, Permanent), confirmed=confirmed)
