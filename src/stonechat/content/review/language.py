"""Which language a short text is in, by its script, its most common words and its dictionary."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from stonechat.content.review.characters import own_letter
from stonechat.content.review.draft_review import Bounds, Draft
from stonechat.content.review.words import has_words, unknown_words

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_ADDRESS = re.compile(r"[@#]\w+|\S*\w[./:]\w\S*")
_MOST_UNKNOWN = 0.2  # of the words: names, new words and slang stay below, ciphers and other languages do not
_STRETCH = 9  # so many words in a row without a function word are a list or a cipher, not a sentence


@cache
def common_words() -> Mapping[str, frozenset[str]]:
    """Function words by language (ISO 639-1)."""
    text = (files("stonechat.content") / "data" / "languages.toml").read_text(encoding="utf-8")
    return {language: frozenset(words.split()) for language, words in tomllib.loads(text).items()}


def language(draft: Draft, bounds: Bounds) -> str | None:
    """The text is in the account's language, as far as so short a text can tell."""
    return departs_from(draft.text, bounds.voice.language)


def departs_from(text: str, wanted: str) -> str | None:
    """Why a text is not in the language ``wanted``, or None where it may be."""
    letters = [char for char in text if char.isalpha()]
    foreign = sum(not own_letter(char, wanted) for char in letters)
    if letters and foreign > 0.15 * len(letters):
        return "is not written in the account's script"
    common = common_words()
    if wanted not in common:
        return None
    words = [word.casefold().replace("\u2019", "'") for word in _WORD.findall(text)]
    shares = {name: sum(word in known for word in words) for name, known in common.items()}
    best = max(shares, key=lambda name: (shares[name], name == wanted))
    if best != wanted and shares[best] >= 3 and shares[best] >= shares[wanted] * 1.5 + 1:
        return f"reads like {best!r}, not {wanted!r}"
    if len(words) >= 12 and shares[wanted] == 0:
        return f"does not read like {wanted!r}"
    unknown, count = unknown_words(_ADDRESS.sub(" ", text), wanted)
    if has_words(wanted) and len(unknown) >= 2 and len(unknown) > _MOST_UNKNOWN * count:
        return f"has too many words that are none in {wanted!r}"
    return None


def is_disguised(text: str, wanted: str) -> bool:
    """Whether a foreign post has a stretch that only a machine would decode: letters, lists, ciphers,
    codes.
    """
    unknown, count = unknown_words(text, wanted)
    if has_words(wanted) and len(unknown) > max(1, _MOST_UNKNOWN * count / 2):
        return True
    common = common_words().get(wanted, frozenset())
    run = 0
    for word in _WORD.findall(text):
        run = 0 if word.casefold().replace("\u2019", "'") in common else run + 1
        if common and run >= _STRETCH:
            return True
    return False
