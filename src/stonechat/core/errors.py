"""Errors, named by what the caller does about them.

::

    StonechatError
    ├── ConfigError          fix the settings; the process refuses to start (exit 78)
    ├── Transient            try again, after ``retry_after`` when it is given
    │   └── NotTried         nothing was tried: what it needs is busy or shut, and speaks for itself
    ├── Permanent            do not try again; something must be changed first
    │   ├── NotFound         no such thing: name another
    │   ├── Conflict         the state that it is in does not allow this
    │   ├── InvalidInput     what was given is not of the form that is asked for
    │   ├── SessionTrouble   the owner must act: expired, challenged, locked, suspended …
    │   └── PageChanged      the site moved a selector or a path that we read
    ├── Unknown              it may have happened; find out before anything else
    └── IllegalTransition    our own bug: a state change that the tables forbid

Every error says three things: what happened, what it means for the account, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from stonechat.core.states import SessionState


class StonechatError(Exception):
    """What happened (``what``), what it means for the account (``meaning``), what to do (``remedy``)."""

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.meaning, self.remedy) if part)


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One bad setting: its name, what is wrong, the form expected, the nearest known name if any."""

    name: str
    problem: str
    expected: str = ""
    nearest: str | None = None


class ConfigError(StonechatError):
    """One or more settings are missing or malformed; ``faults`` names them all at once."""

    exit_code = 78  # EX_CONFIG in sysexits.h

    def __init__(self, faults: tuple[ConfigFault, ...]) -> None:
        super().__init__(
            f"{len(faults)} setting{'s' if len(faults) != 1 else ''} cannot be used.",
            meaning="Nothing was started.",
            remedy="Correct them and start again; `stonechat doctor` checks without starting.",
        )
        self.faults = faults


class Transient(StonechatError):
    """Worth another try, after ``retry_after`` (real time) where the other side named a wait."""

    def __init__(
        self,
        what: str,
        *,
        meaning: str = "",
        remedy: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.retry_after = retry_after


class NotTried(Transient):
    """Nothing was tried: what the call needs is busy, down, or behind an open breaker.

    That resource reports its own trouble in its health and breaker, so a breaker further up does not count
    this as a failure of what it guards.
    """


class Permanent(StonechatError):
    """Will fail the same way until something is changed."""


class NotFound(Permanent):
    """There is no such thing: nobody knows that name or id."""


class Conflict(Permanent):
    """The state that the thing is in does not allow this."""


class InvalidInput(Permanent):
    """What was given is not of the form that is asked for, or breaks a rule."""


class SessionTrouble(Permanent):
    """The network does not accept the account's session; ``state`` tells which way."""

    def __init__(self, state: SessionState, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.state = state


class PageChanged(Permanent):
    """A selector or a wire path that we read is no longer there; ``missing`` names it."""

    def __init__(self, missing: str, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.missing = missing


class Unknown(StonechatError):
    """The effect may or may not have happened: reconcile, never simply repeat."""


class IllegalTransition(StonechatError):
    """A state change that the state tables forbid: a bug of ours, never swallowed."""
