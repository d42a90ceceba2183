"""Reads TOML that a person wrote: settings, voices, arms. Whatever is wrong with it is one declared error.

``tomllib`` answers some wrong files with ``RecursionError`` (nesting) or a bare ``ValueError`` (a figure of
5,000 digits), and gives back figures that no database column and no float can hold. A file may begin with a
byte order mark and be UTF-16, as Windows writes it. Errors repeat nothing of what is written, which may be
secret.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from stonechat.core.given_files import read_given

MOST_BYTES = 1024 * 1024
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LARGEST = 2**63
"""TOML 1.0 asks for 64-bit figures, and no more."""


class UnsafeToml(ValueError):
    """The file cannot be read as TOML; the message says why."""


def read_toml(path: Path) -> dict[str, Any]:
    """What a file says.

    Raises:
        FileNotFoundError: there is none.
        UnsafeToml: it cannot be read, or is no TOML.
    """
    return parse_toml(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file, without the mark that it may begin with.

    Raises:
        FileNotFoundError: there is none.
        UnsafeToml: it cannot be read, is too long, or is no text.
    """
    try:
        data = read_given(path, MOST_BYTES)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as exc:  # a path with a null byte is a ValueError
        raise UnsafeToml(getattr(exc, "strerror", None) or str(exc)) from exc
    try:
        text = data.decode(next((code for mark, code in _BOMS if data.startswith(mark)), "utf-8"))
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise UnsafeToml(f"it is not text in UTF-8 (line {line}); save it as UTF-8") from exc
    if "\0" in text:
        raise UnsafeToml("it is UTF-16 without its mark, or no text; save it as UTF-8")
    return text


def parse_toml(text: str) -> dict[str, Any]:
    """What a text says.

    Raises:
        UnsafeToml: it is no TOML.
    """
    try:
        data = tomllib.loads(text)
        _check(data)
    except RecursionError as exc:
        raise UnsafeToml("it is nested too deeply") from exc
    except UnsafeToml:
        raise
    except ValueError as exc:  # tomllib.TOMLDecodeError is one
        where = re.search(r"\(at (?:line \d+, column \d+|end of document)\)", str(exc))
        raise UnsafeToml(f"it is not TOML {where[0] if where else ''}".rstrip()) from exc
    return data


def _check(value: Any) -> None:
    match value:
        case dict():
            for one in value.values():
                _check(one)
        case list():
            for one in value:
                _check(one)
        case int() if not -_LARGEST <= value < _LARGEST:
            raise UnsafeToml("it has a figure of more than 64 bits")
        case _:
            return
