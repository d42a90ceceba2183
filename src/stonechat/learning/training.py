"""Training of predictors: the parts of the mix, their weights, and whether the result may serve.

Validation is nested and in order of time. The weights of the parts come from predictions of posts that
the parts had not seen: they are fitted on what was *known* when a block of posts began (a reward takes 48
hours), predict that block, and so on to the end (forward chaining). The whole mix is then judged on the
newest fifth, which neither parts nor weights saw.

The weights are at least 0 and add up to 1 (stacking; Breiman, *Stacked Regressions*, 1996), so the mix
cannot be far worse than its best part on the posts that set them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from stonechat.learning.features import (
    SIMPLE,
    Example,
    Floats,
    KnownRewards,
    describe,
    frequent_levels,
    terms,
)
from stonechat.learning.predictors import (
    RECENT,
    Predictor,
    Score,
    Track,
    followed,
    rank_correlation,
    scale,
    score,
)

TRAINED_SHARE = 0.8
FEWEST = 50
"""Posts with a reward below which nothing is trained."""

HALF_LIVES = (10.0, 60.0, None)
"""How quickly the level follows the account, in rewards; last None, for not at all."""

_BLOCKS = (0.4, 0.55, 0.7, 0.85, 1.0)  # shares of the posts at which forward chaining stops and predicts
_FEWEST_FITTED = 8
_PENALTY = 10.0  # ridge, features of unit variance
_SIMPLE_PENALTY = 1.0
_NEVER = 1e9  # a penalty that leaves a feature out
_TEXT_PENALTY = 3.0  # ridge, vectors of length 1
_LEAST_POSTS = 3  # a term in fewer posts than that is left out
_WINSOR = (
    3.5  # errors count up to so many robust standard deviations: a viral post teaches, but not everything
)
_PARTS = 4  # of each speed: level, simple features, features, text
_CLEARLY = 2.0  # standard errors
_EVEN = 10.0  # how strongly the weights of the mix are held near each other, in squared log units


def train(examples: Sequence[Example], maturity: timedelta) -> Predictor:
    """A predictor fitted on ``examples``, all with a reward, in order of time."""
    set_up = _TrainingSet(examples, maturity)
    blocks = [(set_up.fitted(fit), low, high) for low, high, fit in set_up.blocks()]
    final = set_up.fitted(len(examples))
    names = list(final.parts)
    if not blocks:
        return final.mixed(dict.fromkeys(names, 1.0 / len(names)), [])
    unseen = np.vstack([parts.matrix(low, high) for parts, low, high in blocks])
    actual = np.concatenate([set_up.values[low:high] for _, low, high in blocks])
    weights = _weights(unseen, actual)
    errors = (actual - unseen @ weights)[-RECENT:]
    return final.mixed(dict(zip(names, weights.tolist(), strict=True)), errors.tolist())


class _TrainingSet:
    """The examples with everything that does not depend on how many of them are fitted."""

    def __init__(self, examples: Sequence[Example], maturity: timedelta) -> None:
        self.examples = examples
        self.maturity = maturity
        self.history = KnownRewards(examples, maturity)
        self.values = self.history.values

    def blocks(self) -> Iterator[tuple[int, int, int]]:
        """Blocks (first, end) to predict, and how many posts had a known reward when each began."""
        edges = [round(len(self.examples) * share) for share in _BLOCKS]
        for low, high in pairwise(edges):
            known = int(self.history.known[low]) if low < high else 0
            if known >= _FEWEST_FITTED:
                yield low, high, known

    def fitted(self, rows: int) -> _FittedParts:
        """Every part, fitted on the first ``rows`` posts."""
        return _FittedParts(self, rows)


class _FittedParts:
    """Every part of the mix, fitted on the first posts; predicts all."""

    def __init__(self, given: _TrainingSet, rows: int) -> None:
        self._given, self._rows = given, rows
        self._levels = frequent_levels(given.examples[:rows])
        dense = describe(given.examples, self._levels)
        self._means, self._deviations = dense[:rows].mean(0), dense[:rows].std(0)
        self._scaled = scale(dense, self._means, self._deviations)
        self._words = _Words(given.examples, rows)
        self.parts: dict[str, Floats] = {}
        self._tracks = [self._fit_track(half_life) for half_life in HALF_LIVES]

    def matrix(self, low: int, high: int) -> Floats:
        """Predictions for rows ``low`` to ``high``, one column for each part."""
        return np.column_stack([column[low:high] for column in self.parts.values()])

    def _fit_track(self, half_life: float | None) -> _FittedTrack:
        """Fit the four parts of one speed."""
        values, rows = self._given.values, self._rows
        start = float(values[:rows].mean())
        alone = followed(self._given.history, values, half_life, start)
        count = self._scaled.shape[1]
        few = np.full(count, _NEVER)
        few[list(SIMPLE)] = _SIMPLE_PENALTY
        simple = self._fit_features(half_life, alone, few)
        full = self._fit_features(half_life, alone, np.full(count, _PENALTY))
        of_text = self._words.fit(_clipped((values - full.fitted)[:rows]))
        name = "steady" if half_life is None else f"{half_life:g} rewards"
        self.parts[f"level ({name})"] = alone
        self.parts[f"simple ({name})"] = simple.fitted
        self.parts[f"features ({name})"] = full.fitted
        self.parts[f"text ({name})"] = full.fitted + self._words.predict(of_text)
        return _FittedTrack(start, simple, full, of_text)

    def _fit_features(self, half_life: float | None, level: Floats, penalties: Floats) -> _Regression:
        """The level is that of what the features leave, and the features explain what the level leaves."""
        history, values, rows = self._given.history, self._given.values, self._rows
        start, coefficients, own = 0.0, np.zeros(len(penalties)), np.zeros(len(values))
        for _ in range(3):
            coefficients = _ridge(self._scaled[:rows], _clipped((values - level)[:rows]), penalties)
            own = self._scaled @ coefficients
            start = float((values - own)[:rows].mean())
            level = followed(history, values - own, half_life, start)
        return _Regression(start, coefficients, level + own)

    def mixed(self, weights: dict[str, float], errors: list[float]) -> Predictor:
        """The predictor with these weights of its parts."""
        per_track = np.array(list(weights.values())).reshape(len(HALF_LIVES), _PARTS)
        mix = list(zip(HALF_LIVES, per_track, self._tracks, strict=True))
        text = np.sum([weight[3] * track.of_text for _, weight, track in mix], axis=0)
        return Predictor(
            tracks=[track.mixed(half_life, weight) for half_life, weight, track in mix],
            text=self._words.table(text),
            levels=self._levels,
            means=self._means.tolist(),
            deviations=self._deviations.tolist(),
            errors=errors,
            parts={name: round(weight, 4) for name, weight in weights.items()},
            trained_until=self._given.examples[self._rows - 1].at.isoformat(),
            maturity_hours=self._given.maturity.total_seconds() / 3600,
        )


@dataclass(frozen=True)
class _Regression:
    """Coefficients on scaled features, the first value of the level beside them, and both for every row."""

    start: float
    coefficients: Floats
    fitted: Floats


@dataclass(frozen=True)
class _FittedTrack:
    """The parts of one speed: ``start`` is the first value of the level alone."""

    start: float
    simple: _Regression
    full: _Regression
    of_text: Floats

    def mixed(self, half_life: float | None, weights: Floats) -> Track:
        """As it is stored. A level is linear in what it follows, so both regressions become one."""
        level, simple, full, text = map(float, weights)
        both = simple + full + text
        share = simple / both if both else 0.0
        start = share * self.simple.start + (1.0 - share) * self.full.start
        coefficients = share * self.simple.coefficients + (1.0 - share) * self.full.coefficients
        return Track(half_life, level, self.start, both, start, coefficients.tolist())


class _Words:
    """The terms of the first ``rows`` posts, and every post as a vector of them."""

    def __init__(self, examples: Sequence[Example], rows: int) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - heavy, for training only

        self._rows = rows
        self._vectorizer = TfidfVectorizer(analyzer=terms, min_df=_LEAST_POSTS, sublinear_tf=True)
        try:
            self._vectorizer.fit(examples[:rows])
        except ValueError:  # no term stands in enough posts
            self._vectors: Any = None
        else:
            self._vectors = self._vectorizer.transform(examples)

    def fit(self, rest: Floats) -> Floats:
        """Coefficients of the terms for what the other features leave."""
        if self._vectors is None:
            return np.zeros(0)
        from sklearn.linear_model import Ridge  # noqa: PLC0415 - heavy, for training only

        model = Ridge(alpha=_TEXT_PENALTY, fit_intercept=False)
        return np.asarray(model.fit(self._vectors[: self._rows], rest).coef_, dtype=float)

    def predict(self, coefficients: Floats) -> Floats | float:
        """What the text adds to each post."""
        return 0.0 if self._vectors is None else np.asarray(self._vectors @ coefficients, dtype=float)

    def table(self, coefficients: Floats) -> dict[str, tuple[float, float]]:
        """Inverse document frequency and coefficient of each term; empty where no text counts."""
        if self._vectors is None or not coefficients.any():
            return {}
        rarity = self._vectorizer.idf_
        places = sorted(self._vectorizer.vocabulary_.items())
        return {term: (float(rarity[at]), float(coefficients[at])) for term, at in places}


def _ridge(features: Floats, target: Floats, penalties: Floats) -> Floats:
    """Ridge regression without an intercept: the level is the intercept."""
    gram = features.T @ features + np.diag(penalties)
    return np.asarray(np.linalg.solve(gram, features.T @ target), dtype=float)


def _clipped(errors: Floats) -> Floats:
    """Errors held within ``_WINSOR`` robust standard deviations of their median.

    The deviation is told from the mean distance, not from the median one, which is 0 where most rewards are
    the same: an account whose posts mostly get nothing would learn nothing from those that get something.
    """
    middle = np.median(errors)
    spread = _WINSOR * (1.2533 * float(np.abs(errors - middle).mean()) + 1e-9)
    return np.clip(errors, middle - spread, middle + spread)


def _weights(parts: Floats, actual: Floats) -> Floats:
    """The weights of the mix, from what the parts predicted unseen.

    A level that follows the account is noise wherever the account does not move, and a few weeks of posts
    often look as if it did. So it has to earn its place: by two standard errors of the difference, or by
    ranking the posts better on its own than everything else does without it.
    """
    steady = np.zeros(parts.shape[1])
    steady[-_PARTS:] = _stacked(parts[:, -_PARTS:], actual)
    every = _stacked(parts, actual)
    gain = _clipped(actual - parts @ steady) ** 2 - _clipped(actual - parts @ every) ** 2
    sure = float(gain.mean()) > _CLEARLY * float(gain.std()) / np.sqrt(len(gain))
    ahead = rank_correlation(parts[:, 0], actual) > rank_correlation(parts @ steady, actual)
    return every if sure or ahead else steady


def _stacked(parts: Floats, actual: Floats) -> Floats:
    """Weights from 0 up that add up to 1 and predict ``actual`` best, each error counting up to a bound."""
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415 - heavy, for training only

    count = parts.shape[1]
    weights = np.full(count, 1.0 / count)
    # Two more rows of equations: a heavy one for the sum, light ones that hold the weights near each other.
    rows = np.vstack([parts, np.full(count, 1e4), np.sqrt(_EVEN) * np.eye(count)])
    for _ in range(5):
        expected = parts @ weights
        target = np.concatenate([expected + _clipped(actual - expected), [1e4], np.full(count, 1.0 / count)])
        weights = LinearRegression(positive=True, fit_intercept=False).fit(rows, target).coef_
        weights = weights / weights.sum()
    return np.asarray(weights, dtype=float)


@dataclass(frozen=True)
class Trained:
    """A candidate and how it did on the posts after its training set.

    Attributes:
        faults: why it must not serve; empty where it may.
    """

    predictor: Predictor
    score: Score
    median: Score
    serving: Score | None
    faults: list[str]


def known_at(examples: Sequence[Example], cut: int, maturity: timedelta) -> list[Example]:
    """Those of ``examples[:cut]`` whose reward was known when the next one was posted."""
    return [one for one in examples[:cut] if one.at + maturity <= examples[cut].at]


def retrain(examples: Sequence[Example], maturity: timedelta, serving: Predictor | None) -> Trained | None:
    """Train on what was known at 80 % of the posts and judge on the rest; None below :data:`FEWEST` posts.

    The serving version was trained on the first 80 % of fewer posts, so it saw none of the rest either.
    """
    if len(examples) < FEWEST:
        return None
    cut = int(len(examples) * TRAINED_SHARE)
    known = known_at(examples, cut, maturity)
    if len(known) < _FEWEST_FITTED:
        return None
    candidate = train(known, maturity)
    actual = [float(example.value or 0.0) for example in examples[cut:]]
    predicted = candidate.predict(examples, cut)
    own = score([p.value for p in predicted], actual)
    median = score([p.baseline for p in predicted], actual)
    before = score([p.value for p in serving.predict(examples, cut)], actual) if serving else None
    return Trained(candidate, own, median, before, _faults(own, median, before))


def _faults(own: Score, median: Score, before: Score | None) -> list[str]:
    faults = []
    if own.spearman <= max(median.spearman, 0.0) or own.error >= median.error:
        faults.append("it does not beat the rolling median")
    if before and (own.spearman, -own.error) < (before.spearman, -before.error):
        faults.append("it does not beat the serving version")
    return faults
