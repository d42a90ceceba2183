"""The predictors on recorded and simulated accounts: ours beside a plain ridge and the rolling median.

The first 70 % of the posts by time, as far as their rewards were known by then, against the last 30 %.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
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


def forecast_files(paths: Sequence[Path]) -> list[Row]:
    """One row for each file."""
    rows = []
    for path in paths:
        recording = read_recording(path)
        rows.append(measured(recording.name, recording.posts) | {"skipped": recording.skipped})
    return rows


def forecast_simulated(seed: int = 1) -> list[Row]:
    """One row for each kind of simulated account."""
    return [measured(name, simulated(kind, seed)) for name, kind in KINDS.items()]


def measured(name: str, posts: Sequence[Example]) -> Row:
    """Rank correlations on unseen posts, and how many of them lie below each bound."""
    cut = int(_TRAINED * len(posts))
    known = known_at(posts, cut, MATURITY)
    found = train(known, MATURITY).predict(posts, cut)
    actual = np.array([float(post.value or 0.0) for post in posts[cut:]])
    ours = rank_correlation(np.array([one.value for one in found]), actual)
    median = rank_correlation(np.array([one.baseline for one in found]), actual)
    plain, beside = _rivals(known, posts[cut:])
    ridge = rank_correlation(plain, actual)
    below = [
        float((actual < np.array(bounds)).mean())
        for bounds in ([one.low for one in found], [one.high for one in found])
    ]
    held = all(abs(share - goal) <= _OFF for share, goal in zip(below, INTERVAL, strict=True))
    return {
        "account": name,
        "posts": len(posts),
        "unseen": len(actual),
        "ours": round(ours, 3),
        "plain_ridge": round(ridge, 3),
        "ridge_and_tfidf": round(rank_correlation(beside, actual), 3),
        "rolling_median": round(median, 3),
        "below_low": f"{below[0]:.0%}",
        "below_high": f"{below[1]:.0%}",
        "not_below_others": bool(ours >= ridge and ours >= median - _BELOW_MEDIAN),
        "calibrated": held,
    }


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
