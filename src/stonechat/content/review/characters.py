"""Which characters a post may hold: an allow-list by Unicode category and script, not a list of tricks.

Whatever is not listed is refused: control and format characters, variation selectors that carry data, blanks
that are letters, stacked marks, look-alike letters of other scripts, letters in frames and mathematical
alphabets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from stonechat.content.review.draft_review import Bounds, Draft

SCRIPTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("ru", "uk", "bg", "sr", "mk", "be", "kk", "mn"), ("CYRILLIC",)),
        **dict.fromkeys(("ar", "fa", "ur"), ("ARABIC",)),
        **dict.fromkeys(("hi", "mr", "ne"), ("DEVANAGARI",)),
        "el": ("GREEK",),
        "he": ("HEBREW",),
        "hy": ("ARMENIAN",),
        "ka": ("GEORGIAN",),
        "th": ("THAI",),
        "bn": ("BENGALI",),
        "ta": ("TAMIL",),
        "te": ("TELUGU",),
        "ko": ("HANGUL SYLLABLE", "CJK UNIFIED"),
        "zh": ("CJK UNIFIED",),
        "ja": ("CJK UNIFIED", "HIRAGANA", "KATAKANA"),
    }
)
"""Beginnings of the Unicode names of a language's own letters, where it is not written in Latin ones."""

_CATEGORIES = frozenset({"Lu", "Ll", "Lo", "Nd", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk"})
_SPACES = frozenset(" \n\u00a0\u202f")
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800\u00aa\u00ba")
_PLAIN_SYMBOLS = frozenset("©®°™№…½¼¾²³")
_EMOJI = re.compile(
    "[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u2300-\u23ff\U0001f1e6-\U0001f1ff]"
)
_JOINED = re.compile(
    f"({_EMOJI.pattern})\ufe0f?[\U0001f3fb-\U0001f3ff]?(?:\u200d{_EMOJI.pattern}\ufe0f?[\U0001f3fb-\U0001f3ff]?)*"
)
_FRAMED = re.compile("[\U0001f100-\U0001f1e5\U0001f200-\U0001f2ff]")
_TURNED = re.compile(r"(?<=[a-z])[A-Z][^\W\d_]*")
_MOST_TURNED = 3  # brands are written so
_LETTER_BY_LETTER = re.compile(
    r"(?<![^\W\d_])[^\W\d_](?:[ .\-_/*'\u2019\u2013\u2014·,|]{1,3}[^\W\d_]){3,}(?![^\W\d_])"
)
_MOST_MARKS = 2  # on one letter; Vietnamese and Hebrew need two, nobody writes more


def characters(draft: Draft, bounds: Bounds) -> str | None:
    """Only letters of the account's script, Western digits, punctuation, ordinary blanks and emoji."""
    text = unicodedata.normalize("NFC", _JOINED.sub(r"\1", draft.text))
    scripts = SCRIPTS.get(bounds.voice.language, ())
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) == "Mn" else 0
        if marks > (_MOST_MARKS if scripts else 0):
            return "stacks marks on a letter"
        if not marks and not _allowed(char, scripts):
            if char.isalpha() and unicodedata.normalize("NFKC", char) == char:
                return "is not written in the account's script"
            return f"contains a character that no post needs (U+{ord(char):04X})"
    if _LETTER_BY_LETTER.search(text):
        return "spells a word letter by letter"
    return "mixes capitals into its words" if len(_TURNED.findall(text)) > _MOST_TURNED else None


@lru_cache(maxsize=4096)
def _allowed(char: str, scripts: tuple[str, ...]) -> bool:
    if char in _SPACES or char in _PLAIN_SYMBOLS:
        return True
    if char in _BLANK_LETTERS or _FRAMED.match(char):
        return False
    category = unicodedata.category(char)
    if category == "So":
        return bool(_EMOJI.match(char))
    if category in {"Lu", "Ll", "Lo", "Lm", "Mc"}:
        return _of_script(char, scripts)
    if category == "Nd":
        return char.isascii()
    if category == "Cf":  # joins letters in Arabic and Indic scripts
        return char == "\u200c" and bool(scripts)
    return category in _CATEGORIES and unicodedata.normalize("NFKC", char).strip() != "" and _plain_sign(char)


def _plain_sign(char: str) -> bool:
    """Not the wide or small form of an ASCII sign, which networks take for the sign itself."""
    plain = unicodedata.normalize("NFKC", char)
    return plain == char or not plain.isascii()


def own_letter(char: str, language: str) -> bool:
    """Whether a letter is Latin, or of the script that the language is written in."""
    return _of_script(char, SCRIPTS.get(language, ()))


def _of_script(char: str, scripts: tuple[str, ...]) -> bool:
    if "a" <= char.casefold() <= "z":
        return True
    if scripts:
        return unicodedata.name(char, "").startswith((*scripts, "KATAKANA-HIRAGANA"))
    return "\u00c0" <= char <= "\u024f" or "\u1e00" <= char <= "\u1eff"
