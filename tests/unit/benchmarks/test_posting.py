"""The arithmetic of ``bench posting``; the bench itself is run by hand, since it takes minutes."""

import math

from benchmarks.posting.measures import QUICK, per_minute, quantile, result, size_of
from benchmarks.posting.order import Answer, BenchOrder


def test_posts_per_minute_are_counted_between_the_first_and_the_last() -> None:
    assert per_minute([{"real_at": 10.0}, {"real_at": 12.0}, {"real_at": 11.0}]) == 60.0


def test_a_quantile_of_nothing_meets_no_goal() -> None:
    assert quantile([1.0, 2.0, 3.0], 0.99) == 3.0
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert quantile([], 0.5) == math.inf


def test_a_row_has_a_ratio_only_where_there_is_a_peer() -> None:
    assert result("x", 9.0, 10.0, ">= 0.9 x", met=True)["ratio"] == 0.9
    assert result("x", 9.0, None, None, met=None)["ratio"] is None


def test_the_whole_size_is_two_hundred_posts_at_once_and_twenty_kills() -> None:
    whole = size_of(200)
    assert (whole.due_at_once, whole.kills, whole.on_time) == (200, 20, 100)
    assert QUICK.due_at_once < 200


def test_orders_and_answers_arrive_as_they_were_given() -> None:
    order = BenchOrder("recover", "/x", "http://x", "http://m", {"a": "b"}, kills=2, targets=("page",))
    answer = Answer([("text", 1.5)], {"page": [0.5]}, ["late"])
    assert BenchOrder.from_json(order.to_json()) == order
    assert Answer.from_json(answer.to_json()) == answer
