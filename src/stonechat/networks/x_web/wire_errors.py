"""X's error codes and what each asks of us.

The service answers errors with HTTP 200 as often as not, beside data or instead of it.
Codes and meanings: X's published list of error codes, and what its web client shows for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from stonechat.core.errors import Permanent, SessionTrouble, StonechatError, Transient
from stonechat.core.network import PublishOutcome, Refused, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.x_web.json_access import at, count, text


class Demand(StrEnum):
    """What an error asks for."""

    RECONCILE = "reconcile"
    """The same text is already there, perhaps by us: look before anything else."""
    FIX_TEXT = "fix_text"
    """The same text will be refused again."""
    WAIT = "wait"
    """A rate or daily limit."""
    OWNER = "owner"
    """The session or the account is in trouble; only the owner can act."""
    UNCLEAR = "unclear"
    """The service does not say what became of it."""


@dataclass(frozen=True, slots=True)
class WireFault:
    """One error of an answer: its code (None where it has none), its message and what it asks for."""

    code: int | None
    message: str
    demand: Demand
    session: SessionState | None = None
    wait: timedelta | None = None

    def waiting(self, seconds: float | None) -> WireFault:
        """The same fault with the wait that the service itself asked for, where it did."""
        if seconds is None or self.demand is not Demand.WAIT:
            return self
        return replace(self, wait=timedelta(seconds=seconds))

    def __str__(self) -> str:
        return f"{self.message} (error {self.code})" if self.code is not None else self.message


LOOKS_AUTOMATED = 226
"""The session stays valid, and the next post would be refused again: only the owner lets it go on."""

BLOCKED = 136
"""Whom the post answers has blocked the account: a way to say *stop*."""

_WAITS = {
    88: timedelta(minutes=15),
    185: timedelta(hours=3),
    344: timedelta(hours=3),
    429: timedelta(minutes=15),
}
_FIX_TEXT = {
    BLOCKED: "the author has blocked this account",
    144: "the post answered is gone",
    186: "too long",
    354: "too long",
    385: "the post answered is gone or hidden",
    433: "the author limits who may reply",
}
_SESSIONS = {
    32: SessionState.EXPIRED,
    64: SessionState.SUSPENDED,
    89: SessionState.EXPIRED,
    141: SessionState.SUSPENDED,
    215: SessionState.EXPIRED,
    226: SessionState.CHALLENGED,
    326: SessionState.LOCKED,
    353: SessionState.EXPIRED,
}
_CODE_IN_MESSAGE = re.compile(r"\((\d{2,3})\)\s*$")

REMEDY = {
    SessionState.EXPIRED: "Log in again and save the new session (`stonechat login` or TWITTER_SESSION_B64).",
    SessionState.CHALLENGED: (
        "Open the site as this account and answer its question; publishing stays stopped until then."
    ),
    SessionState.LOCKED: "Open the site as this account and unlock it at /account/access.",
    SessionState.SUSPENDED: "Appeal at the site's help pages; nothing can be published meanwhile.",
    SessionState.RATE_LIMITED: "Nothing to do: it goes on after the wait.",
}
"""What the owner does about each state of a session."""


def read_faults(answer: object) -> list[WireFault]:
    """The errors at the top of an answer, classified; empty where there are none."""
    errors = at(answer, "errors")
    if not isinstance(errors, list):
        return []
    return [_fault(error) for error in errors]


def fault_of_status(status: int) -> WireFault | None:
    """What an HTTP status by itself says; None for a success."""
    if status < 400:
        return None
    if status == 429:
        return classify(429, "Rate limit reached")
    if status in {401, 403}:
        return WireFault(status, f"HTTP {status}", Demand.OWNER, SessionState.EXPIRED)
    return WireFault(None, f"HTTP {status}", Demand.UNCLEAR)


def classify(code: int | None, message: str) -> WireFault:
    """What an error code asks for; unknown ones are unclear, which is never read as *did not happen*."""
    if code == 187:
        return WireFault(code, message, Demand.RECONCILE)
    if code in _FIX_TEXT:
        return WireFault(code, message or _FIX_TEXT[code], Demand.FIX_TEXT)
    if code in _WAITS:
        return WireFault(code, message, Demand.WAIT, SessionState.RATE_LIMITED, _WAITS[code])
    if code in _SESSIONS:
        return WireFault(code, message, Demand.OWNER, _SESSIONS[code])
    return WireFault(code, message or "The service reported an error without a text", Demand.UNCLEAR)


def _fault(error: object) -> WireFault:
    message = text(error, "message") or ""
    code = count(error, "code")
    if code is None:
        code = count(error, "extensions", "code")
    if code is None and (match := _CODE_IN_MESSAGE.search(message)):
        code = int(match[1])
    return classify(code, message)


def worst(faults: Iterable[WireFault]) -> WireFault | None:
    """The fault that decides: the owner's before a wait, a wait before the text, the unclear last."""
    order = (Demand.OWNER, Demand.RECONCILE, Demand.WAIT, Demand.FIX_TEXT, Demand.UNCLEAR)
    return min(faults, key=lambda fault: order.index(fault.demand), default=None)


def publish_outcome(fault: WireFault, confirmed: tuple[str, ...] = ()) -> PublishOutcome:
    """What a fault in the answer to *publish* means for the post."""
    if fault.demand in {Demand.RECONCILE, Demand.UNCLEAR}:
        return Unconfirmed(str(fault), confirmed, duplicate=fault.demand is Demand.RECONCILE)
    return Refused(
        str(fault),
        permanent=fault.demand is Demand.FIX_TEXT,
        retry_after=fault.wait,
        session=fault.session if fault.demand is Demand.OWNER and fault.code != LOOKS_AUTOMATED else None,
        confirmed=confirmed,
        automated=fault.code == LOOKS_AUTOMATED,
        blocked=fault.code == BLOCKED,
    )


def read_error(fault: WireFault, what: str) -> StonechatError:
    """The error to raise where a *read* met this fault."""
    if fault.demand is Demand.OWNER and fault.session is not None:
        return trouble(fault.session, str(fault))
    if fault.demand is Demand.WAIT:
        return Transient(f"{what}: {fault}", retry_after=fault.wait, meaning="Reading waits.")
    if fault.demand is Demand.FIX_TEXT:
        return Permanent(f"{what}: {fault}")
    return Transient(f"{what}: {fault}", meaning="Nothing was read.", remedy="It is tried again.")


def trouble(state: SessionState, what: str) -> SessionTrouble:
    """A session's trouble with its meaning and the owner's next step."""
    return SessionTrouble(state, what, meaning=f"The session is {state.value}.", remedy=REMEDY.get(state, ""))
