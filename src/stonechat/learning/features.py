"""Features of a post at the moment of posting: its text, its time, and how earlier, matured posts did.

Everything here is causal. A row is described from its own text and time and from the rewards of posts
that had matured by then, in training exactly as in use.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stonechat.core.model import Arm

Floats = NDArray[np.float64]

ROLLING = 30
"""Matured posts that the rolling median looks back on."""

LOOKBACK = 1500
"""Matured posts that a text is compared with."""

_HALF_LIVES = (5, 20, 60)  # matured posts
_LINK = re.compile(r"https?://\S+")
_WORD = re.compile(r"[#@]?\w[\w']*")
_TRUST = 0.3  # so much similarity counts as much as the rolling median does


@dataclass(frozen=True, slots=True)
class Example:
    """A post or a draft.

    Attributes:
        at: when it was or will be posted.
        value: its log reward; None for a draft, or where it is not known.
    """

    text: str
    at: datetime
    value: float | None = None
    arm: Arm = field(default_factory=dict)


@dataclass(frozen=True)
class Described:
    """Rows of features.

    Attributes:
        baseline: rolling median of matured log rewards, shape (rows,).
        dense: the other features, shape (rows, columns), not scaled.
    """

    baseline: Floats
    dense: Floats


def words(example: Example) -> list[str]:
    """Lower-case words, hashtags and handles of the text without links, then the arm's levels."""
    found = _WORD.findall(_LINK.sub(" ", example.text.lower()))
    return found + [f"{factor}={level}" for factor, level in example.arm.items()]


def terms(example: Example) -> list[str]:
    """Words and pairs of neighbouring words."""
    single = words(example)
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def rarity(
    examples: Sequence[Example], split: Callable[[Example], list[str]] = words, least: int = 1
) -> dict[str, float]:
    """Smoothed inverse document frequency, ``ln((1 + n)/(1 + df)) + 1``, of what ``least`` examples have."""
    counts = Counter(word for example in examples for word in set(split(example)))
    total = 1 + len(examples)
    return {word: math.log(total / (1 + df)) + 1.0 for word, df in counts.items() if df >= least}


def vector(found: Sequence[str], rare: Mapping[str, float], unknown: float) -> dict[str, float]:
    """A unit vector of ``(1 + ln tf) * idf``; for what ``rare`` does not know idf is ``unknown``."""
    counts = Counter(found)
    weights = {word: (1.0 + math.log(count)) * rare.get(word, unknown) for word, count in counts.items()}
    norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {word: weight / norm for word, weight in weights.items() if weight}


def describe(
    examples: Sequence[Example],
    rare: Mapping[str, float],
    maturity: timedelta,
    since: int = 0,
    *,
    apart: bool = False,
) -> Described:
    """Features of ``examples[since:]``; all examples must stand in order of time.

    Args:
        rare: inverse document frequencies; an unknown word counts as the rarest known one.
        maturity: how long after posting a reward becomes known.
        apart: the rows from ``since`` on are alternatives (drafts for one slot) that do not follow
            each other; each follows the last row before ``since``.
    """
    past = _Past(examples, rare, maturity)
    baseline = np.array([past.median(at) for at in range(since, len(examples))])
    rows = [
        [
            *_moment(examples, at, since if apart else at),
            *_shape(examples[at].text),
            *past.trends(at),
            *past.similar(at),
        ]
        for at in range(since, len(examples))
    ]
    return Described(baseline, np.array(rows, dtype=float).reshape(len(rows), -1))


class _Past:
    """How matured posts did, as seen from any row."""

    def __init__(self, examples: Sequence[Example], rare: Mapping[str, float], maturity: timedelta) -> None:
        kept = [
            (example.at + maturity, at) for at, example in enumerate(examples) if example.value is not None
        ]
        kept.sort()
        self._ripe_at = [moment for moment, _ in kept]
        self._values = np.array([examples[at].value for _, at in kept], dtype=float)
        self._examples = examples
        self._medians = [self._median_of(upto) for upto in range(len(kept) + 1)]
        rarest = max(rare.values(), default=1.0)
        self._vectors = [vector(words(example), rare, rarest) for example in examples]
        self._index: dict[str, tuple[NDArray[np.int64], Floats]] = {}
        gathered: dict[str, list[tuple[int, float]]] = {}
        for order, (_, at) in enumerate(kept):
            for word, weight in self._vectors[at].items():
                gathered.setdefault(word, []).append((order, weight))
        for word, found in gathered.items():
            self._index[word] = (np.array([o for o, _ in found]), np.array([w for _, w in found]))
        # how each matured post did against the rolling median of its own day
        own = [self._medians[bisect_right(self._ripe_at, examples[at].at)] for _, at in kept]
        self._surplus = self._values - np.array(own) if kept else self._values

    def _median_of(self, upto: int) -> float:
        return float(np.median(self._values[max(0, upto - ROLLING) : upto])) if upto else 0.0

    def _known(self, at: int) -> int:
        """How many rewards were known when row ``at`` was posted."""
        return bisect_right(self._ripe_at, self._examples[at].at)

    def median(self, at: int) -> float:
        return self._medians[self._known(at)]

    def trends(self, at: int) -> list[float]:
        """Exponentially weighted means, as differences from the rolling median."""
        upto = self._known(at)
        if not upto:
            return [0.0] * len(_HALF_LIVES)
        found = []
        for half in _HALF_LIVES:
            part = self._values[max(0, upto - 6 * half) : upto]
            weights = 0.5 ** (np.arange(len(part))[::-1] / half)
            found.append(float((weights * part).sum() / weights.sum()) - self._medians[upto])
        return found

    def similar(self, at: int) -> list[float]:
        """How posts with similar texts did: their surplus, weighted by squared cosine; and how similar."""
        upto = self._known(at)
        low = max(0, upto - LOOKBACK)
        cosine = np.zeros(upto - low)
        for word, weight in self._vectors[at].items():
            if word in self._index:
                orders, weights = self._index[word]
                part = slice(int(np.searchsorted(orders, low)), int(np.searchsorted(orders, upto)))
                cosine[orders[part] - low] += weight * weights[part]
        closeness = cosine**2
        total = float(closeness.sum())
        surplus = float((closeness * self._surplus[low:upto]).sum()) / (total + _TRUST)
        return [surplus, math.log1p(total), surplus * math.log1p(total)]


def _moment(examples: Sequence[Example], at: int, after: int) -> list[float]:
    """Hour (two harmonics), weekend, time since the post before row ``after``, posts in the last day."""
    now = examples[at].at
    turn = 2 * math.pi * (now.hour + now.minute / 60) / 24
    gap = (now - examples[after - 1].at).total_seconds() / 3600 if after else 1.0
    recent = 0
    while recent < after and now - examples[after - recent - 1].at <= timedelta(days=1):
        recent += 1
    waves = [math.sin(turn), math.cos(turn), math.sin(2 * turn), math.cos(2 * turn)]
    return [*waves, float(now.weekday() >= 5), math.log1p(max(gap, 0.0)), math.log1p(recent)]


def _shape(text: str) -> list[float]:
    """Surface features of a text: length, links, punctuation."""
    body = _LINK.sub("", text)
    length = len(body) / 100
    return [
        length,
        length**2,
        len(_LINK.findall(text)),
        float(text.startswith("RT @")),
        body.count("#"),
        body.count("@"),
        float("?" in body),
        float("!" in body),
        float('"' in body or "\u201c" in body),
        float(any(sign.isdigit() for sign in body)),
        float(":" in body),
        sum(word.isupper() and len(word) > 2 for word in body.split()),
        body.count("\n"),
    ]
