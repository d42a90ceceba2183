"""Who goes first: priority, then age, and nobody starves."""

import asyncio
import random

import pytest

from stonechat.browser.account_context import LeasePriority
from stonechat.browser.waiting import Waiter, next_waiter, to_give_way


@pytest.fixture
def waiter() -> object:
    loop = asyncio.new_event_loop()

    def make(account: str, priority: LeasePriority, since: float = 0.0) -> Waiter:
        return Waiter(account, priority, "task", since, loop.create_future())

    yield make
    loop.close()


def test_a_post_goes_before_everything_else(waiter) -> None:  # type: ignore[no-untyped-def]
    waiting = [waiter(str(priority), priority) for priority in reversed(LeasePriority)]

    chosen = next_waiter(waiting, (), now=1.0, ageing=10.0)

    assert chosen is not None
    assert chosen.priority is LeasePriority.POST


def test_of_two_equals_the_one_that_came_first_goes_first(waiter) -> None:  # type: ignore[no-untyped-def]
    late, early = waiter("late", LeasePriority.REPLY, 5.0), waiter("early", LeasePriority.REPLY, 1.0)

    assert next_waiter([late, early], (), now=6.0, ageing=10.0) is early


def test_an_account_in_use_waits_for_itself_and_holds_nobody_up(waiter) -> None:  # type: ignore[no-untyped-def]
    mine, other = waiter("mine", LeasePriority.POST), waiter("other", LeasePriority.HARVEST)

    assert next_waiter([mine, other], {"mine"}, now=1.0, ageing=10.0) is other
    assert next_waiter([mine], {"mine"}, now=1.0, ageing=10.0) is None


def test_a_harvest_that_waited_long_enough_goes_before_a_fresh_post(waiter) -> None:  # type: ignore[no-untyped-def]
    old, fresh = waiter("old", LeasePriority.HARVEST, 0.0), waiter("fresh", LeasePriority.POST, 40.0)

    assert next_waiter([old, fresh], (), now=40.0, ageing=10.0) is old


def test_nobody_starves_under_a_stream_of_posts(waiter) -> None:  # type: ignore[no-untyped-def]
    ageing = 10.0
    rng = random.Random(4)
    waiting = [waiter("patient", LeasePriority.HARVEST, 0.0)]
    served_at = None
    for second in range(200):
        waiting += [
            waiter(f"{second}-{n}", LeasePriority.POST, float(second)) for n in range(rng.randint(1, 2))
        ]
        chosen = next_waiter(waiting, (), now=float(second), ageing=ageing)
        assert chosen is not None
        waiting.remove(chosen)
        if chosen.account_id == "patient":
            served_at = second
            break

    # Three steps of priority are worth thirty seconds; what queued before then is served before it.
    assert served_at is not None
    assert 15 <= served_at <= 60


def test_a_full_queue_gives_way_only_to_something_more_urgent(waiter) -> None:  # type: ignore[no-untyped-def]
    waiting = [waiter("a", LeasePriority.METRICS, 0.0), waiter("b", LeasePriority.HARVEST, 1.0)]

    assert to_give_way(waiting, LeasePriority.POST, now=2.0, ageing=10.0) is waiting[1]
    assert to_give_way(waiting, LeasePriority.HARVEST, now=2.0, ageing=10.0) is None
    assert to_give_way([], LeasePriority.POST, now=2.0, ageing=10.0) is None
