"""Thompson sampling with independent Beta arms: the simpler policy that the bandit is compared with.

Each level of each factor counts how often its posts beat the rolling median of the account's recent
rewards. An arm is drawn by Thompson sampling, factor by factor, each level from its Beta distribution.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from stonechat.core.model import Arm
from stonechat.learning.arms import Factors


@dataclass
class BetaPolicy:
    """Thompson sampling with a Beta(1, 1) prior for each level.

    Attributes:
        factors: the levels that may be chosen.
        window: rewards that the rolling median looks back on.
        draws: how many draws a propensity is estimated from.
        keep: share of the counts that is left after each reward of a level, 1 for ever.
    """

    factors: Factors
    window: int = 50
    keep: float = 1.0
    draws: int = 32
    wins: dict[tuple[str, str], float] = field(default_factory=dict)
    losses: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.window)

    def draw(self, rng: random.Random) -> Arm:
        """An arm."""
        return {factor: self._best(factor, levels, rng) for factor, levels in self.factors.items()}

    def choose(self, rng: random.Random) -> tuple[Arm, float]:
        """An arm and its propensity, estimated from further draws of each factor."""
        arm, propensity = self.draw(rng), 1.0
        for factor, levels in self.factors.items():
            again = sum(self._best(factor, levels, rng) == arm[factor] for _ in range(self.draws))
            propensity *= (again + 0.5) / (self.draws + 1)
        return arm, propensity

    def _best(self, factor: str, levels: Sequence[str], rng: random.Random) -> str:
        def drawn(level: str) -> float:
            pair = (factor, level)
            return rng.betavariate(1 + self.wins.get(pair, 0.0), 1 + self.losses.get(pair, 0.0))

        return max(levels, key=drawn)

    def update(self, arm: Arm, value: float) -> None:
        """Count a win where the reward beats the rolling median of those before it, else a loss."""
        won = not self._recent or value > median(self._recent)
        self._recent.append(value)
        for pair in arm.items():
            for counts, hit in ((self.wins, won), (self.losses, not won)):
                counts[pair] = counts.get(pair, 0.0) * self.keep + hit
