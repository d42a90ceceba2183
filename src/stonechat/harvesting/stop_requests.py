"""People who want no replies of an automated account: how they say so, and how the account remembers it.

Heard at once, for ever, and never answered. In doubt it is heard: a reply lost costs little. What is read is
the sense of a sentence, not a list of phrases: a word of stopping beside one of replying, a negation beside
it, bots beside what keeps them out. Spelling is levelled first (case, accents, letters spelled out or
repeated, digits for letters, emoji); what somebody quotes is not said by them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from stonechat.harvesting.levelled_text import sentences

NEAR = 5
"""Words between which two words of one request stand at most."""

SHORT = 5
"""A request without any word about whom it concerns has at most so many words."""


FEW = 2
"""In more sentences than that, one that only says "stop" is part of what is told."""


def wants_no_bots(text: str) -> bool:
    """Whether a profile or a post asks automated accounts to stay away."""
    return any(_keeps_bots_out(said, asks=asks) for said, asks in sentences(text))


def wants_no_replies(text: str) -> bool:
    """Whether a post that speaks to us asks us to stop."""
    found = sentences(text)
    few = len(found) <= FEW
    return wants_no_bots(text) or any(_tells_us(said, asks=asks, few=few) for said, asks in found)


def _keeps_bots_out(said: str, *, asks: bool) -> bool:
    if _pattern("no_bots").search(said):
        return True
    words = _plain_words(said)
    if any(_pattern("tags").fullmatch(word.replace("_", "").replace("-", "")) for word in words):
        return True
    machines = _places(words, "bot") + [
        place
        for place in _places(words, "machine")
        if _near(place, _places(words, "made"), 2) or _before(place, _places(words, "announces"), 1)
    ]
    if asks and not _places(words, "me"):
        return False
    about_self = bool(_places(words, "self"))
    if machines and _places(words, "no") and _places(words, "want"):
        return True
    for place in machines:
        if _before(place, _places(words, "no"), 3) or _near(place, _places(words, "unwelcome"), NEAR):
            return True
        if _before(place, _places(words, "if"), NEAR) and _places(words, "no"):
            return True
        if place == 0 and _after(place, _places(words, "no"), 2) and not about_self:
            return True
    return False


def _tells_us(said: str, *, asks: bool, few: bool) -> bool:
    words = _plain_words(said)
    if _pattern("stop_in_other_scripts").search(said) or (_pattern("idioms").search(said) and not asks):
        return True
    stops = [place for place in _places(words, "stop") if not _before(place, _places(words, "no"), 2)]
    if few and not asks and (stops or not _places(words, "stop")):
        last = [word for word in said.rpartition(",")[2].split() if not _is(word, "polite")]
        bare = last or [word for word in words if not _is(word, "polite")]
        if bare and all(_is(word, "stop") or _is(word, "alone") for word in bare):
            return True  # nothing but that is said, or said last
        if len(words) <= SHORT and _before(len(words), stops, 1):
            return True
    return _refuses_replies(words, stops, asks=asks) or _announces_a_block(words, asks=asks)


def _plain_words(said: str) -> list[str]:
    return [word for word in said.split() if word != ","]


def _refuses_replies(words: Sequence[str], stops: Sequence[int], *, asks: bool) -> bool:
    replies, noes = _places(words, "reply"), _places(words, "no")
    about = [*_places(words, "me"), *_places(words, "again")]
    if asks and not (about or _places(words, "bot")):
        return False
    for place in replies:
        speaks_of_self = _before(place, _places(words, "self"), NEAR) and not _before(
            place, _places(words, "you"), 3
        )
        concerns = _near(place, about, NEAR + 1) or bool(_places(words, "bot"))
        if _near(place, stops, NEAR) and not speaks_of_self:
            return True
        denied = _before(place, noes, NEAR) or _after(place, noes, 3)
        if denied and (_places(words, "want") or not speaks_of_self) and (concerns or len(words) <= SHORT):
            return True
    return False


def _announces_a_block(words: Sequence[str], *, asks: bool) -> bool:
    blocks = _places(words, "announces")
    if asks or not blocks:
        return False
    subject = " ".join(words[: blocks[0]])
    mine = _pattern("announced_by").search(subject)
    after = words[blocks[-1] + 1 :]
    return (not after or _is(after[0], "announced_to")) and (mine is not None or len(words) <= 3)


@cache
def _data() -> Mapping[str, Any]:
    text = (files("stonechat.harvesting") / "data" / "stop_words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _concept(name: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Its words, and its beginnings of words."""
    words = _data()[name].split()
    begins = tuple(word.rstrip("*") for word in words if word.endswith("*"))
    return frozenset(word for word in words if not word.endswith("*")), begins


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile("|".join(_data()["patterns"][name]))


def _is(word: str, concept: str) -> bool:
    if concept == "no" and word.endswith("n't"):
        return True
    whole, begins = _concept(concept)
    return word in whole or (bool(begins) and word.startswith(begins))


def _places(words: Sequence[str], concept: str) -> list[int]:
    return [number for number, word in enumerate(words) if _is(word, concept)]


def _near(place: int, others: Sequence[int], words: int) -> bool:
    return any(0 < abs(place - other) <= words for other in others)


def _before(place: int, others: Sequence[int], words: int) -> bool:
    return any(0 < place - other <= words for other in others)


def _after(place: int, others: Sequence[int], words: int) -> bool:
    return any(0 < other - place <= words for other in others)
