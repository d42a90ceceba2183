"""The settings file ``stonechat.toml``: read here, for the start and for every later look alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stonechat.core.errors import ConfigFault
from stonechat.core.safe_toml import UnsafeToml, read_toml

SETTINGS_FILE = "stonechat.toml"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What stands in it: values by setting in capitals, the tables of ``[[accounts]]``, and what is wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    faults: tuple[ConfigFault, ...] = ()


def read_settings_file(path: Path) -> SettingsFile:
    """The file; one that is not there is an empty one."""
    try:
        data = read_toml(path)
    except FileNotFoundError:
        return SettingsFile()
    except UnsafeToml as exc:
        fault = ConfigFault(str(path), f"cannot be read: {exc}", 'TOML in UTF-8: one NAME = "value" a line')
        return SettingsFile(faults=(fault,))
    accounts = data.pop("accounts", [])
    values = {name.upper(): value for name, value in data.items() if value != ""}
    if isinstance(accounts, list) and all(isinstance(entry, dict) for entry in accounts):
        return SettingsFile(values, accounts)
    expected = '[[accounts]] on a line of its own, and below it handle = "…"'
    fault = ConfigFault("accounts", f"is not a list of tables ({SETTINGS_FILE})", expected)
    return SettingsFile(values, faults=(fault,))
