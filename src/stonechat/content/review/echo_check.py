"""For replies and quotes: the text must not repeat or obey what the foreign post says."""

from __future__ import annotations

import re

from stonechat.content.review.deobfuscation import hidden
from stonechat.content.review.draft_review import Bounds, Draft
from stonechat.content.review.language import common_words

_RUN = 4  # so many words in a row, taken over from the foreign post, are no chance
_QUOTED = re.compile(r"[\"“”«»„`']([^\"“”«»„`'\n]{3,200})[\"“”«»„`']")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


def echo(draft: Draft, bounds: Bounds) -> str | None:
    """The text is our own: no run of words, no quoted demand, no loud or strange word of the author's."""
    if not draft.kind.addresses or not bounds.foreign:
        return None
    ours = [word.casefold() for word in _WORD.findall(draft.text)]
    sources = [bounds.foreign, *hidden(bounds.foreign)]
    for source in sources:
        why = _taken(draft.text, ours, source)
        if why:
            return why
    return None


def _taken(text: str, ours: list[str], source: str) -> str | None:
    theirs = [word.casefold() for word in _WORD.findall(source)]
    runs = {tuple(theirs[at : at + _RUN]) for at in range(len(theirs) - _RUN + 1)}
    if any(tuple(ours[at : at + _RUN]) in runs for at in range(len(ours) - _RUN + 1)):
        return "repeats words of the post that it speaks to"
    joined = f" {' '.join(ours)} "
    for match in _QUOTED.finditer(source):
        demand = " ".join(word.casefold() for word in _WORD.findall(match[1]))
        if demand and demand not in common_words()["en"] and f" {demand} " in joined:
            return "says what the post put in quotation marks"
    loud = {word.casefold() for word in _WORD.findall(source) if _strange(word)}
    shared = loud.intersection(ours)
    return "takes over a name, number or loud word of the post" if shared else None


def _strange(word: str) -> bool:
    if any(char.isdigit() for char in word):
        return len(word) > 1
    return len(word) > 3 and (word.isupper() or not word[1:].islower())
