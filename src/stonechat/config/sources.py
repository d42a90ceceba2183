"""Where settings come from, cleaned of what editors, shells and containers leave around a value.

A settings file may begin with a byte order mark and be UTF-16, as Windows writes it. In the environment
blanks, line ends and invisible signs around a value do not count; quotation marks do, for whoever reads them
(Docker's ``--env-file``) takes them for a part of the value, and so they are refused.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stonechat.core.errors import ConfigFault

SETTINGS_FILE = "stonechat.toml"

_AROUND = " \t\r\n\ufeff\u200b\u200e\u200f\u2060\xa0"
"""What is invisible around a value: blanks, line ends, a byte order mark, marks of direction."""

_MARKS = {('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u201e", "\u201c")}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENCLOSED = (
    "stands in quotation marks, which Docker's --env-file takes for a part of the value: leave them out"
)
_FORM = 'TOML in UTF-8: one NAME = "value" a line'


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


def read_settings_file(folder: Path | None, faults: list[ConfigFault]) -> dict[str, Any]:
    """The tables of ``stonechat.toml`` in ``folder``; nothing where there is none."""
    path = (folder or Path()) / SETTINGS_FILE
    try:
        return parse_settings_file(path)
    except FileNotFoundError:
        return {}
    except OSError as exc:
        faults.append(ConfigFault(str(path), f"cannot be read: {exc.strerror}", "a file that can be read"))
    except ValueError as exc:
        faults.append(ConfigFault(str(path), f"cannot be read: {exc}", _FORM))
    return {}


def parse_settings_file(path: Path) -> dict[str, Any]:
    """What the file says.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is not TOML, and where; nothing of a value is repeated.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode(next((code for mark, code in _BOMS if raw.startswith(mark)), "utf-8"))
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ValueError(f"it is not text in UTF-8 (line {line}); save it as UTF-8") from exc
    if "\0" in text:
        raise ValueError("it is UTF-16 without its mark, or no text; save it as UTF-8")
    try:
        return tomllib.loads(text)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    except ValueError as exc:
        where = re.search(r"\(at (?:line \d+, column \d+|end of document)\)", str(exc))
        raise ValueError(f"it is not TOML {where[0] if where else ''}".rstrip()) from exc
