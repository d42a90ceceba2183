"""Simulated accounts of different kinds, with texts, for the predictors.

Each kind makes another thing matter: what can be seen of a text, its words, its hour, the day, an audience
that grows or wanders. No recording is like all accounts; a feature is kept where it helps on several kinds.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from stonechat.learning.features import Example

_VOCABULARY = """
morning habit people room walk sleep light food coffee city river market budget school music
garden team game story number reason mistake question answer letter window summer winter plan
change rule friend mother doctor engine code data price tax vote border trade deal jobs news media
court senate debate rally crowd poll win loss great sad bad good love thank honor family country
world future history science climate energy health insurance worker
"""
_WORDS = tuple(_VOCABULARY.split())

_MARKS = ("handle", "link", "question", "exclamation", "capitals", "digits", "length", "quotation", "hashtag")
_TYPICAL = (-1.0, -0.3, -0.1, 0.2, 0.3, 0.0, 0.3, -0.4, -0.1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What moves the log reward of a post, as standard deviations; ``shape`` scales the effects of marks.

    Attributes:
        walk: of the level's step from post to post; ``growth`` is what the level gains over all posts.
        day: of a shock that all posts of a day share.
        hour: height of a daily wave.
        jump: what the level gains after 60 % of the posts.
        redrawn: whether the effects of marks change at half time.
        mentions: share of the posts that begin with a handle.
        cascade: share of the posts that follow the one before within minutes.
        fame: height of a wave of attention that comes every sixty posts or so and halves in two days.
        counts: the log reward is that of a whole number drawn around what the post is worth, often 0.
        level: mean log reward to begin with.
    """

    posts: int = 1500
    per_day: int = 6
    shape: float = 0.3
    words: float = 0.2
    hour: float = 0.2
    day: float = 0.2
    walk: float = 0.02
    noise: float = 0.6
    growth: float = 0.0
    jump: float = 0.0
    redrawn: bool = False
    mentions: float = 0.1
    cascade: float = 0.0
    fame: float = 0.0
    counts: bool = False
    level: float = 6.0


_USUAL = Kind()
KINDS: dict[str, Kind] = {
    "shape of the text": replace(_USUAL, shape=1.0, words=0.15),
    "many replies, growing": replace(_USUAL, shape=1.2, words=0.3, growth=1.2, mentions=0.35, per_day=8),
    "words": replace(_USUAL, shape=0.1, words=0.6),
    "hours": replace(_USUAL, shape=0.1, words=0.1, hour=0.7),
    "growing fast": replace(_USUAL, walk=0.05, growth=4.0),
    "wandering": replace(_USUAL, walk=0.12),
    "days": replace(_USUAL, day=0.8, walk=0.01),
    "a jump": replace(_USUAL, jump=1.5),
    "changed effects": replace(_USUAL, shape=0.6, words=0.3, redrawn=True),
    "one post a day": replace(_USUAL, posts=400, per_day=1, shape=0.5, walk=0.05, day=0.0),
    "nothing but level": replace(_USUAL, shape=0.0, words=0.0, hour=0.0, walk=0.03, noise=0.9),
    "mostly zero": replace(_USUAL, counts=True, level=-1.6, shape=0.5, words=0.3, hour=0.4),
    "mostly zero, wandering": replace(_USUAL, counts=True, level=-1.2, walk=0.06, shape=0.3),
    "small numbers": replace(_USUAL, counts=True, level=1.0, shape=0.5, words=0.3),
    "cascades": replace(_USUAL, cascade=0.8, day=0.4, shape=0.5),
    "waves of attention": replace(_USUAL, fame=3.0, shape=0.5, words=0.3),
    "50 posts": replace(_USUAL, posts=50, shape=0.7, walk=0.05),
    "100 posts": replace(_USUAL, posts=100, shape=0.7, hour=0.4, walk=0.05),
    "200 posts, small numbers": replace(_USUAL, posts=200, counts=True, level=1.0, shape=0.7),
    "60 posts, mostly zero": replace(_USUAL, posts=60, counts=True, level=-1.2, shape=0.7),
}


def simulated(kind: Kind, seed: int) -> list[Example]:
    """The posts of one account of this kind, in order of time."""
    rng = random.Random(seed)
    account = _Account(kind, rng)
    return [account.post(at) for at in range(kind.posts)]


class _Account:
    def __init__(self, kind: Kind, rng: random.Random) -> None:
        self._kind, self._rng = kind, rng
        self._effects = self._drawn()
        self._of_word = {
            word: rng.gauss(0, kind.words) if rng.random() < 0.35 else 0.0 for word in sorted(set(_WORDS))
        }
        self._subjects = [rng.sample(_WORDS, 14) for _ in range(6)]
        self._phase = rng.random() * 2 * math.pi
        self._level, self._shock, self._fame = rng.gauss(kind.level, 0.3 if kind.counts else 1), 0.0, 0.0
        self._at = datetime(2025, 1, 6, 6, tzinfo=UTC)

    def _drawn(self) -> dict[str, float]:
        drawn = (self._rng.gauss(typical, 0.3) for typical in _TYPICAL)
        return {mark: self._kind.shape * effect for mark, effect in zip(_MARKS, drawn, strict=True)}

    def post(self, number: int) -> Example:
        kind, rng = self._kind, self._rng
        self._pass_time()
        self._level += rng.gauss(0, kind.walk) + kind.growth / kind.posts
        if number == round(0.6 * kind.posts):
            self._level += kind.jump
        if kind.redrawn and number == kind.posts // 2:
            self._effects = self._drawn()
        text, worth = self._text()
        wave = kind.hour * math.sin(2 * math.pi * self._at.hour / 24 + self._phase)
        noise = rng.gauss(0, kind.noise) * (2.5 if rng.random() < 0.05 else 1.0)
        log = self._level + self._shock + self._fame + worth + wave + noise
        return Example(text, self._at, self._counted(log) if kind.counts else max(0.0, log))

    def _counted(self, log: float) -> float:
        """The log reward of a number drawn around ``exp(log)``."""
        chance = np.random.default_rng(self._rng.getrandbits(32))
        return math.log1p(chance.poisson(math.exp(min(log, 20.0))))

    def _pass_time(self) -> None:
        before, at = self._at.date(), self._at
        soon = self._kind.cascade and self._rng.random() < self._kind.cascade
        pause = 12 if soon else self._kind.per_day / 24 * (1 - self._kind.cascade)
        self._at += timedelta(hours=self._rng.expovariate(pause))
        self._fame *= 0.5 ** ((self._at - at) / timedelta(days=2))
        if self._kind.fame and self._rng.random() < 1 / 60:
            self._fame = self._kind.fame
        if self._at.hour < 6:
            self._at += timedelta(hours=6 - self._at.hour)
        if self._at.date() != before:
            self._shock = self._rng.gauss(0, self._kind.day)

    def _text(self) -> tuple[str, float]:
        """A text, and what its words and marks add to the log reward."""
        rng, effects = self._rng, self._effects
        subject = rng.choice(self._subjects)
        words = [rng.choice(subject) for _ in range(rng.randint(3, 24))]
        worth = sum(self._of_word[word] for word in set(words)) / math.sqrt(3)
        worth += effects["length"] * (len(words) - 13) / 6
        chances = {"capitals": 0.12, "digits": 0.15, "question": 0.2, "exclamation": 0.3, "hashtag": 0.25}
        chances |= {"link": 0.35, "handle": self._kind.mentions, "quotation": 0.08}
        marks = {mark for mark, chance in chances.items() if rng.random() < chance}
        if "capitals" in marks:
            words[0] = words[0].upper()
        text = " ".join(words)
        text += f" {rng.randint(2, 999)}" if "digits" in marks else ""
        text += ("?" if "question" in marks else "") + ("!" if "exclamation" in marks else "")
        text += f" #{rng.choice(subject)}" if "hashtag" in marks else ""
        text = f'"{text}"' if "quotation" in marks else text
        text = f"@{rng.choice(subject)}fan {text}" if "handle" in marks else text
        text += f" https://t.co/{rng.getrandbits(40):x}" if "link" in marks else ""
        return text, worth + sum(effects[mark] for mark in sorted(marks))
