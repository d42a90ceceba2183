"""Predictors: a ridge regression for log engagement and a logistic one for the chance of a hit.

Both are fitted on the difference from the rolling median of matured posts, so they follow an account
that grows. They are trained on the first 80 % of posts by time and judged on the rest; a new version
serves only where it beats the rolling median and the version that serves, on posts that neither saw.
The coefficients are kept as JSON; only training needs scikit-learn, which is imported then.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stonechat.core.safe_json import LARGEST, safe_json
from stonechat.learning.features import Example, describe, rarity, terms, vector

Floats = NDArray[np.float64]

FORMAT = 1
TRAINED_SHARE = 0.8
FEWEST = 60
"""Posts with a reward below which nothing is trained."""

PENALTIES = (3.0, 10.0, 30.0, 100.0)
HIT_SHARE = 0.10
"""A hit is a post in the best tenth, measured against the rolling median of its day."""

_DENSE_WEIGHT = 0.3  # scaled dense features against unit-length text vectors
_LEAST_POSTS = 3  # a term in fewer posts than that is left out


@dataclass(frozen=True)
class Predictor:
    """A fitted predictor. All that it needs besides is the account's recent posts.

    Attributes:
        text: for each term its inverse document frequency, ridge and logistic coefficient.
        rare: inverse document frequencies of all words, for comparing texts.
        trained_until: the last post that it saw.
        maturity_hours: how long after posting a reward becomes known.
    """

    text: dict[str, tuple[float, float, float]]
    rare: dict[str, float]
    means: list[float]
    deviations: list[float]
    ridge: list[float]
    ridge_bias: float
    logistic: list[float]
    logistic_bias: float
    penalty: float
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
            parts["text"] = {term: tuple(three) for term, three in parts["text"].items()}
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
        maturity = timedelta(hours=self.maturity_hours)
        told = describe(examples, self.rare, maturity, since, apart=apart)
        scaled = (told.dense - np.array(self.means)) / np.array(self.deviations) * _DENSE_WEIGHT
        gain = scaled @ np.array(self.ridge) + self.ridge_bias
        odds = scaled @ np.array(self.logistic) + self.logistic_bias
        for at, example in enumerate(examples[since:]):
            for weight, ridge, logistic in self._weighed(example):
                gain[at] += weight * ridge
                odds[at] += weight * logistic
        hits = 1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))
        return [
            Prediction(float(base + plus), float(base), float(hit))
            for base, plus, hit in zip(told.baseline, gain, hits, strict=True)
        ]

    def _weighed(self, example: Example) -> list[tuple[float, float, float]]:
        """Weight, ridge and logistic coefficient of each known term of the text."""
        known = [term for term in terms(example) if term in self.text]
        weights = vector(known, {term: self.text[term][0] for term in known}, 0.0)
        return [(weight, *self.text[term][1:]) for term, weight in weights.items()]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of a post.

    Attributes:
        value: log reward; ``baseline`` is the rolling median that it is measured against.
        hit: probability (0-1) of being among the best tenth.
    """

    value: float
    baseline: float
    hit: float


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
    return Score(_rank_correlation(guess, truth), error, len(guess))


def _rank_correlation(a: Floats, b: Floats) -> float:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    """Ranks from 0, ties sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle = ends - (counts + 1) / 2
    return np.asarray(middle[place], dtype=float)


def train(examples: Sequence[Example], maturity: timedelta) -> Predictor:
    """Fit on all ``examples``, which have values and stand in order of time.

    The ridge penalty is the one that does best on the last quarter after fitting on the rest.
    """
    cut = len(examples) * 3 // 4
    trial = _Design(examples, maturity, cut)
    best = max(
        PENALTIES,
        key=lambda penalty: _rank_correlation(
            trial.ridge_on(slice(cut), penalty)(slice(cut, None)), trial.values[cut:]
        ),
    )
    return _Design(examples, maturity, len(examples)).fitted(best)


class _Design:
    """The design matrix of a training set; words and scales are taken from the first ``seen`` rows."""

    def __init__(self, examples: Sequence[Example], maturity: timedelta, seen: int) -> None:
        from sklearn.feature_extraction import DictVectorizer  # noqa: PLC0415 - heavy, for training only

        self._maturity, self._last = maturity, examples[seen - 1].at
        self._rare = rarity(examples[:seen])
        told = describe(examples, self._rare, maturity)
        self._means = told.dense[:seen].mean(0)
        self._deviations = told.dense[:seen].std(0) + 1e-9
        self._dense = (told.dense - self._means) / self._deviations * _DENSE_WEIGHT
        self._terms = rarity(examples[:seen], terms, _LEAST_POSTS)
        self._columns = DictVectorizer()
        self._rows: Any = self._columns.fit_transform(
            {_column(at): weight for at, weight in enumerate(row)} | vector(terms(example), self._terms, 0.0)
            for row, example in zip(self._dense, examples, strict=True)
        )
        self._baseline = told.baseline
        self.values = np.array([example.value for example in examples], dtype=float)
        self._gains = self.values - told.baseline

    def ridge_on(self, rows: slice, penalty: float) -> Any:
        """Fit on ``rows``; returns the function that predicts values for other rows."""
        from sklearn.linear_model import Ridge  # noqa: PLC0415 - heavy, for training only

        model = Ridge(alpha=penalty).fit(self._rows[rows], self._gains[rows])
        return lambda others: model.predict(self._rows[others]) + self._baseline[others]

    def fitted(self, penalty: float) -> Predictor:
        """Both regressions on all rows."""
        from sklearn.linear_model import LogisticRegression, Ridge  # noqa: PLC0415 - heavy, for training only

        ridge = Ridge(alpha=penalty).fit(self._rows, self._gains)
        hits = self._gains >= np.quantile(self._gains, 1.0 - HIT_SHARE)
        logistic, bias = np.zeros(self._rows.shape[1]), -30.0
        if hits.any() and not hits.all():
            model = LogisticRegression(C=0.3, max_iter=500).fit(self._rows, hits)
            logistic, bias = model.coef_[0], float(model.intercept_[0])
        place = self._columns.vocabulary_
        dense = [place[_column(at)] for at in range(self._dense.shape[1])]
        text = {
            term: (idf, float(ridge.coef_[place[term]]), float(logistic[place[term]]))
            for term, idf in self._terms.items()
        }
        return Predictor(
            text=text,
            rare=self._rare,
            means=self._means.tolist(),
            deviations=self._deviations.tolist(),
            ridge=ridge.coef_[dense].tolist(),
            ridge_bias=float(ridge.intercept_),
            logistic=logistic[dense].tolist(),
            logistic_bias=bias,
            penalty=penalty,
            trained_until=self._last.isoformat(),
            maturity_hours=self._maturity.total_seconds() / 3600,
        )


def _column(at: int) -> str:
    """The name of a dense feature's column; no term contains a space at its start."""
    return f" {at}"


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


def retrain(examples: Sequence[Example], maturity: timedelta, serving: Predictor | None) -> Trained | None:
    """Train on the first 80 % by time and judge on the rest; None below :data:`FEWEST` posts.

    The serving version was trained on the first 80 % of fewer posts, so it saw none of the rest either.
    """
    if len(examples) < FEWEST:
        return None
    cut = int(len(examples) * TRAINED_SHARE)
    candidate = train(examples[:cut], maturity)
    actual = [float(example.value or 0.0) for example in examples[cut:]]
    predicted = candidate.predict(examples, cut)
    own = score([p.value for p in predicted], actual)
    median = score([p.baseline for p in predicted], actual)
    before = score([p.value for p in serving.predict(examples, cut)], actual) if serving else None
    faults = []
    if own.spearman <= max(median.spearman, 0.0) or own.error >= median.error:
        faults.append("it does not beat the rolling median")
    if before and (own.spearman, -own.error) < (before.spearman, -before.error):
        faults.append("it does not beat the serving version")
    return Trained(candidate, own, median, before, faults)
