"""Which words a language has: a Bloom filter over its dictionary, made by ``scripts/make_words.py``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

HASHES = 5
_TOKEN = re.compile(r"\S+")
_LETTERS = re.compile(r"[^\W\d_]+")


def positions(word: str, bits: int) -> Iterator[int]:
    """The bits that stand for ``word`` in a filter of ``bits`` bits (double hashing)."""
    digest = hashlib.blake2b(word.encode(), digest_size=16).digest()
    one, other = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
    return ((one + number * other) % bits for number in range(HASHES))


def has_words(language: str) -> bool:
    """Whether the words of this language (ISO 639-1) are known."""
    return bool(_filter(language))


def is_word(word: str, language: str) -> bool:
    """Whether ``word`` is one of the language's words or forms; letters only, in any case.

    A form that is written with an apostrophe or a hyphen is asked for part by part. About 2 % of what is no
    word passes for one, so ask for several words before you decide anything.
    """
    known = _filter(language)
    size = len(known) * 8
    parts = [part.casefold() for part in _LETTERS.findall(word)]
    return bool(size) and all(
        len(part) == 1 or all(known[at >> 3] >> (at & 7) & 1 for at in positions(part, size))
        for part in parts
    )


def unknown_words(text: str, language: str) -> tuple[list[str], int]:
    """The tokens with letters that are no words of the language, and how many tokens with letters there
    are.
    """
    tokens = [token for token in _TOKEN.findall(text) if _LETTERS.search(token)]
    return [token for token in tokens if not _reads(token, language)], len(tokens)


def _reads(token: str, language: str) -> bool:
    """Letters with nothing among them but an apostrophe, a hyphen or a slash, and each part a word."""
    bare = token.strip(".,;:!?()[]{}\"'“”„«»\u2018\u2019\u201a…\u2013—-*/")
    return bool(re.fullmatch(r"[^\W\d_]+(?:['\u2019/&\u2013—-]+[^\W\d_]+)*", bare)) and is_word(
        bare, language
    )


@cache
def _filter(language: str) -> bytes:
    file = files("stonechat.content") / "data" / "words" / f"{language}.bloom"
    return file.read_bytes() if file.is_file() else b""
