"""Predictors: what log engagement is to be expected of a post, and within which bounds.

A predictor is a mix of parts, from the simplest up: the account's level alone; the level and a ridge
regression on a dozen simple features; the same on all features; and that with one on the words of the text.
Each part exists for a level that follows the account quickly, slowly, or not at all. The weights of the mix
were set by how well each part did on posts that it had not seen (:mod:`stonechat.learning.training`), so a
part that does not help on this account weighs little. What a predictor needs besides itself is the account's
recent posts.

Coefficients are kept as JSON; only training needs scikit-learn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np

from stonechat.core.safe_json import LARGEST, safe_json
from stonechat.learning.features import Example, Floats, KnownRewards, describe, terms, unit_vector

FORMAT = 2

HIT_SHARE = 0.10
"""A hit is a post that does as well as the best tenth of the posts before it."""

INTERVAL = (0.1, 0.9)
"""The bounds of a prediction: so much of what happens lies below the lower and the upper one."""

RECENT = 200
"""Posts whose errors decide how wide the bounds are; they adapt to what was seen last."""


FARTHEST = 4.0
"""Standard deviations from its mean in training up to which a feature counts."""


@dataclass(frozen=True)
class Track:
    """The parts of a predictor that follow the account's level at one speed.

    Attributes:
        half_life: in rewards; None where the level stays as it was in training.
        level: weight of the level alone; ``start`` is its value before any reward is known.
        fitted: weight of the level plus the regressions on features, with or without the text's.
        coefficients: of that regression, on scaled features; ``fitted_start`` is its level's first value.
    """

    half_life: float | None
    level: float
    start: float
    fitted: float
    fitted_start: float
    coefficients: list[float]

    def predict(self, scaled: Floats, history: KnownRewards) -> Floats:
        """This track's share of the prediction for each row, without that of the text."""
        own = scaled @ np.array(self.coefficients)
        alone = followed(history, history.values, self.half_life, self.start)
        beside = followed(history, history.values - own, self.half_life, self.fitted_start)
        return np.asarray(self.level * alone + self.fitted * (own + beside), dtype=float)


def scale(dense: Floats, means: Floats, deviations: Floats) -> Floats:
    """Features with mean 0 and variance 1 in training.

    What never varied there says nothing (0), and nothing counts for more than ``FARTHEST`` deviations: a
    text unlike any before gets a prediction within reason.
    """
    varied = deviations > 1e-6
    scaled = (dense - means) / np.where(varied, deviations, 1.0)
    return np.clip(np.where(varied, scaled, 0.0), -FARTHEST, FARTHEST)


def followed(history: KnownRewards, series: Floats, half_life: float | None, start: float) -> Floats:
    """The level of ``series`` at each row, as it was known then."""
    if half_life is None:
        return np.full(len(series), start)
    return history.weighted_means(series, half_life, start)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of a post.

    Attributes:
        value: log reward; ``baseline`` is the rolling median of what was known.
        low: 10 % of what happens lies below it, and 10 % above ``high``.
        hit: probability (0-1) of doing as well as the best tenth of the posts before it.
    """

    value: float
    baseline: float
    low: float
    high: float
    hit: float


@dataclass(frozen=True)
class Predictor:
    """A fitted predictor.

    Attributes:
        tracks: the parts without the text.
        text: for each term its inverse document frequency and its coefficient in the mix.
        levels: the levels of arms that have a column.
        means: of the features in training; ``deviations`` are their standard deviations.
        errors: actual - predicted of the last posts in training, each predicted unseen, oldest first.
        parts: what each part of the mix weighs, by name, for people.
        trained_until: the last post that it saw.
        maturity_hours: how long after posting a reward becomes known.
    """

    tracks: list[Track]
    text: dict[str, tuple[float, float]]
    levels: list[tuple[str, str]]
    means: list[float]
    deviations: list[float]
    errors: list[float]
    parts: dict[str, float]
    trained_until: str
    maturity_hours: float

    def encode(self) -> str:
        """As JSON text."""
        return json.dumps({"format": FORMAT} | asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, body: str) -> Predictor:
        """The predictor that was encoded.

        Raises:
            ValueError: where the text is not a predictor of this format.
        """
        try:
            parts = safe_json(body, most_bytes=LARGEST)
            if parts.pop("format") != FORMAT:
                raise ValueError("a predictor of another format")
            parts["text"] = {term: tuple(two) for term, two in parts["text"].items()}
            parts["levels"] = [tuple(pair) for pair in parts["levels"]]
            parts["tracks"] = [Track(**track) for track in parts["tracks"]]
            return cls(**parts)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(f"not a stored predictor: {exc!r}") from exc

    def predict(
        self, examples: Sequence[Example], since: int = 0, *, apart: bool = False
    ) -> list[Prediction]:
        """Predictions for ``examples[since:]``, which stand in order of time after the posts before them.

        Args:
            apart: they are drafts for one slot that do not follow each other.
        """
        history = KnownRewards(examples, timedelta(hours=self.maturity_hours))
        expected = self._expected(examples, history, since if apart else None)
        errors = self._errors_known(examples, history, expected)
        baseline = history.medians()
        return [
            self._with_bounds(float(expected[at]), float(baseline[at]), history, at, errors[at])
            for at in range(since, len(examples))
        ]

    def _expected(
        self, examples: Sequence[Example], history: KnownRewards, drafts_from: int | None
    ) -> Floats:
        dense = describe(examples, self.levels, drafts_from)
        scaled = scale(dense, np.array(self.means), np.array(self.deviations))
        expected = np.sum([track.predict(scaled, history) for track in self.tracks], axis=0)
        return np.asarray(expected + np.array([self._of_text(example) for example in examples]), dtype=float)

    def _of_text(self, example: Example) -> float:
        rarity = {term: self.text[term][0] for term in terms(example) if term in self.text}
        return sum(
            weight * self.text[term][1] for term, weight in unit_vector(terms(example), rarity).items()
        )

    def _errors_known(
        self, examples: Sequence[Example], history: KnownRewards, expected: Floats
    ) -> list[Floats]:
        """For each row the newest errors on posts unseen in training that were known then."""
        last = datetime.fromisoformat(self.trained_until)
        fresh, upto = list(self.errors), [len(self.errors)]
        for at in history.order:
            if examples[at].at > last:
                fresh.append(float(history.values[at] - expected[at]))
            upto.append(len(fresh))
        every = np.array(fresh, dtype=float)
        return [every[max(0, upto[known] - RECENT) : upto[known]] for known in history.known]

    def _with_bounds(
        self, value: float, baseline: float, history: KnownRewards, at: int, errors: Floats
    ) -> Prediction:
        if not len(errors):
            return Prediction(value, baseline, -math.inf, math.inf, HIT_SHARE)
        low, high = np.quantile(errors, INTERVAL)
        before = history.values[history.order[: history.known[at]]][-RECENT:]
        bar = np.quantile(before, 1.0 - HIT_SHARE) if len(before) else math.inf
        hit = float((value + errors >= bar).mean()) if len(before) else HIT_SHARE
        return Prediction(value, baseline, value + float(low), value + float(high), hit)


@dataclass(frozen=True, slots=True)
class Score:
    """How well predictions fit: rank correlation (Spearman) and mean absolute error."""

    spearman: float
    error: float
    posts: int


def score(predicted: Sequence[float], actual: Sequence[float]) -> Score:
    """Compare predictions with what happened. A constant prediction has rank correlation 0."""
    guess, truth = np.asarray(predicted, dtype=float), np.asarray(actual, dtype=float)
    error = float(np.abs(guess - truth).mean()) if len(guess) else math.inf
    return Score(rank_correlation(guess, truth), error, len(guess))


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's; 0 where it is not defined."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    """Ranks from 0, ties sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle = ends - (counts + 1) / 2
    return np.asarray(middle[place], dtype=float)
