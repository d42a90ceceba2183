"""How the state of the whole is said to an owner: about the account, not about parts of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stonechat.core.states import LayerState, SessionState
from stonechat.dashboard.view_models import AccountLine
from stonechat.database.repositories.alerts import AlertRow
from stonechat.monitoring.health_board import HealthVerdict

SESSIONS: Mapping[SessionState, str] = {
    SessionState.VALID: "is logged in",
    SessionState.EXPIRED: "is not logged in",
    SessionState.CHALLENGED: "has to show the network who it is",
    SessionState.LOCKED: "is locked by the network",
    SessionState.SUSPENDED: "is suspended by the network",
    SessionState.RATE_LIMITED: "has to wait: the network limits it",
}

FACTORS: Mapping[str, str] = {"hour_block": "time of day"}
KINDS: Mapping[str, str] = {"single": "post"}


def headline(
    verdict: HealthVerdict, firing: Sequence[AlertRow], accounts: Sequence[AccountLine] = ()
) -> tuple[LayerState, str]:
    """State and sentence on top of the overview; all is well only where no alert fires below it."""
    if verdict.root == "session":
        said = [
            f"@{line.account.handle} {SESSIONS[line.session.state]}."
            for line in accounts
            if line.session.state is not SessionState.VALID
        ]
        if said:
            return verdict.state, " ".join(said)
    if verdict.state is LayerState.OK and firing:
        heads = [one for one in firing if one.incident_id in (None, one.id)] or list(firing)
        more = f", and {len(heads) - 1} more" if len(heads) > 1 else ""
        return LayerState.DEGRADED, f"Needs a look: {heads[0].title.rstrip('.')}{more}."
    return verdict.state, verdict.sentence


def session_said(state: SessionState) -> str:
    """``is not logged in``."""
    return SESSIONS[state]


def factor_said(factor: str) -> str:
    """``time of day`` for ``hour_block``."""
    return FACTORS.get(factor, factor.replace("_", " "))


def kind_said(kind: str) -> str:
    """``post`` for ``single``."""
    return KINDS.get(kind, kind)
