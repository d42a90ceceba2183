"""Versions: the stored model is the model, replay gives the same bits, bad versions do not serve."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from stonechat.learning.model_registry import Lesson, Model, decode, encode, faults, replayed

FACTORS = {"topic": ("sleep", "light", "food"), "hook": ("question", "fact")}
LATER = {"topic": ("sleep", "stress"), "hook": ("question", "fact", "story")}


def lessons(count: int, first: int = 1, seed: int = 1, shift: float = 3.0) -> list[Lesson]:
    rng = random.Random(seed)
    return [
        Lesson(
            first + 2 * at,
            {factor: rng.choice(levels) for factor, levels in FACTORS.items()},
            shift + rng.gauss(0, 1),
        )
        for at in range(count)
    ]


def test_a_stored_model_reads_back_bit_for_bit() -> None:
    model, _ = Model.new(FACTORS).learned(lessons(70))
    assert encode(decode(encode(model))) == encode(model)
    assert np.array_equal(decode(encode(model)).bandit.covariance, model.bandit.covariance)


def test_the_reward_log_replays_to_the_same_bits_in_whatever_batches_it_was_learned() -> None:
    log = lessons(90)
    model = Model.new(FACTORS, prior={("hook", "fact"): 0.1})
    for start in range(0, 90, 7):
        model, _ = decode(encode(model)).learned(log[start : start + 7])
    assert encode(replayed(model, log)) == encode(model)


def test_replay_follows_every_change_of_the_arms() -> None:
    log = lessons(60)
    model, _ = Model.new(FACTORS).learned(log[:20])
    model, _ = model.with_arms(LATER).learned(log[20:45])
    model, _ = model.with_arms(FACTORS).learned(log[45:])
    assert encode(replayed(model, log)) == encode(model)
    assert ("topic", "stress") in model.bandit.space.known


def test_replay_does_not_depend_on_the_order_of_an_arms_factors() -> None:
    log = lessons(40)
    turned = [Lesson(x.id, dict(reversed(list(x.arm.items()))), x.value) for x in log]
    model, _ = Model.new(FACTORS).learned(log)
    assert encode(replayed(model, turned)) == encode(model)


def test_learning_the_same_lines_again_changes_nothing() -> None:
    log = lessons(30)
    once, _ = Model.new(FACTORS).learned(log)
    twice, surprises = once.learned(log)
    assert encode(twice) == encode(once)
    assert surprises == []


def test_learning_leaves_the_serving_model_alone() -> None:
    serving, _ = Model.new(FACTORS).learned(lessons(30))
    before = encode(serving)
    serving.learned(lessons(30, first=1001))
    serving.with_arms(LATER)
    assert encode(serving) == before


def test_a_good_batch_has_no_faults() -> None:
    serving, _ = Model.new(FACTORS).learned(lessons(60))
    batch = lessons(20, first=1001, seed=7)
    candidate, surprises = serving.learned(batch)
    assert faults(candidate, serving, batch, surprises) == []


def test_a_real_jump_of_the_level_is_learned_not_rejected() -> None:
    serving, _ = Model.new(FACTORS).learned(lessons(60))
    batch = lessons(20, first=1001, seed=7, shift=8.0)
    candidate, surprises = serving.learned(batch)
    assert faults(candidate, serving, batch, surprises) == []


def test_a_candidate_that_predicts_much_worse_is_rejected() -> None:
    serving, _ = Model.new(FACTORS).learned(lessons(60))
    batch = lessons(20, first=1001, seed=7)
    candidate, surprises = serving.learned(batch)
    worse = [replace(surprise, deviation=8 * surprise.deviation) for surprise in surprises]
    found = faults(candidate, serving, batch, worse)
    assert any("predicts the new rewards worse" in fault for fault in found)


def test_rewards_that_contradict_each_other_at_absurd_sizes_are_rejected() -> None:
    serving, _ = Model.new(FACTORS).learned(lessons(60))
    mad = [replace(x, value=80.0 * (-1) ** at) for at, x in enumerate(lessons(20, first=1001))]
    candidate, surprises = serving.learned(mad)
    assert any("deviations off" in fault for fault in faults(candidate, serving, mad, surprises))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda bandit: bandit.mean.__setitem__(2, np.nan), "not finite"),
        (lambda bandit: bandit.covariance.__setitem__((3, 3), -1.0), "positive definite"),
        (lambda bandit: setattr(bandit, "noise", 1e9), "noise variance"),
        (lambda bandit: bandit.mean.__setitem__(2, 90.0), "more than 50"),
    ],
)
def test_a_broken_state_is_rejected(harm, said: str) -> None:  # type: ignore[no-untyped-def]
    serving, _ = Model.new(FACTORS).learned(lessons(40))
    candidate = serving.copy()
    harm(candidate.bandit)
    assert any(said in fault for fault in faults(candidate, serving, [], []))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("mean"),
        lambda body: body.update(format=99),
        lambda body: body.update(schema="0" * 16),
        lambda body: body["mean"].pop(),
        lambda body: body["covariance"].pop(),
        lambda body: body["tuning"].update(unheard=1),
    ],
)
def test_a_body_that_does_not_fit_is_refused(spoil) -> None:  # type: ignore[no-untyped-def]
    body = json.loads(encode(Model.new(FACTORS)))
    spoil(body)
    with pytest.raises(ValueError, match=r"model|schema|size|shape|broadcast"):
        decode(json.dumps(body))


def test_text_that_is_not_json_is_refused_as_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        decode("not a model")
