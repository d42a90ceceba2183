"""Chooses an arm for one slot: holdout or model, with a minimum probability for new levels.

A coin with known probability ``share`` decides whether the arm is drawn uniformly (the holdout) or by
the model. Levels that are *new* (the owner has just added them) are kept at a floor until they are
proven: a draw that holds one counts with probability ``FLOOR`` and is else repeated. The repetition
stays on its side of the coin, so the coin keeps its probability and uplift stays unbiased.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

from stonechat.core.model import Arm, Choice
from stonechat.learning.bandit import LinearThompson

FLOOR = 0.25
"""Share of the draws of a new level that count."""


@dataclass(frozen=True, slots=True)
class ArmPolicy:
    """Chooses arms with one version of a model.

    Attributes:
        share: probability of the holdout, 0 to 1.
        new: (factor, level) pairs that are held at the floor.
    """

    bandit: LinearThompson
    version: int
    share: float
    new: Collection[tuple[str, str]] = ()

    def choose(self, count: int, rng: random.Random) -> list[Choice]:
        """``count`` choices, each with the propensity of the whole procedure.

        The propensity is ``share * uniform + (1 - share) * model``; its uniform part is exact, the
        model's is estimated (:meth:`~stonechat.learning.sampler.Sampler.likelihood`).
        """
        settled = self._settled_levels()
        uniform, model = self._uniform_kept(settled), self._model_kept(settled)
        choices = []
        for _ in range(count):
            holdout = rng.random() < self.share
            arm = self._draw(rng, holdout=holdout)
            weight = FLOOR if self._is_new(arm) else 1.0
            random_part = weight / (self.bandit.space.count * uniform)
            model_part = weight * self.bandit.likelihood(arm) / model
            propensity = self.share * random_part + (1.0 - self.share) * model_part
            choices.append(Choice(arm, propensity, holdout, self.version))
        return choices

    def _draw(self, rng: random.Random, *, holdout: bool) -> Arm:
        while True:  # a draw counts with a chance of at least FLOOR
            arm = self._uniform(rng) if holdout else self.bandit.draw(rng)
            if not self._is_new(arm) or rng.random() < FLOOR:
                return arm

    def _uniform(self, rng: random.Random) -> dict[str, str]:
        return {factor: rng.choice(levels) for factor, levels in self.bandit.space.active}

    def _is_new(self, arm: Arm) -> bool:
        return any(pair in self.new for pair in arm.items())

    def _settled_levels(self) -> dict[str, tuple[str, ...]]:
        """For each factor its levels that are not new."""
        return {
            factor: tuple(level for level in levels if (factor, level) not in self.new)
            for factor, levels in self.bandit.space.active
        }

    def _uniform_kept(self, settled: dict[str, tuple[str, ...]]) -> float:
        """Chance that a uniform draw counts."""
        chance = 1.0
        for factor, levels in self.bandit.space.active:
            chance *= len(settled[factor]) / len(levels)
        return chance + (1.0 - chance) * FLOOR

    def _model_kept(self, settled: dict[str, tuple[str, ...]]) -> float:
        """Chance that a draw of the model counts."""
        if not self.new:
            return 1.0
        chance = self.bandit.likelihood_within(settled)
        return chance + (1.0 - chance) * FLOOR
