"""The gate: one reason against is enough, and nothing else makes a token."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.ids import digest
from stonechat.core.model import Account, Approval, Content, ContentKind, LatePolicy, Mode
from stonechat.core.states import ContentState, SessionState
from stonechat.posting.gate import Blocked, Conditions, Go, Hold, Late, Never, decide
from stonechat.posting.limits import Limits
from stonechat.posting.publisher import publication_of

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ACCOUNT = Account("x:robin", "x_web", "robin", approval=Approval.REPLIES, late_policy=LatePolicy.MOVE)
POST = Content(
    id="a",
    account_id="x:robin",
    kind=ContentKind.SINGLE,
    state=ContentState.QUEUED,
    parts=("Hello.",),
    due_at=NOW,
    created_at=NOW,
    state_since=NOW,
)
FINE = Conditions(
    now=NOW,
    mode=Mode.LIVE,
    disabled=False,
    switches=(),
    session=SessionState.VALID,
    session_why="",
    limits=Limits(timedelta(minutes=20), 6, 30),
    grace=timedelta(hours=2),
)


def test_where_nothing_speaks_against_it_a_post_goes() -> None:
    assert isinstance(decide(POST, ACCOUNT, FINE), Go)


def test_only_the_gate_makes_a_token() -> None:
    with pytest.raises(TypeError):
        Go("a", 0, True, object())


@pytest.mark.parametrize(("mode", "click"), [(Mode.SHADOW, False), (Mode.DEMO, True), (Mode.LIVE, True)])
def test_shadow_mode_stops_before_the_click(mode: Mode, click: bool) -> None:
    go = decide(POST, ACCOUNT, replace(FINE, mode=mode))
    assert isinstance(go, Go)
    assert publication_of(replace(POST, fence=POST.fence + 1), go, {}).final_click is click


def test_a_token_for_one_claim_does_not_serve_another() -> None:
    go = decide(POST, ACCOUNT, FINE)
    assert isinstance(go, Go)
    for fence in (POST.fence, POST.fence + 2):
        with pytest.raises(ValueError, match="not for"):
            publication_of(replace(POST, fence=fence), go, {})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"disabled": True}, "POSTING_DISABLED"),
        ({"switches": ["switched off by owner: trip"]}, "trip"),
        ({"session": SessionState.LOCKED, "session_why": "look"}, "locked"),
        ({"blocked": [Blocked("browser", "it is open")]}, "browser"),
        ({"total_left": 0}, "in all"),
        ({"cooldown_until": NOW + timedelta(days=1)}, "answered lately"),
        ({"history": [NOW - timedelta(minutes=5)]}, "rate limit"),
        ({"limits": Limits(timedelta(), 6, 0)}, "zero"),
    ],
)
def test_each_reason_alone_holds_a_post(change: dict[str, object], why: str) -> None:
    verdict = decide(POST, ACCOUNT, replace(FINE, **change))  # type: ignore[arg-type]
    assert isinstance(verdict, Hold)
    assert why in verdict.why


def test_a_post_that_is_not_due_waits_for_its_slot_and_its_back_off() -> None:
    later = NOW + timedelta(minutes=7)
    assert decide(replace(POST, due_at=later), ACCOUNT, FINE) == Hold("its time has not come", later)
    assert decide(replace(POST, not_before=later), ACCOUNT, FINE) == Hold("its time has not come", later)


def test_a_reply_needs_approval_and_a_post_does_not() -> None:
    reply = replace(POST, kind=ContentKind.REPLY)
    assert decide(reply, ACCOUNT, FINE) == Hold("waits for approval")
    approved = replace(reply, approved_by="owner", approved_digest=digest("Hello."))
    assert isinstance(decide(approved, ACCOUNT, FINE), Go)


def test_a_text_that_changed_by_one_byte_after_approval_is_held() -> None:
    changed = replace(POST, parts=("Hello!",), approved_by="owner", approved_digest=digest("Hello."))
    assert decide(changed, ACCOUNT, FINE) == Hold("the text is not the one that was approved")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"too_long": [2]}, ContentState.REJECTED),
        ({"opted_out": True}, ContentState.CANCELLED),
    ],
)
def test_what_may_never_go_out_ends(change: dict[str, object], state: ContentState) -> None:
    verdict = decide(POST, ACCOUNT, replace(FINE, **change))  # type: ignore[arg-type]
    assert isinstance(verdict, Never)
    assert verdict.after is state


def test_a_late_post_moves_to_a_slot_that_no_other_post_has() -> None:
    late = replace(FINE, now=NOW + timedelta(hours=3))
    taken = [late.now + timedelta(minutes=10)]
    verdict = decide(POST, ACCOUNT, replace(late, taken=taken))
    assert isinstance(verdict, Late)
    assert verdict.to == taken[0] + timedelta(minutes=20)


def test_a_thread_that_is_partly_live_is_finished_whatever_the_hour() -> None:
    late = replace(
        FINE, now=NOW + timedelta(hours=30), started=True, history=[NOW + timedelta(hours=30)], total_left=0
    )
    for policy in LatePolicy:
        assert isinstance(decide(POST, replace(ACCOUNT, late_policy=policy), late), Go)


def test_what_a_human_holds_is_not_marked_missed_meanwhile() -> None:
    late = replace(FINE, now=NOW + timedelta(days=3), disabled=True)
    assert decide(POST, replace(ACCOUNT, late_policy=LatePolicy.MISS), late) == Hold(
        "POSTING_DISABLED is set"
    )
