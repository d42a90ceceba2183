"""Which events are told to the owner by themselves."""

from __future__ import annotations

import pytest

from stonechat.alerting.event_rules import event_finding
from stonechat.alerting.finding import CRITICAL, WARNING
from stonechat.core.events import PostReconciled, PostRefused


def test_a_post_that_nobody_can_place_pages_the_owner_with_what_to_do() -> None:
    found = event_finding(PostReconciled(account_id="x:me", content_id="c1", verdict="undecided"))
    assert found is not None and found.severity == CRITICAL and found.once
    assert "queue live c1" in found.remedy and "queue again c1" in found.remedy


def test_a_post_that_was_refused_for_good_is_told_and_a_passing_refusal_is_not() -> None:
    told = event_finding(PostRefused(account_id="x:me", content_id="c1", why="too long", permanent=True))
    assert told is not None and told.severity == WARNING and told.body == "too long"
    assert event_finding(PostRefused(account_id="x:me", content_id="c1", why="429", permanent=False)) is None


@pytest.mark.parametrize("verdict", ["posted", "absent"])
def test_what_the_reconciler_decided_itself_is_no_news(verdict: str) -> None:
    assert event_finding(PostReconciled(account_id="x:me", content_id="c1", verdict=verdict)) is None
