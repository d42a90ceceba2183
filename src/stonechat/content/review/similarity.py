"""How alike two texts are, and which of the recent ones a draft repeats.

Three measures of RapidFuzz on normalised text: the share of matching characters in order, which finds
edited copies; the same over sorted words, which finds reordered ones; and how much of the shorter text
stands in the longer one, which finds a copy with something added. The thresholds were set on the
labelled pairs of ``tests/unit/content/likeness_pairs.py``.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process

ALIKE = 76.0
"""Likeness, 0 to 100, from which a text counts as a near-duplicate."""

_CONTAINED = 94.0  # so much of the shorter text stands in the longer one
_WHOLE = 0.5  # and the shorter one is at least so long, as a share of the longer one
_SHARED = 0.6  # of the shorter text's words, before its letters are looked at
_LEAST = 40  # characters; anything may contain a few words

_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_LINK = re.compile(r"https?://\S+|[@#]\w+")


@dataclass(frozen=True, slots=True)
class Match:
    """The most alike of the known texts. ``score`` is 0 to 100."""

    text: str
    score: float


class History:
    """Recent texts, normalised once, so that many drafts are compared quickly.

    Args:
        texts: newest first; only the first ``limit`` are kept, so a comparison costs the same however
            long the account has been posting.
    """

    def __init__(self, texts: Iterable[str] = (), *, limit: int = 500) -> None:
        self._texts: list[str] = []
        for text in texts:
            if len(self._texts) == limit:
                break
            self._texts.append(text)
        self._plain = [normalised(text) for text in self._texts]
        self._sorted = [_sorted(text) for text in self._plain]
        self._marks = [_marks(text) for text in self._plain]

    def __len__(self) -> int:
        return len(self._texts)

    def without(self, text: str) -> History:
        """The same history but for one text, so that an edited post is not held against itself."""
        return History([one for one in self._texts if one != text], limit=len(self._texts))

    def closest(self, text: str, threshold: float = ALIKE) -> Match | None:
        """The most alike known text at or above the threshold, or None."""
        plain = normalised(text)
        if not plain:
            return None
        found = process.extractOne(plain, self._plain, scorer=fuzz.ratio, score_cutoff=threshold)
        if found:
            return Match(self._texts[found[2]], float(found[1]))
        return self._rearranged(plain, threshold)

    def _rearranged(self, plain: str, threshold: float) -> Match | None:
        """A known text with the same words in another order, or one that stands in the other as a whole."""
        marks, ordered = _marks(plain), _sorted(plain)
        most = marks.bit_count()
        for number, theirs in enumerate(self._marks):
            # comparing marks is a thousand times as quick as aligning letters, and rules out nearly all
            shared = (marks & theirs).bit_count() / min(most, theirs.bit_count() or 1)
            if shared < _SHARED:
                continue
            score = fuzz.ratio(ordered, self._sorted[number], score_cutoff=threshold)
            score = score or _contained(plain, self._plain[number])
            if score:
                return Match(self._texts[number], score)
        return None


def likeness(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 100; symmetric."""
    a, b = normalised(one), normalised(other)
    return max(fuzz.ratio(a, b), fuzz.ratio(_sorted(a), _sorted(b)), _contained(a, b))


def _contained(one: str, other: str) -> float:
    """How much of the shorter text stands in the longer one; 0 where that proves nothing."""
    short, long = sorted((len(one), len(other)))
    if short < _LEAST or short < _WHOLE * long:
        return 0.0
    return fuzz.partial_ratio(one, other, score_cutoff=_CONTAINED)


def normalised(text: str) -> str:
    """Words only: compatibility forms, case, links, mentions and punctuation gone."""
    folded = unicodedata.normalize("NFKC", _LINK.sub(" ", text)).casefold().replace("\u2019", "'")
    return " ".join(_WORDS.findall(folded))


def _marks(plain: str) -> int:
    """The words as bits of a number, so that what two texts share is one operation."""
    marks = 0
    for word in plain.split():
        marks |= 1 << (zlib.crc32(word.encode()) & 1023)
    return marks


def _sorted(plain: str) -> str:
    return " ".join(sorted(plain.split()))
