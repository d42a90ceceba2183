"""Guesses the language of a short text by its most common words and its script."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from stonechat.content.review.draft_review import Bounds, Draft

_LATIN = "\u024f"  # letters up to here are Latin ones
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


@cache
def common_words() -> Mapping[str, frozenset[str]]:
    """Function words by language (ISO 639-1)."""
    text = (files("stonechat.content") / "data" / "languages.toml").read_text(encoding="utf-8")
    return {language: frozenset(words.split()) for language, words in tomllib.loads(text).items()}


def language(draft: Draft, bounds: Bounds) -> str | None:
    """The text is in the account's language, as far as so short a text can tell."""
    wanted = bounds.voice.language
    common = common_words()
    if wanted not in common:
        return None
    text = draft.text
    letters = [char for char in text if char.isalpha()]
    foreign = sum(
        1 for char in letters if char > _LATIN and not unicodedata.name(char, "").startswith("LATIN")
    )
    if letters and foreign > 0.15 * len(letters):
        return "is not written in the account's script"
    words = [word.casefold().replace("\u2019", "'") for word in _WORD.findall(text)]
    shares = {name: sum(word in known for word in words) for name, known in common.items()}
    best = max(shares, key=lambda name: (shares[name], name == wanted))
    if best != wanted and shares[best] >= 3 and shares[best] >= shares[wanted] * 1.5 + 1:
        return f"reads like {best!r}, not {wanted!r}"
    if len(words) >= 12 and shares[wanted] == 0:
        return f"does not read like {wanted!r}"
    return None
