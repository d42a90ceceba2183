"""The predictors on recorded and simulated accounts: ours beside a plain ridge and the rolling median.

The first 70 % of the posts by time, as far as their rewards were known by then, against the last 30 %.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.accounts import KINDS, simulated
from benchmarks.learning.recordings import read_recording
from stonechat.learning.features import Example
from stonechat.learning.predictors import INTERVAL, rank_correlation
from stonechat.learning.training import known_at, train

Row = dict[str, Any]
MATURITY = timedelta(hours=48)
_TRAINED = 0.7
_LINK = re.compile(r"https?://\S+")
_BELOW_MEDIAN = 0.02
_OFF = 0.05
_FEWEST_KNOWN = 20
_MANY, _MORE = 300, 10


def forecast_files(paths: Sequence[Path]) -> list[Row]:
    """One row for each file."""
    rows = []
    for path in paths:
        recording = read_recording(path)
        rows.append(_row(recording.name, [recording.posts]) | {"skipped": recording.skipped})
    return rows


def forecast_simulated(accounts: int = 3) -> list[Row]:
    """One row for each kind of simulated account: means over accounts, as many as a small one needs."""
    rows = []
    for name, kind in KINDS.items():
        count = accounts if kind.posts >= _MANY else accounts * _MORE
        rows.append(_row(name, [simulated(kind, seed) for seed in range(1, count + 1)]))
    return rows


def _row(name: str, accounts: Sequence[Sequence[Example]]) -> Row:
    found = [one for one in map(measured, accounts) if one is not None]
    if not found:
        raise ValueError(f"{name}: the first {_TRAINED:.0%} of its posts have too few rewards known by then")
    mean = Measured(*(float(np.mean(values)) for values in zip(*map(astuple, found), strict=True)))
    best = mean.ours >= mean.ridge and mean.ours >= mean.median - _BELOW_MEDIAN
    return {
        "account": name,
        "accounts": len(found),
        "posts": round(float(np.mean([len(posts) for posts in accounts]))),
        "ours": round(mean.ours, 3),
        "plain_ridge": round(mean.ridge, 3),
        "ridge_and_tfidf": round(mean.beside, 3),
        "rolling_median": round(mean.median, 3),
        "below_low": f"{mean.below_low:.0%}",
        "below_high": f"{mean.below_high:.0%}",
        "not_below_others": bool(best),
        "calibrated": mean.calibrated,
    }


@dataclass(frozen=True)
class Measured:
    """Rank correlations on unseen posts, and the share of them below each bound.

    Where rewards are the same number for many posts, a post on a bound counts half: below it or not is then
    a matter of the number, not of the bound.
    """

    ours: float
    ridge: float
    beside: float
    median: float
    below_low: float
    below_high: float

    @property
    def calibrated(self) -> bool:
        """Whether both shares are what was promised, within five points."""
        shares = (self.below_low, self.below_high)
        return all(abs(share - goal) <= _OFF for share, goal in zip(shares, INTERVAL, strict=True))


def measured(posts: Sequence[Example]) -> Measured | None:
    """The last 30 % predicted from what was known of the first 70 %; None where that was next to nothing."""
    cut = int(_TRAINED * len(posts))
    known = known_at(posts, cut, MATURITY)
    if len(known) < _FEWEST_KNOWN:
        return None
    found = train(known, MATURITY).predict(posts, cut)
    actual = np.array([float(post.value or 0.0) for post in posts[cut:]])
    plain, beside = _rivals(known, posts[cut:])
    low, high = (_share_below(actual, [getattr(one, end) for one in found]) for end in ("low", "high"))
    return Measured(
        rank_correlation(np.array([one.value for one in found]), actual),
        rank_correlation(plain, actual),
        rank_correlation(beside, actual),
        rank_correlation(np.array([one.baseline for one in found]), actual),
        low,
        high,
    )


def _share_below(actual: NDArray[Any], bounds: Sequence[float]) -> float:
    bound = np.array(bounds)
    on = np.isclose(actual, bound)
    return float((((actual < bound) & ~on) + 0.5 * on).mean())


def _rivals(known: Sequence[Example], unseen: Sequence[Example]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A ridge on a dozen simple features, and the same with tf-idf on what it leaves."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    values = np.array([one.value for one in known])
    scaler = StandardScaler().fit([_simple(one) for one in known])
    seen, new = (scaler.transform([_simple(one) for one in part]) for part in (known, unseen))
    ridge = Ridge(alpha=1.0).fit(seen, values)
    plain = ridge.predict(new)
    words = TfidfVectorizer(min_df=3, ngram_range=(1, 2), sublinear_tf=True)
    try:
        vectors = words.fit_transform([one.text for one in known])
    except ValueError:  # no words
        return plain, plain
    rest = Ridge(alpha=3.0).fit(vectors, values - ridge.predict(seen))
    return plain, plain + rest.predict(words.transform([one.text for one in unseen]))


def _simple(post: Example) -> list[float]:
    """Length, words, link, question, digits, capitals, leading handle, time of day and of the week."""
    body = _LINK.sub("", post.text)
    hour = post.at.hour + post.at.minute / 60
    day, week = 2 * math.pi * hour / 24, 2 * math.pi * (post.at.weekday() + hour / 24) / 7
    return [
        len(post.text),
        len(body.split()),
        float(bool(_LINK.search(post.text))),
        float("?" in body),
        float("!" in body),
        float(any(sign.isdigit() for sign in body)),
        sum(sign.isupper() for sign in body) / max(1, len(body)),
        float(post.text.startswith(("@", ".@"))),
        math.sin(day),
        math.cos(day),
        math.sin(week),
        math.cos(week),
    ]
