"""Types of settings and how each is parsed: durations, lists, prices, keys, paths; addresses beside it.

A parser raises ``ValueError`` with words that follow the setting's name, and repeats nothing of a value that
may hold a password.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr

from stonechat.config.addresses import parse_database, parse_http, parse_redis
from stonechat.core.spoken_time import read_length, read_time_of_day

_DEAREST = 1_000_000
_ELEMENT = re.compile(r'(?:[^,"]|"[^"]*(?:"|$))+')
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SECOND_ADDRESS = re.compile(r",\s*[a-z][\w+.-]*://", re.IGNORECASE)


def parse_duration(value: Any) -> Any:
    """A timedelta, or one as :func:`stonechat.core.spoken_time.read_length` reads it."""
    return value if isinstance(value, timedelta) else read_length(str(value))


def _parse_day_part(value: Any) -> Any:
    """``23:00-07:00`` out of ``23.00-7.00``, ``11pm - 7am`` and the like."""
    if not isinstance(value, str) or not value.strip():
        return value
    ends = re.split(r"\s*(?:-|\u2013|\u2014|\bto\b)\s*", value.strip())
    if len(ends) != 2:
        raise ValueError("not two times of day")
    return "-".join(f"{read_time_of_day(end):%H:%M}" for end in ends)


def split_list(text: str) -> tuple[str, ...]:
    """The elements of a list in one line: in TOML, or separated by commas that no quotation mark encloses.

    Quotation marks stay where they stand; :func:`_bare` takes those away that enclose a whole element.
    """
    if text.lstrip().startswith("["):
        try:
            found = tomllib.loads(f"list = {text.strip()}")["list"]
        except ValueError as exc:
            raise ValueError('not a list in TOML: ["one", "two"]') from exc
        return tuple(found)
    return tuple(part for part in (found.strip() for found in _ELEMENT.findall(text)) if part)


def _bare(element: Any) -> Any:
    """An element without the quotation marks that enclose all of it."""
    whole = isinstance(element, str) and _QUOTED.fullmatch(element)
    return element[1:-1].replace('""', '"') if whole else element


def _parse_phrases(value: Any) -> Any:
    """Quotation marks are a part of the phrase: ``"these words"`` is searched for as it stands."""
    return split_list(value) if isinstance(value, str) else value


def _parse_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _QUOTED.fullmatch(value.strip()) and _SECOND_ADDRESS.search(value):
        raise ValueError("stands in quotation marks as a whole: put each element in its own, or in none")
    return tuple(_bare(one) for one in split_list(value))


def _check_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if any(re.search(r"[,\s]", one) for one in value):
        raise ValueError("a name holds a comma or a blank: separate names by commas, without quotation marks")
    return value


def _expand_home(value: Any) -> Any:
    """``~`` as a shell would read it, which neither Docker nor a settings file does."""
    if not isinstance(value, str | Path):
        return value
    try:
        path = Path(value).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except RuntimeError as exc:
        raise ValueError("begins with ~, and there is no such home folder") from exc
    except (OSError, ValueError) as exc:
        raise ValueError(f"no path that can be used: {getattr(exc, 'strerror', exc)}") from exc
    return path


def _parse_timezone(value: Any) -> Any:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("not an IANA time zone") from exc
    return value


def _parse_prices(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    prices: dict[str, tuple[float, float]] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, equals, amounts = part.rpartition("=")
        prompt, slash, completion = amounts.partition("/")
        if not (name and equals and slash):
            raise ValueError("a part is not name=prompt/completion")
        try:
            prices[name.strip()] = (float(prompt), float(completion))
        except ValueError as exc:
            raise ValueError("a price is not a number") from exc
    if not all(0 <= price <= _DEAREST for pair in prices.values() for price in pair):  # nor is NaN
        raise ValueError(f"a price is not from 0 to {_DEAREST}")
    return prices


def _check_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("a key is printable ASCII")
    return SecretStr(text)


Handle = Annotated[str, BeforeValidator(lambda value: str(value).strip().removeprefix("@"))]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
DayPart = Annotated[str, BeforeValidator(_parse_day_part)]
Words = Annotated[tuple[str, ...], BeforeValidator(_parse_list)]
Names = Annotated[tuple[str, ...], BeforeValidator(_parse_list), AfterValidator(_check_names)]
Phrases = Annotated[tuple[str, ...], BeforeValidator(_parse_phrases)]
HomePath = Annotated[Path, BeforeValidator(_expand_home)]
Prices = Annotated[Mapping[str, tuple[float, float]], BeforeValidator(_parse_prices)]
ApiKey = Annotated[SecretStr, AfterValidator(_check_key)]
TimeZone = Annotated[str, BeforeValidator(_parse_timezone)]
HttpUrl = Annotated[str, BeforeValidator(parse_http)]
DatabaseUrl = Annotated[str, BeforeValidator(parse_database)]
RedisUrl = Annotated[str, BeforeValidator(parse_redis)]
