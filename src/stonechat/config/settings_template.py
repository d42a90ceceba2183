"""``stonechat.toml`` as ``stonechat init`` writes it: every setting explained, the owner's answers filled in.

A file that is there is edited: what the owner wrote, its comments and its order stay.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

import tomlkit
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from stonechat.config.loader import sections
from stonechat.config.networks import KnownNetworks
from stonechat.config.settings import AccountSettings, Section, expected_form

WIDTH = 100

_HEAD = """\
# The settings of Stonechat, read from the folder that it is started in. Written by `stonechat init`, which
# also edits them; edit them freely. A line that begins with `# NAME =` shows a default: take the # away to
# change it. The environment wins over this file. `stonechat doctor` checks all of it.
"""

_SET_BY_THE_DEMO = "leave it alone"
_FIRST = ("accounts", "startup", "content", "alerting", "dashboard", "posting")


def template(networks: KnownNetworks) -> str:
    """A file with every setting and what it does, none of them set."""
    every: dict[str, type[Section]] = {**sections(), "accounts": AccountSettings}
    order = dict.fromkeys([*_FIRST, *every])
    parts = [_HEAD, *(_section(name.capitalize(), every[name]) for name in order)]
    parts += [_section(f"The network {one.name}", one.section) for one in networks.every.values()]
    return "\n".join(filter(None, parts))


def edited(text: str, values: Mapping[str, Any]) -> str:
    """``text`` (TOML) with these settings set; a default that is shown for one gives way to its value.

    Raises:
        tomlkit.exceptions.TOMLKitError: ``text`` is not TOML.
    """
    present = {str(name).upper() for name in tomlkit.parse(text)}
    for name, value in values.items():
        if name not in present:
            shown = re.search(rf"^# {name} =.*$", text, re.MULTILINE)
            line = f"{name} = {tomlkit.item(value).as_string()}"
            text = text.replace(shown[0], line, 1) if shown else text
    document = tomlkit.parse(text)
    written = {str(name).upper(): name for name in document}
    for name, value in values.items():
        if document.get(written.get(name, name)) != value:
            document[written.get(name, name)] = value
    return tomlkit.dumps(document)


def _section(title: str, section: type[Section]) -> str:
    parts = [part for field in section.model_fields.values() for part in _setting(field)]
    return "\n".join([f"# --- {title} {'-' * (WIDTH - len(title) - 7)}", "", *parts]) if parts else ""


def _setting(field: FieldInfo) -> Iterator[str]:
    explained = " ".join((field.description or "").split())
    if _SET_BY_THE_DEMO in explained.casefold():
        return
    told = f"{explained} Form: {expected_form(field)}."
    yield from (f"# {line}" for line in textwrap.wrap(told, WIDTH - 2, break_on_hyphens=False))
    yield f"# {field.alias} = {_default(field.default)}"
    yield ""


def _default(value: Any) -> str:
    """A setting's default as TOML; empty where there is none."""
    match value:
        case None | SecretStr():
            return '""'
        case timedelta():
            return f'"{_duration(value)}"'
        case Enum():
            return f'"{value.value}"'
        case bool() | int() | float() | str():
            return tomlkit.item(value).as_string()
        case tuple() | frozenset():
            return f'"{",".join(str(one) for one in value)}"'
        case Mapping():
            return '""'
        case _:
            return f'"{value}"'


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


__all__ = ["edited", "template"]
