"""The state machine, step by step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.errors import IllegalTransition
from stonechat.core.states import BreakerState
from stonechat.resilience import state_machine
from stonechat.resilience.host_view import CallResult, Now, Rejection, Ticket, View
from stonechat.resilience.state_machine import BreakerPolicy
from stonechat.resilience.store import from_row, to_row

START = datetime(2026, 1, 5, tzinfo=UTC)
POLICY = BreakerPolicy(
    consecutive=3,
    first_wait=timedelta(seconds=10),
    longest_wait=timedelta(seconds=60),
    jitter=0.0,
    probe_lease=timedelta(seconds=20),
)


def at(seconds: float, *, wall: float | None = None) -> Now:
    return Now(START + timedelta(seconds=seconds if wall is None else wall), seconds)


def opened() -> View:
    view = View("b", POLICY, "host", at(0))
    for _ in range(3):
        ticket = view.admit(at(0), may_probe=False)
        assert isinstance(ticket, Ticket)
        view.settle(ticket, CallResult.FAILED, at(0), why="no answer")
    assert view.record.state is BreakerState.OPEN
    return view


def test_it_opens_and_says_why() -> None:
    assert opened().record.why == "3 failures in a row: no answer"


def test_it_refuses_until_the_wait_is_over_and_says_how_long() -> None:
    view = opened()
    assert view.admit(at(4), may_probe=True) == Rejection(timedelta(seconds=6))
    assert isinstance(view.admit(at(10), may_probe=True), Ticket)


def test_only_one_of_many_callers_is_the_probe() -> None:
    view = opened()
    answers = [view.admit(at(10), may_probe=True) for _ in range(10)]
    assert [isinstance(answer, Ticket) for answer in answers].count(True) == 1


def test_a_passed_probe_closes_it() -> None:
    view = opened()
    ticket = view.take_probe(at(10))
    assert ticket is not None
    view.settle(ticket, CallResult.PASSED, at(11))
    assert view.record.state is BreakerState.CLOSED
    assert view.record.openings == 0


def test_each_failed_probe_doubles_the_wait_up_to_the_longest() -> None:
    view = opened()
    now, waits = 0.0, [view.record.wait.total_seconds()]
    for _ in range(5):
        now += waits[-1]
        ticket = view.take_probe(at(now))
        assert ticket is not None
        view.settle(ticket, CallResult.FAILED, at(now))
        waits.append(view.record.wait.total_seconds())
    assert waits == [10, 20, 40, 60, 60, 60]


def test_a_hung_probe_counts_as_a_failed_probe() -> None:
    view = opened()
    ticket = view.take_probe(at(10))
    assert ticket is not None
    assert view.take_probe(at(29)) is None
    view.expire(at(30))
    assert view.record.state is BreakerState.OPEN
    assert view.record.why == "the probe did not end within its time"


def test_the_late_result_of_a_lost_probe_changes_nothing() -> None:
    view = opened()
    lost = view.take_probe(at(10))
    assert lost is not None
    view.expire(at(30))
    view.settle(lost, CallResult.PASSED, at(31))
    assert view.record.state is BreakerState.OPEN


def test_a_cancelled_probe_is_given_back_and_the_next_may_start_at_once() -> None:
    view = opened()
    ticket = view.take_probe(at(10))
    assert ticket is not None
    view.settle(ticket, CallResult.CANCELLED, at(11))
    assert view.take_probe(at(11)) is not None
    assert view.record.openings == 1


def test_the_late_failure_of_an_older_call_changes_nothing() -> None:
    view = View("b", POLICY, "host", at(0))
    late = [view.admit(at(0), may_probe=False) for _ in range(6)]
    for ticket in late[:3]:
        assert isinstance(ticket, Ticket)
        view.settle(ticket, CallResult.FAILED, at(1))
    probe = view.take_probe(at(11))
    assert probe is not None
    view.settle(probe, CallResult.PASSED, at(12))
    for ticket in late[3:]:
        assert isinstance(ticket, Ticket)
        view.settle(ticket, CallResult.FAILED, at(13))
    assert view.record.state is BreakerState.CLOSED


def test_a_clock_set_back_by_a_day_does_not_prolong_the_wait() -> None:
    view = opened()
    assert view.take_probe(at(10, wall=-86_400)) is not None


def test_a_restarted_host_does_not_begin_the_wait_again() -> None:
    record = opened().record
    restarted = View("b", POLICY, "host", at(0, wall=12))
    restarted.adopt(record, at(0, wall=12))
    assert restarted.take_probe(at(0, wall=12)) is not None


def test_another_hosts_probe_is_not_lost_because_our_clock_is_ahead() -> None:
    theirs = opened()
    theirs.take_probe(at(10))
    ours = View("b", POLICY, "other", at(10, wall=50))
    ours.adopt(theirs.record, at(10, wall=50))
    ours.expire(at(12, wall=52))
    assert ours.record.state is BreakerState.HALF_OPEN


def test_a_dead_hosts_probe_is_taken_over_after_its_lease() -> None:
    theirs = opened()
    theirs.take_probe(at(10))
    ours = View("b", POLICY, "other", at(10))
    ours.adopt(theirs.record, at(10))
    ours.expire(at(31))
    assert ours.record.state is BreakerState.OPEN
    assert ours.take_probe(at(51)) is not None


@pytest.mark.parametrize("state", [BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED])
def test_a_forced_breaker_stays_as_it_was_forced_until_reset(state: BreakerState) -> None:
    view = View("b", POLICY, "host", at(0))
    by_hand = state_machine.forced(view.record, state, who="owner", why="maintenance", at=at(0).wall)
    view.adopt(by_hand, at(0))
    for second in range(20):
        ticket = view.admit(at(second), may_probe=True)
        assert isinstance(ticket, Ticket) is (state is BreakerState.FORCED_CLOSED)
        if isinstance(ticket, Ticket):
            view.settle(ticket, CallResult.FAILED, at(second))
    assert view.record.state is state
    assert view.record.who == "owner"
    view.adopt(state_machine.reset(view.record, who="owner", why="done", at=at(30).wall), at(30))
    assert view.record.state is BreakerState.CLOSED


def test_resetting_an_open_breaker_makes_the_next_probe_due_now() -> None:
    view = opened()
    view.adopt(state_machine.reset(view.record, who="owner", why="fixed", at=at(1).wall), at(1))
    assert view.take_probe(at(1)) is not None


def test_a_closed_breaker_cannot_become_half_open() -> None:
    view = View("b", POLICY, "host", at(0))
    with pytest.raises(IllegalTransition):
        state_machine.probe_taken(view.record, state_machine.Probe("p", "host", START), at=START)


def test_a_record_survives_being_stored() -> None:
    view = opened()
    assert from_row(to_row(view.record)) == view.record
    view.take_probe(at(10))
    assert from_row(to_row(view.record)) == view.record


def test_a_probe_that_is_due_and_not_taken_is_seen() -> None:
    view = opened()
    assert view.overdue(at(9)) == timedelta()
    assert view.overdue(at(70)) == timedelta(seconds=60)


def test_a_success_never_opens_it_however_many_failed_before() -> None:
    view = View("b", replace(POLICY, consecutive=99, minimum_calls=4), "host", at(0))
    for second, result in enumerate([CallResult.FAILED] * 3 + [CallResult.PASSED] * 3):
        ticket = view.admit(at(second), may_probe=False)
        assert isinstance(ticket, Ticket)
        view.settle(ticket, result, at(second))
        assert view.record.state is BreakerState.CLOSED


def test_closing_forgets_the_failures_of_before() -> None:
    view = opened()
    probe = view.take_probe(at(10))
    assert probe is not None
    view.settle(probe, CallResult.PASSED, at(11))
    assert view.counts(at(11)).calls == 0
    for second in (12, 13):
        ticket = view.admit(at(second), may_probe=False)
        assert isinstance(ticket, Ticket)
        view.settle(ticket, CallResult.FAILED, at(second))
    assert view.record.state is BreakerState.CLOSED


def test_it_has_been_open_since_it_first_opened_however_often_it_was_probed() -> None:
    view, now = opened(), 0.0
    for _ in range(5):
        now += view.record.wait.total_seconds()
        ticket = view.take_probe(at(now))
        assert ticket is not None
        assert view.record.opened_at == START
        view.settle(ticket, CallResult.FAILED, at(now))
        assert view.record.opened_at == START
    ticket = view.take_probe(at(now + 60))
    assert ticket is not None
    view.settle(ticket, CallResult.PASSED, at(now + 61))
    assert view.record.opened_at is None


def test_a_forced_breaker_counts_from_when_it_was_forced_open_and_ends_with_the_reset() -> None:
    began, ended = START + timedelta(seconds=5), START + timedelta(seconds=30)
    closed = state_machine.fresh("b", START)
    forced = state_machine.forced(closed, BreakerState.FORCED_OPEN, who="owner", why="maintenance", at=began)
    assert forced.opened_at == began
    assert from_row(to_row(forced)) == forced
    assert state_machine.reset(forced, who="owner", why="done", at=ended).opened_at is None
