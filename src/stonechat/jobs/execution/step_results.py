"""Results of durable steps, as the engine keeps them: JSON, and validated when they are read again."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stonechat.core.errors import Permanent
from stonechat.jobs.job import Json


def to_json(value: Any, result: Any) -> Json:
    """What is kept of a result; ``result`` is its type, None for a plain JSON value."""
    if result is not None:
        return _adapter(result).dump_python(value, mode="json")
    return json.loads(json.dumps(value))


def from_json(step: str, value: Json, result: Any) -> Any:
    """The result of a step as its caller knows it.

    Raises:
        Permanent: what was kept does not fit the type.
    """
    if result is None:
        return value
    try:
        return _adapter(result).validate_python(value)
    except ValidationError as exc:
        raise Permanent(
            f"What was remembered of the step {step!r} is no {getattr(result, '__name__', result)} any more.",
            meaning="The run was begun by another version of Stonechat and cannot go on.",
            remedy="Nothing: the next run begins anew.",
        ) from exc


@cache
def _adapter(result: Any) -> TypeAdapter[Any]:
    return TypeAdapter(result)
