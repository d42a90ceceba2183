"""A text as what it says, whatever its spelling: plain words by sentence, without what it quotes."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz.distance import OSA

_QUOTED = re.compile(
    r"\"[^\"\n]{2,}\"|\u201c[^\u201d\n]{2,}\u201d|\u201e[^\u201c\u201d\n]{2,}[\u201c\u201d]|\u00ab[^\u00bb\n]{2,}\u00bb"
    r"|(?<!\w)'[^'\n]{4,}'(?!\w)|\u300c[^\u300d\n]{2,}\u300d|^\s*>.*$",
    re.MULTILINE,
)
_LEFT_OUT = re.compile(r"^(?:\s*@\w+)+|https?://\S+|(?<=\s)@\w{2,}")
_STOP_SIGNS = "\U0001f6d1\u270b\U0001f590\U0001f91a"
_NO_SIGNS = "\U0001f6ab\u26d4\U0001f645\u274c\U0001f44e"
_SIGNS = {"\U0001f916": " bot "} | dict.fromkeys(_STOP_SIGNS, " stop ") | dict.fromkeys(_NO_SIGNS, " no ")
_DIGITS = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "$": "s"})
_MIXED = re.compile(r"\b(?=\w*[a-z])(?=\w*[\d$])[a-z\d$]{3,}\b")
_SPELLED = re.compile(r"(?<!\w)(?:\w[ .\-_*]){2,}\w(?!\w)")
_PULLED = re.compile(r"(\w)\1{2,}")
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc`\u00b4]")
_ENDS = re.compile(r"([.!?\n;\uff01\uff1f\u3002\u061f\u2026|]+)")
_WORD_BY_WORD = re.compile(r"^(?:\s*\w+\s*[.!]+){3,}\s*$")
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e00-\u0e7f"
_BETWEEN_WORDS = re.compile(rf"[^\w{_MARKS}'@,]+|(?<!\w)'|'(?!\w)")
_SWAPPED = ("stop", "please", "reply", "replying", "responding", "answering", "tagging", "replies")


def sentences(text: str) -> list[tuple[str, bool]]:
    """Each sentence as plain words with blanks between them, and whether it asks something.

    A text that is nothing but a quotation says what it quotes.
    """
    plain = _levelled(text)
    bare = _QUOTED.sub(" ", plain)
    plain = bare if re.search(r"\w", _LEFT_OUT.sub(" ", bare)) or plain.lstrip().startswith(">") else plain
    plain = _LEFT_OUT.sub(" ", plain)
    if _WORD_BY_WORD.match(plain):
        plain = re.sub(r"[.!]+", " ", plain)
    pieces = [*_ENDS.split(plain), ""]
    said = zip(pieces[::2], pieces[1::2], strict=False)
    found = [(_words(piece), any(mark in end for mark in "?\uff1f\u061f")) for piece, end in said]
    return [one for one in found if one[0]]


def _levelled(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = _APOSTROPHES.sub("'", text)
    text = _without_accents(text)
    text = _MIXED.sub(lambda found: found[0].translate(_DIGITS), text)
    text = _SPELLED.sub(lambda found: re.sub(r"[ .\-_*]", "", found[0]), text)
    return _PULLED.sub(r"\1", text)


def _without_accents(text: str) -> str:
    """Marks go from Latin letters only: elsewhere they make another letter."""
    kept = []
    for char in text:
        parts = unicodedata.normalize("NFD", char)
        kept.append(parts[0] if len(parts) > 1 and parts[0].isascii() else char)
    return (
        "".join(kept)
        .replace("\u0131", "i")
        .replace("\u0142", "l")
        .replace("\xdf", "ss")
        .replace("i\u0307", "i")
    )


def _words(piece: str) -> str:
    bare = _BETWEEN_WORDS.sub(" ", piece.replace(",", " , "))
    return " ".join(_spelled(word) for word in bare.split())


def _spelled(word: str) -> str:
    """A word with two letters swapped, or one wrong in a long one, as what it was to be."""
    for right in _SWAPPED:
        same = word[:1] == right[:1] and sorted(word) == sorted(right)
        if word == right or (OSA.distance(word, right, score_cutoff=1) == 1 and (same or len(right) > 6)):
            return right
    return word
