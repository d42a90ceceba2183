"""What was planned and not published is unhealthy, however it was put off and whatever the processes say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.states import ContentState, LayerState
from stonechat.database.repositories.publishing_plan import PlannedPost
from stonechat.monitoring.outcome import AccountFlow, judge_flows

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
QUEUED = ContentState.QUEUED


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def post(
    planned: float,
    state: ContentState = QUEUED,
    *,
    due: float | None = None,
    attempts: int = 0,
    why: str = "",
) -> PlannedPost:
    """``planned`` and ``due`` in minutes ago."""
    slot = planned if due is None else due
    return PlannedPost(f"c{planned}", "x:bird", state, ago(planned), ago(slot), attempts, why)


def flow(*posts: PlannedPost, last: float | None = None, paused: str = "", session: str = "") -> AccountFlow:
    return AccountFlow("x:bird", posts, None if last is None else ago(last), paused, session)


@pytest.mark.parametrize(
    ("seen", "state", "says"),
    [
        (flow(last=60), LayerState.OK, ""),
        (flow(post(-30), last=60), LayerState.OK, ""),
        (flow(post(4)), LayerState.OK, ""),
        (flow(post(1, attempts=2, why="503")), LayerState.OK, ""),
        (flow(post(500), last=5), LayerState.OK, ""),
        (flow(post(6)), LayerState.DOWN, "nobody has tried it yet"),
        (
            flow(post(3, attempts=2, why="the button stays disabled")),
            LayerState.DOWN,
            "the button stays disabled",
        ),
        (
            flow(post(400, due=-60, attempts=9, why="its slot passed 3 h ago"), last=900),
            LayerState.DOWN,
            "1 due on x:bird and none published for 6.7 h: its slot passed 3 h ago",
        ),
        (
            flow(post(9, ContentState.AWAITING_APPROVAL)),
            LayerState.DEGRADED,
            "1 post waits for your approval",
        ),
        (
            flow(post(9, why="posting/x_web: the breaker is open: no answer")),
            LayerState.DOWN,
            "the breaker is open",
        ),
        (flow(post(9), session="expired: the log-in page came"), LayerState.OK, ""),
        (flow(post(9), paused="owner: holiday"), LayerState.OK, ""),
        (flow(post(90, ContentState.FAILED, why="too long"), last=200), LayerState.OK, ""),
        (
            flow(post(90, ContentState.FAILED), post(50, ContentState.FAILED, why="a duplicate"), last=200),
            LayerState.DEGRADED,
            "2 posts of x:bird in a row did not go out: a duplicate",
        ),
        (flow(*(post(n, ContentState.MISSED) for n in (90, 60, 30)), last=200), LayerState.DOWN, "3 posts"),
        (
            flow(post(-300, why="the rate limit is reached"), last=400),
            LayerState.DEGRADED,
            "1 put off on x:bird, the next by 5.0 h: the rate limit is reached",
        ),
        (flow(last=26 * 60), LayerState.DOWN, "nothing is planned"),
        (flow(post(-3000), last=-2000), LayerState.DOWN, "the clock stands 33.3 h before the newest post"),
    ],
)
def test_what_was_planned_and_did_not_happen_is_said_with_its_reason(
    seen: AccountFlow, state: LayerState, says: str
) -> None:
    result = judge_flows([seen], NOW, 1.0)
    assert result.state is state, result.cause
    assert says in result.cause


def test_a_pause_by_the_owner_is_shown_and_no_fault() -> None:
    result = judge_flows([flow(post(500), paused="owner: holiday")], NOW, 1.0)
    assert (result.state, result.paused) == (LayerState.OK, "x:bird by owner: holiday")


def test_one_account_that_stands_still_is_not_hidden_by_another_that_works_or_is_paused() -> None:
    for other in (flow(post(-5), last=1), flow(post(500), paused="owner: holiday")):
        assert judge_flows([other, flow(post(500))], NOW, 1.0).state is LayerState.DOWN


def test_on_a_fast_clock_the_bound_is_real_time() -> None:
    assert judge_flows([flow(post(200))], NOW, 60.0).state is LayerState.OK
    assert judge_flows([flow(post(301))], NOW, 60.0).state is LayerState.DOWN
