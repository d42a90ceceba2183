"""Turning our values into what ``json.dumps`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any


def plain(value: Any) -> Any:
    """Dataclasses become objects, times ISO 8601 texts, durations seconds; plain values stay as they are."""
    match value:
        case Enum():
            return value.value
        case date():  # a datetime is one too
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case PurePath():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case str() | bytes():
            return value
        case Sequence() | Set():
            return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value
