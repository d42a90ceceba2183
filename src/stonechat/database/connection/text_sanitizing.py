"""Replaces characters that the database cannot store in texts from outside.

PostgreSQL takes no NUL in a text, and neither engine a half of a character (a lone surrogate, as a text cut
off in the middle of an emoji has). One such text in an error or in a stranger's post must not cost a run its
outcome or a whole harvest, so it is replaced on its way in: NUL by ``␀``, a half by ``�``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What SQLite keeps in JSON and PostgreSQL cannot keep at all."""

_HALVES = re.compile("[\ud800-\udfff]")
_NUL, _HALF = "\u2400", "\ufffd"


def storable(text: str) -> str:
    """The text as PostgreSQL can keep it."""
    return UNSTORABLE.sub(lambda found: _NUL if found[0] == "\x00" else _HALF, text)


def storable_json(value: Any) -> Any:
    """The same for every text within a JSON value."""
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable_json(key): storable_json(item) for key, item in value.items()}
        case list() | tuple():
            return [storable_json(item) for item in value]
        case _:
            return value


def dumps(value: Any) -> str:
    """JSON that PostgreSQL takes."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text or (not text.isascii() and _HALVES.search(text)):
        return json.dumps(storable_json(value), ensure_ascii=False)
    return text


def whole(text: str) -> str:
    """The text as SQLite can keep it: it takes NUL."""
    return text if text.isascii() else _HALVES.sub(_HALF, text)


def quick(text: str) -> str:
    """:func:`storable`, at next to no cost for nearly every text."""
    return text if text.isascii() and "\x00" not in text else storable(text)


def fitted(parameters: Any, fit: Callable[[str], str]) -> Any:
    """The parameters of a statement (or of many) with every text fitted; plain ones as they are."""
    kind = parameters.__class__
    if kind in _NESTED and _are_plain(parameters.values() if kind is dict else parameters):
        return parameters
    match parameters:
        case str():
            return fit(parameters)
        case dict():
            return {name: fitted(value, fit) for name, value in parameters.items()}
        case list():
            return [fitted(value, fit) for value in parameters]
        case tuple():
            return tuple([fitted(value, fit) for value in parameters])
        case _:
            return parameters


_NESTED = frozenset({dict, list, tuple})


def _are_plain(values: Iterable[Any]) -> bool:
    """Whether nothing can need fitting. This runs for every statement, so it is one loop."""
    for value in values:
        kind = value.__class__
        if kind is str:
            if not value.isascii() or "\x00" in value:
                return False
        elif kind in _NESTED:
            return False
    return True
