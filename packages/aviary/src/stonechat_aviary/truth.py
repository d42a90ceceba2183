"""The hidden truth: what the audience likes, and how that changes.

The world is the one in which the learning layer was designed: log outcome = level + factor effects
(sd 0.3 each) + pairwise interactions (sd 0.1) + day shock (sd 0.2) + noise (sd 1); growth of e^1 over
600 posts; at post 300 two of the four main factors are drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from stonechat_aviary.chance import chance
from stonechat_aviary.reading import Traits
from stonechat_aviary.vocabulary import FACTORS

LEVEL = 3.6
"""Log interactions of an average first post: about 36 of them."""
EFFECT_SD = 0.3
INTERACTION_SD = 0.1
DAY_SD = 0.2
NOISE_SD = 1.0
GROWTH_POSTS = 600
DRIFT_AT = 300
MAIN_FACTORS = ("topic", "hook", "format", "hour_block")
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The parts of one post's log outcome; ``total`` is their sum."""

    level: float
    effects: float
    interactions: float
    day: float
    noise: float

    @property
    def total(self) -> float:
        """Log of the interactions that the post will have in the end."""
        return self.level + self.effects + self.interactions + self.day + self.noise


class Truth:
    """The effects of a seed. Levels that a text does not show have effect 0."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        rng = chance(seed, "drift")
        drifting = {MAIN_FACTORS[i] for i in rng.choice(len(MAIN_FACTORS), size=2, replace=False)}
        self.drifting = tuple(factor for factor in MAIN_FACTORS if factor in drifting)
        self._early = {factor: self._draw(factor, "early") for factor in FACTORS}
        self._late = {
            factor: self._draw(factor, "late") if factor in drifting else self._early[factor]
            for factor in FACTORS
        }
        self._pairs = {(a, b): self._draw_pair(a, b) for a, b in combinations(MAIN_FACTORS, 2)}

    def outcome(self, handle: str, ordinal: int, at: float, traits: Traits) -> Outcome:
        """The outcome of the ``ordinal``-th post (from 0) of ``handle``, posted at world time ``at``."""
        effects = self._late if ordinal >= DRIFT_AT else self._early
        shown = {factor: traits.level(factor) for factor in FACTORS}
        return Outcome(
            level=LEVEL + min(ordinal, GROWTH_POSTS) / GROWTH_POSTS,
            effects=sum(effects[factor][level] for factor, level in shown.items() if level),
            interactions=sum(
                table.get((shown[a] or "", shown[b] or ""), 0.0) for (a, b), table in self._pairs.items()
            ),
            day=DAY_SD * float(chance(self._seed, "day", handle, int(at // _DAY)).standard_normal()),
            noise=NOISE_SD * float(chance(self._seed, "noise", handle, ordinal).standard_normal()),
        )

    def as_json(self) -> dict[str, Any]:
        """Everything hidden, for benchmarks: effects before and after the drift, interactions, constants."""
        return {
            "level": LEVEL,
            "growth": 1.0,
            "growth_posts": GROWTH_POSTS,
            "drift_at": DRIFT_AT,
            "drifting": list(self.drifting),
            "sd": {"effect": EFFECT_SD, "interaction": INTERACTION_SD, "day": DAY_SD, "noise": NOISE_SD},
            "effects": self._early,
            "effects_after_drift": self._late,
            "interactions": {
                f"{a}*{b}": {f"{x}*{y}": value for (x, y), value in table.items()}
                for (a, b), table in self._pairs.items()
            },
        }

    def _draw(self, factor: str, era: str) -> dict[str, float]:
        draws = EFFECT_SD * chance(self._seed, "effect", factor, era).standard_normal(len(FACTORS[factor]))
        return {level: float(draw) for level, draw in zip(FACTORS[factor], draws, strict=True)}

    def _draw_pair(self, a: str, b: str) -> dict[tuple[str, str], float]:
        shape = (len(FACTORS[a]), len(FACTORS[b]))
        draws = INTERACTION_SD * chance(self._seed, "pair", a, b).standard_normal(shape)
        return {
            (x, y): float(draws[i, j]) for i, x in enumerate(FACTORS[a]) for j, y in enumerate(FACTORS[b])
        }
