"""Every state change is on the list of legal ones, and the list is sound."""

from typing import Any

import pytest

from stonechat.core.errors import IllegalTransition
from stonechat.core.states import (
    AlertState,
    BreakerState,
    ContentState,
    OpportunityState,
    RunState,
    SessionState,
)
from stonechat.core.transitions import LEGAL, check_transition

KINDS = (ContentState, OpportunityState, RunState, BreakerState, SessionState, AlertState)
ALL = [state for kind in KINDS for state in kind]


def test_every_state_declares_where_it_may_go() -> None:
    assert all(set(LEGAL[kind]) == set(kind) for kind in KINDS)


@pytest.mark.parametrize("state", ALL, ids=lambda s: f"{type(s).__name__}.{s.name}")
def test_no_state_goes_to_another_kind_or_to_itself(state: Any) -> None:
    others = {other for other in type(state) if other is not state}
    assert set(LEGAL[type(state)][state]) <= others


def test_posted_is_for_ever() -> None:
    for after in ContentState:
        with pytest.raises(IllegalTransition, match="posted"):
            check_transition(ContentState.POSTED, after)


def test_an_unconfirmed_post_is_never_cancelled_or_missed() -> None:
    assert LEGAL[ContentState][ContentState.UNCONFIRMED] == {
        ContentState.POSTED,
        ContentState.QUEUED,
        ContentState.FAILED,
    }


def test_only_posting_can_lead_to_unconfirmed() -> None:
    leads = {before for before in ContentState if ContentState.UNCONFIRMED in LEGAL[ContentState][before]}
    assert leads == {ContentState.POSTING}


def test_states_of_different_kinds_do_not_mix() -> None:
    with pytest.raises(IllegalTransition):
        check_transition(ContentState.DRAFT, RunState.RUNNING)


def test_the_refusal_says_what_would_be_allowed() -> None:
    with pytest.raises(IllegalTransition) as refusal:
        check_transition(ContentState.DRAFT, ContentState.POSTED)
    assert "queued" in refusal.value.remedy


def test_kinds_that_share_a_name_keep_their_own_rules() -> None:
    check_transition(ContentState.FAILED, ContentState.QUEUED)
    with pytest.raises(IllegalTransition):
        check_transition(RunState.FAILED, RunState.RUNNING)
