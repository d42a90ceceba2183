"""Which changes of state are legal.

Each change goes through :func:`check_transition`; the repositories call it, so no row can
change state any other way, and each change is appended to the ``state_history`` table.
"""

from __future__ import annotations

from collections.abc import Mapping

from stonechat.core.errors import IllegalTransition
from stonechat.core.states import (
    AlertState,
    BreakerState,
    ContentState,
    OpportunityState,
    RunState,
    SessionState,
)

State = ContentState | OpportunityState | RunState | BreakerState | SessionState | AlertState

_C, _O, _R, _B, _A = ContentState, OpportunityState, RunState, BreakerState, AlertState

_CONTENT: Mapping[State, frozenset[State]] = {
    _C.DRAFT: frozenset({_C.AWAITING_APPROVAL, _C.QUEUED, _C.REJECTED, _C.CANCELLED}),
    _C.AWAITING_APPROVAL: frozenset({_C.QUEUED, _C.REJECTED, _C.MISSED, _C.CANCELLED}),
    _C.QUEUED: frozenset({_C.POSTING, _C.AWAITING_APPROVAL, _C.REJECTED, _C.MISSED, _C.CANCELLED}),
    # posting → queued only while the attempt is proven not to have reached the final click
    _C.POSTING: frozenset({_C.POSTED, _C.UNCONFIRMED, _C.QUEUED, _C.FAILED, _C.CANCELLED}),
    _C.UNCONFIRMED: frozenset({_C.POSTED, _C.QUEUED, _C.FAILED}),
    _C.POSTED: frozenset(),
    _C.FAILED: frozenset({_C.QUEUED, _C.CANCELLED}),
    _C.REJECTED: frozenset(),
    _C.MISSED: frozenset({_C.QUEUED, _C.CANCELLED}),
    _C.CANCELLED: frozenset(),
}

_OPPORTUNITY: Mapping[State, frozenset[State]] = {
    _O.FOUND: frozenset({_O.CLAIMED, _O.SKIPPED, _O.EXPIRED}),
    _O.CLAIMED: frozenset({_O.REPLIED, _O.SKIPPED, _O.FOUND, _O.EXPIRED}),
    _O.REPLIED: frozenset(),
    _O.SKIPPED: frozenset(),
    _O.EXPIRED: frozenset(),
}

_RUN: Mapping[State, frozenset[State]] = {
    _R.SCHEDULED: frozenset({_R.RUNNING, _R.SKIPPED, _R.ABANDONED}),
    _R.RUNNING: frozenset({_R.SUCCEEDED, _R.FAILED, _R.TIMED_OUT, _R.ABANDONED, _R.SKIPPED}),
    _R.SUCCEEDED: frozenset(),
    _R.FAILED: frozenset(),
    _R.TIMED_OUT: frozenset(),
    _R.ABANDONED: frozenset({_R.RUNNING}),  # taken over by another host
    _R.SKIPPED: frozenset(),
}

_BREAKER: Mapping[State, frozenset[State]] = {
    _B.CLOSED: frozenset({_B.OPEN, _B.FORCED_OPEN, _B.FORCED_CLOSED}),
    _B.OPEN: frozenset(_B) - {_B.OPEN, _B.CLOSED},
    _B.HALF_OPEN: frozenset(_B) - {_B.HALF_OPEN},
    _B.FORCED_OPEN: frozenset(_B) - {_B.FORCED_OPEN},
    _B.FORCED_CLOSED: frozenset(_B) - {_B.FORCED_CLOSED},
}

_ALERT: Mapping[State, frozenset[State]] = {
    _A.INACTIVE: frozenset({_A.PENDING, _A.FIRING}),
    _A.PENDING: frozenset({_A.FIRING, _A.INACTIVE}),
    _A.FIRING: frozenset({_A.RESOLVED}),
    _A.RESOLVED: frozenset({_A.PENDING, _A.FIRING, _A.INACTIVE}),
}

LEGAL: Mapping[type[State], Mapping[State, frozenset[State]]] = {
    ContentState: _CONTENT,
    OpportunityState: _OPPORTUNITY,
    RunState: _RUN,
    BreakerState: _BREAKER,
    SessionState: {state: frozenset(SessionState) - {state} for state in SessionState},
    AlertState: _ALERT,
}
"""For every kind of state and every state, the states it may change to.

By kind first: states of different kinds may share a name (``failed``, ``expired``).
"""

FINAL_CONTENT = frozenset({_C.POSTED, _C.REJECTED, _C.CANCELLED})
"""Content in these states never changes again."""


def check_transition(before: State, after: State) -> None:
    """Refuse an illegal change.

    Raises:
        IllegalTransition: when ``before → after`` is not in ``LEGAL``.
    """
    legal = LEGAL[type(before)][before]
    if type(before) is not type(after) or after not in legal:
        allowed = ", ".join(sorted(legal)) or "nothing: it is final"
        raise IllegalTransition(
            f"{type(before).__name__} cannot go from {before.value!r} to {after.value!r}.",
            meaning="The change was refused and nothing was written.",
            remedy=f"Allowed from here: {allowed}.",
        )
