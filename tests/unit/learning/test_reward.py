"""Rewards: what a matured post is worth, and why some posts teach nothing."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.model import Metrics, Snapshot
from stonechat.learning.reward import Gates, MaturedPost, Pending, RewardJudgement, Weights, engagement, judge

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
POST = MaturedPost("x:me", "c1", "100", START)
GATES = Gates()


def shot(hours: float, likes: int | None = 0, views: int | None = 500, post_id: str = "100") -> Snapshot:
    metrics = Metrics(likes=likes, reposts=0, replies=0, views=views)
    return Snapshot("x:me", post_id, "c1", START + timedelta(hours=hours), metrics, "wire")


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def value(verdict: RewardJudgement | Pending) -> float:
    assert isinstance(verdict, RewardJudgement)
    assert verdict.reward.value is not None
    return verdict.reward.value


def refusal(verdict: RewardJudgement | Pending) -> str:
    assert isinstance(verdict, RewardJudgement)
    assert verdict.reward.value is None
    return verdict.reward.refused


def test_a_post_is_not_judged_before_it_is_mature() -> None:
    verdict = judge(POST, [shot(10, 5)], GATES, at(47.9))
    assert verdict == Pending("not mature")


def test_the_first_reading_at_maturity_is_the_reward() -> None:
    verdict = judge(POST, [shot(48, 99), shot(72, 500)], GATES, at(80))
    assert value(verdict) == pytest.approx(math.log(100))


def test_a_reading_before_and_one_after_are_interpolated_to_maturity() -> None:
    verdict = judge(POST, [shot(60, 200, 2000), shot(36, 100, 1000)], GATES, at(61))
    assert value(verdict) == pytest.approx(math.log1p(150))
    assert isinstance(verdict, RewardJudgement)
    assert verdict.views == 1500


def test_a_mature_post_without_a_reading_waits_and_is_refused_after_the_patience() -> None:
    assert isinstance(judge(POST, [shot(20, 5)], GATES, at(60)), Pending)
    assert "no complete reading" in refusal(judge(POST, [shot(20, 5)], GATES, at(48 + 121)))


def test_an_incomplete_reading_is_not_taken_for_zero() -> None:
    assert isinstance(judge(POST, [shot(49, None)], GATES, at(60)), Pending)
    assert value(judge(POST, [shot(49, None), shot(50, 9)], GATES, at(60))) == pytest.approx(math.log(10))


def test_too_few_impressions_are_refused_with_the_number() -> None:
    assert refusal(judge(POST, [shot(48, 3, 19)], GATES, at(49))) == "19 impressions, fewer than 20"


def test_unknown_impressions_are_judged_by_engagement() -> None:
    assert value(judge(POST, [shot(48, 1, None)], GATES, at(49))) == pytest.approx(math.log(2))
    assert "never have been seen" in refusal(judge(POST, [shot(48, 0, None)], GATES, at(49)))


def test_a_post_that_was_learned_is_refused_by_its_id() -> None:
    assert refusal(judge(POST, [shot(48, 9)], GATES, at(49), learned={"100"})) == "already learned"


def test_snapshots_of_other_posts_are_ignored() -> None:
    assert isinstance(judge(POST, [shot(48, 9, post_id="101")], GATES, at(49)), Pending)


counts = st.integers(0, 10_000_000)


@given(counts, counts, counts, st.none() | counts, st.none() | counts)
def test_more_of_anything_is_never_worth_less(a: int, b: int, c: int, d: int | None, e: int | None) -> None:
    less = engagement(Metrics(a, b, c, d, e), Weights())
    more = engagement(Metrics(a + 1, b + 1, c + 1, (d or 0) + 1, (e or 0) + 1), Weights())
    assert less is not None
    assert more is not None
    assert 0 <= less < more


@given(
    st.lists(st.tuples(st.floats(0, 96), counts), min_size=1, max_size=8, unique_by=lambda p: round(p[0], 3))
)
def test_a_reward_lies_between_its_neighbouring_readings(points: list[tuple[float, int]]) -> None:
    points = sorted(points)
    likes = sorted(count for _, count in points)  # counts only grow
    shots = [shot(hours, count) for (hours, _), count in zip(points, likes, strict=True)]
    verdict = judge(POST, shots, GATES, at(100))
    if points[-1][0] < 48:
        assert isinstance(verdict, Pending)
    else:
        assert math.log1p(likes[0]) - 1e-9 <= value(verdict) <= math.log1p(likes[-1]) + 1e-9
