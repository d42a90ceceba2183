"""Features of a post at the moment of posting: its text, its time, its arm, and how earlier posts did.

Everything here is causal. A row is described from its own text and time and from the rewards of posts that
were known by then, in training exactly as in use. Each group of features is here because it helped on
several accounts of different kinds, not on one: docs/decisions/0054.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stonechat.core.model import Arm

Floats = NDArray[np.float64]

ROLLING = 30
"""Known rewards that the rolling median looks back on."""

_LINK = re.compile(r"https?://\S+")
_WORD = re.compile(r"[#@]?\w[\w']*")
_QUOTES = ('"', "\u201c", "\u00ab")
_FEWEST_WITH_LEVEL = 3
"""Posts below which a level of an arm has no column of its own."""


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


SIMPLE = (0, 2, 3, 4, 5, 7, 8, 10, 15, 16, 19, 20)
"""Columns of :func:`describe` that hold on few posts already: length, words, link, question and exclamation
mark, digits, capitals, leading handle, one wave of the day and of the week."""


def terms(example: Example) -> list[str]:
    """Words, hashtags and handles in lower case without links, and pairs of neighbouring ones."""
    single = _WORD.findall(_LINK.sub(" ", example.text.lower()))
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def unit_vector(found: Sequence[str], rarity: Mapping[str, float]) -> dict[str, float]:
    """A vector of length 1 of ``(1 + ln tf) * idf`` over the terms that ``rarity`` knows."""
    counts = Counter(term for term in found if term in rarity)
    weights = {term: (1.0 + math.log(count)) * rarity[term] for term, count in counts.items()}
    norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {term: weight / norm for term, weight in weights.items()}


def frequent_levels(examples: Sequence[Example]) -> list[tuple[str, str]]:
    """The (factor, level) pairs that have a column: those of at least three of these posts, sorted."""
    counts = Counter(pair for example in examples for pair in example.arm.items())
    return sorted(pair for pair, posts in counts.items() if posts >= _FEWEST_WITH_LEVEL)


def describe(
    examples: Sequence[Example],
    levels: Sequence[tuple[str, str]],
    drafts_from: int | None = None,
) -> Floats:
    """One row for each example, which stand in order of time; columns are not scaled.

    Args:
        levels: the levels of arms that get a column each.
        drafts_from: the rows from here on are alternatives for one slot that do not follow each other;
            each follows the last row before them.
    """
    rows = []
    for at, example in enumerate(examples):
        after = at if drafts_from is None else min(at, drafts_from)
        held = [float(example.arm.get(factor) == level) for factor, level in levels]
        rows.append([*_shape(example.text), *_calendar(example.at), *_pace(examples, at, after), *held])
    return np.array(rows, dtype=float).reshape(len(rows), -1)


def _shape(text: str) -> list[float]:
    """What can be seen without reading: length, links, punctuation, capitals, whom it speaks to."""
    body = _LINK.sub("", text)
    written = body.split()
    length = len(body) / 100
    return [
        length,
        length**2,
        len(written) / 10,
        float(bool(_LINK.search(text))),
        float("?" in body),
        float("!" in body),
        float(":" in body),
        float(any(sign.isdigit() for sign in body)),
        sum(sign.isupper() for sign in body) / max(1, len(body)) * 10,
        min(sum(word.isupper() and len(word) > 2 for word in written), 10),
        float(text.startswith(("@", ".@"))),
        float(text.startswith(_QUOTES)),
        float(any(mark in body for mark in _QUOTES)),
        min(body.count("#"), 3),
        min(body.count("@"), 3),
    ]


def _calendar(at: datetime) -> list[float]:
    """Hour of the day (two harmonics) and of the week, and whether it is a weekend."""
    hour = at.hour + at.minute / 60
    day, week = 2 * math.pi * hour / 24, 2 * math.pi * (at.weekday() + hour / 24) / 7
    waves = [f(angle) for angle in (day, 2 * day, week) for f in (math.sin, math.cos)]
    return [*waves, float(at.weekday() >= 5)]


def _pace(examples: Sequence[Example], at: int, after: int) -> list[float]:
    """Hours since the post before row ``after``, and posts in the day before, as logarithms."""
    now = examples[at].at
    gap = (now - examples[after - 1].at).total_seconds() / 3600 if after else 1.0
    recent = 0
    while recent < after and now - examples[after - recent - 1].at <= timedelta(days=1):
        recent += 1
    return [math.log1p(max(gap, 0.0)), math.log1p(recent)]


class KnownRewards:
    """What was known of the rewards of ``examples`` when each of them was posted.

    Args:
        maturity: how long after posting a reward becomes known.
    """

    def __init__(self, examples: Sequence[Example], maturity: timedelta) -> None:
        valued = sorted((one.at + maturity, at) for at, one in enumerate(examples) if one.value is not None)
        ripe = [moment for moment, _ in valued]
        self.order = np.array([at for _, at in valued], dtype=np.int64)
        """Rows with a reward, in the order in which their rewards became known."""
        self.known = np.array([bisect_right(ripe, one.at) for one in examples], dtype=np.int64)
        """For each row, how many of ``order`` were known."""
        self.values = np.array([np.nan if one.value is None else one.value for one in examples], dtype=float)

    def medians(self) -> Floats:
        """For each row the rolling median of what was known; 0 before anything was."""
        kept = self.values[self.order]
        seen = [float(np.median(kept[max(0, n - ROLLING) : n])) if n else 0.0 for n in range(len(kept) + 1)]
        return np.array(seen)[self.known]

    def weighted_means(self, series: Floats, half_life: float, first: float) -> Floats:
        """For each row the mean of what was known of ``series``, newer rows weighing more.

        Args:
            series: a value for each row that has a reward.
            half_life: after so many rewards a weight is half as large.
            first: what stands before anything is known.
        """
        fade = 0.5 ** (1.0 / half_life)
        total = weight = 0.0
        seen = [first]
        for value in series[self.order]:
            total, weight = total * fade + float(value), weight * fade + 1.0
            seen.append(total / weight)
        return np.array(seen)[self.known]
