"""The joint linear bandit: what it learns, how it forgets, how it draws."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stonechat.learning.arms import ArmSpace
from stonechat.learning.bandit import LinearThompson, Tuning

FACTORS = {"topic": ("sleep", "light", "food"), "hook": ("question", "fact")}
SPACE = ArmSpace.of(FACTORS)


def taught(posts: int, seed: int = 1, bonus: float = 1.0) -> LinearThompson:
    """A bandit that saw ``posts`` random posts in which questions earn ``bonus`` more."""
    bandit, rng = LinearThompson(SPACE), random.Random(seed)
    for _ in range(posts):
        arm = {factor: rng.choice(levels) for factor, levels in FACTORS.items()}
        bandit.update(arm, 3.0 + bonus * (arm["hook"] == "question") + rng.gauss(0, 0.5))
    return bandit


def test_the_better_level_is_chosen_more_and_more() -> None:
    bandit, rng = taught(150), random.Random(2)
    hooks = Counter(bandit.choose(rng)[0]["hook"] for _ in range(200))
    assert hooks["question"] > 180


def test_an_untaught_bandit_chooses_every_level() -> None:
    bandit, rng = LinearThompson(SPACE), random.Random(3)
    drawn = Counter(tuple(bandit.choose(rng)[0].values()) for _ in range(1200))
    assert len(drawn) == SPACE.count
    assert max(drawn.values()) < 3 * min(drawn.values())


def test_the_effect_it_finds_is_the_true_one() -> None:
    bandit = taught(400)
    at = SPACE.positions
    found = bandit.mean[at["hook", "question"]] - bandit.mean[at["hook", "fact"]]
    assert found == pytest.approx(1.0, abs=0.2)
    assert bandit.noise == pytest.approx(0.25, rel=0.5)


def test_a_jump_of_the_level_is_followed_and_effects_survive_it() -> None:
    bandit, rng = taught(200), random.Random(5)
    for _ in range(80):
        arm = {factor: rng.choice(levels) for factor, levels in FACTORS.items()}
        bandit.update(arm, 6.0 + (arm["hook"] == "question") + rng.gauss(0, 0.5))
    assert bandit.foresee({"topic": "food", "hook": "fact"}, 6.0).expected == pytest.approx(6.0, abs=0.5)
    at = SPACE.positions
    assert bandit.mean[at["hook", "question"]] - bandit.mean[at["hook", "fact"]] > 0.6


def test_what_is_not_confirmed_fades_towards_the_prior() -> None:
    bandit = taught(100)
    place = SPACE.positions["hook", "question"]
    before, known = abs(bandit.mean[place]), bandit.covariance[place, place]
    for _ in range(2000):
        bandit._pass_one_post()
    assert abs(bandit.mean[place]) < 0.05 * before
    assert known < bandit.covariance[place, place] <= Tuning().tau ** 2 + 1e-9


def test_an_outlier_counts_as_far_as_the_clip_and_no_further() -> None:
    far, farther = taught(50), taught(50)
    arm = {"topic": "sleep", "hook": "fact"}
    assert far.update(arm, 1e3).z > 100
    farther.update(arm, 1e9)
    assert np.array_equal(far.mean, farther.mean)
    assert far.noise == farther.noise


def test_a_reward_that_is_not_a_number_is_refused_and_changes_nothing() -> None:
    bandit = taught(10)
    before = bandit.mean.copy()
    with pytest.raises(ValueError, match="finite"):
        bandit.update({"topic": "sleep"}, math.nan)
    assert np.array_equal(before, bandit.mean)


def test_the_propensity_is_close_to_how_often_the_arm_is_really_drawn() -> None:
    bandit, rng = taught(60, bonus=0.3), random.Random(8)
    counted: Counter[tuple[str, ...]] = Counter()
    said: dict[tuple[str, ...], list[float]] = {}
    for _ in range(4000):
        arm, propensity = bandit.choose(rng)
        counted[tuple(arm.values())] += 1
        said.setdefault(tuple(arm.values()), []).append(propensity)
    frequent = counted.most_common(3)
    assert len(frequent) == 3
    for arm_levels, times in frequent:
        estimate = sum(said[arm_levels]) / len(said[arm_levels])
        assert estimate == pytest.approx(times / 4000, abs=0.1)
    propensities = [p for ps in said.values() for p in ps]
    assert len(propensities) == 4000
    assert all(0 < p <= 1 for p in propensities)


def test_context_explains_what_is_not_the_arms_merit() -> None:
    space = ArmSpace.of(FACTORS, context=("weekend",))
    bandit, rng = LinearThompson(space), random.Random(4)
    for _ in range(300):
        arm = {factor: rng.choice(levels) for factor, levels in FACTORS.items()}
        weekend = float(arm["hook"] == "fact" or rng.random() < 0.3)  # facts happen to fall on weekends
        bandit.update(arm, 3.0 + 2.0 * weekend + rng.gauss(0, 0.3), {"weekend": weekend})
    assert bandit.mean[1] == pytest.approx(2.0, abs=0.4)
    at = space.positions
    assert abs(bandit.mean[at["hook", "fact"]] - bandit.mean[at["hook", "question"]]) < 0.4


def test_a_new_level_starts_at_its_prior_and_the_rest_is_kept() -> None:
    bandit = taught(100)
    grown = bandit.resized(SPACE.revised({"topic": ("sleep", "stress"), "hook": ("question", "fact")}))
    assert grown.mean[: SPACE.size].tolist() == bandit.mean.tolist()
    assert grown.mean[-1] == 0.0
    assert grown.covariance[-1, -1] == pytest.approx(Tuning().tau ** 2)
    rng = random.Random(1)
    assert {grown.choose(rng)[0]["topic"] for _ in range(100)} == {"sleep", "stress"}


def test_late_rewards_of_a_retired_level_are_still_learned() -> None:
    bandit = LinearThompson(SPACE.revised({"topic": ("sleep",), "hook": ("question", "fact")}))
    bandit.update({"topic": "food", "hook": "fact"}, 9.0)
    assert bandit.mean[SPACE.positions["topic", "food"]] > 0


def test_an_arm_with_levels_never_offered_teaches_the_rest() -> None:
    bandit = LinearThompson(SPACE)
    bandit.update({"topic": "unheard of", "hook": "fact"}, 5.0)
    assert bandit.mean[0] > 4


def test_a_warm_prior_is_where_effects_start_and_revert_to() -> None:
    bandit = LinearThompson(SPACE, prior={("hook", "fact"): 0.4})
    place = SPACE.positions["hook", "fact"]
    assert bandit.mean[place] == 0.4
    bandit.update({"topic": "sleep", "hook": "fact"}, -20.0)
    for _ in range(3000):
        bandit._pass_one_post()
    assert bandit.mean[place] == pytest.approx(0.4, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(FACTORS["topic"]),
            st.sampled_from(FACTORS["hook"]),
            st.floats(-1e6, 1e6, allow_nan=False),
        ),
        max_size=120,
    )
)
def test_whatever_the_rewards_the_state_stays_finite_symmetric_and_positive_definite(
    rewards: list[tuple[str, str, float]],
) -> None:
    bandit = LinearThompson(SPACE)
    for topic, hook, reward in rewards:
        bandit.update({"topic": topic, "hook": hook}, reward)
    assert np.isfinite(bandit.mean).all()
    assert np.array_equal(bandit.covariance, bandit.covariance.T)
    np.linalg.cholesky(bandit.covariance)
    assert bandit.noise > 0


@pytest.mark.parametrize("factors", [{}, {"topic": ()}, {"topic": ("a", "a")}])
def test_arms_that_leave_nothing_to_choose_are_refused(factors: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        ArmSpace.of(factors)
