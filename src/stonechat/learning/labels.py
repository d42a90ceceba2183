"""Levels of an arm read from a finished post by rules, where nobody chose them.

A rule that finds nothing names no level: the post then teaches the other factors only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from stonechat.learning.arms import Factors

_BULLET = re.compile(r"^\s*[-*\u2022\u2013]\s", re.MULTILINE)
_NUMBERED = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?\u2026]+(?:\s|$)")
_WORD = re.compile(r"\w+")
_SHORTEST = 4  # letters of a word that says what a text is about


def _first_sentence(text: str) -> str:
    end = _SENTENCE_END.search(text)
    return (text[: end.end()] if end else text).split("\n", 1)[0].strip()


_HOOKS: Mapping[str, Callable[[str], bool]] = {
    "how_to": lambda text: text.lower().startswith("how to "),
    "question": lambda text: _first_sentence(text).endswith("?"),
    "number": lambda text: bool(re.match(r"(?:the |my |these )?\d{1,3}\s+\w", text, re.IGNORECASE)),
    "contrarian": lambda text: bool(
        re.match(r"(?:stop|don.t|forget|unpopular|contrary|nobody|you don.t need)\b", text, re.IGNORECASE)
    ),
    "story": lambda text: bool(
        re.match(r"(?:i|my|yesterday|last|when i|once|one day|this morning)\b", text, re.IGNORECASE)
    ),
}
_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "steps": lambda text: len(_NUMBERED.findall(text)) >= 2,
    "list": lambda text: len(_BULLET.findall(text)) >= 2,
    "quote": lambda text: text.startswith(('"', "\u201c", "\u201e", "\u00ab")),
    "comparison": lambda text: bool(
        re.search(r"\b(?:vs|versus|instead of|rather than)\b", text, re.IGNORECASE)
    ),
    "one_liner": lambda text: "\n" not in text and len(_SENTENCE_END.findall(text)) <= 1,
    "plain": lambda text: True,
}
_LENGTHS: Mapping[str, Callable[[str], bool]] = {
    "short": lambda text: len(text) <= 100,
    "medium": lambda text: len(text) <= 180,
    "long": lambda text: True,
}
_RULES = {"hook": _HOOKS, "format": _FORMATS, "length": _LENGTHS}


@dataclass(frozen=True)
class Labeller:
    """Reads the levels that an account may choose.

    Attributes:
        hours: for levels of ``hour_block`` the local hours (first, up to).
        topics: for each topic what is said of it; its words are looked for.
    """

    factors: Factors
    hours: Mapping[str, tuple[int, int]]
    topics: Mapping[str, str]
    timezone: ZoneInfo

    def label(self, text: str, at: datetime) -> dict[str, str]:
        """The levels that the rules find, of those that may be chosen."""
        found = {factor: _first(rules, text) for factor, rules in _RULES.items()}
        found["topic"] = self._topic(text)
        found["hour_block"] = self._block(at.astimezone(self.timezone).hour)
        return {factor: level for factor, level in found.items() if level in self.factors.get(factor, ())}

    def _block(self, hour: int) -> str:
        return next((name for name, (start, end) in self.hours.items() if start <= hour < end), "")

    def _topic(self, text: str) -> str:
        """The topic whose words stand in the text most often; none where two are equal."""
        said = [word.lower() for word in _WORD.findall(text)]
        counts = sorted(((self._hits(topic, said), topic) for topic in self.topics), reverse=True)
        clear = counts and counts[0][0] and (len(counts) == 1 or counts[0][0] > counts[1][0])
        return counts[0][1] if clear else ""

    def _hits(self, topic: str, said: list[str]) -> int:
        told = _WORD.findall(f"{topic} {self.topics[topic]}".lower())
        stems = {word[:5] for word in told if len(word) >= _SHORTEST}
        return sum(word[:5] in stems for word in said if len(word) >= _SHORTEST)


def _first(rules: Mapping[str, Callable[[str], bool]], text: str) -> str:
    return next((level for level, holds in rules.items() if holds(text)), "")
