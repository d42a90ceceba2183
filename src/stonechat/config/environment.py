"""The environment's settings, cleaned of what editors, shells and containers leave around a value.

Blanks, line ends and invisible signs around a value do not count; quotation marks do, for whoever reads them
(Docker's ``--env-file``) takes them for a part of the value, and so they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_AROUND = " \t\r\n\ufeff\u200b\u200e\u200f\u2060\xa0"
"""What is invisible around a value: blanks, line ends, a byte order mark, marks of direction."""

_MARKS = {('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u201e", "\u201c")}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ENCLOSED = (
    "stands in quotation marks, which Docker's --env-file takes for a part of the value: leave them out"
)


def read_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What the environment gives, without what is invisible around a value; an empty value is none.

    Blanks around a password are a part of it.
    """
    cleaned = {
        name: value if "PASSWORD" in name else value.strip(_AROUND) for name, value in environment.items()
    }
    return {name: value for name, value in cleaned.items() if value}


def flaw(value: str) -> str:
    """What no single value holds and editors and containers bring in; empty where there is nothing."""
    if len(value) > 1 and (value[0], value[-1]) in _MARKS:
        return _ENCLOSED
    return "holds a line end, a tab or another control character" if _CONTROLS.search(value) else ""
