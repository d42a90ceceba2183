"""The JSON object in what a model wrote: also between fences, after thoughts, or in the middle of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stonechat.core.safe_json import UnsafeJson, safe_json

_THOUGHTS = re.compile(r"<(think|thinking|thought|reasoning)\b[^>]*>.*?(?:</\1>|\Z)", re.DOTALL | re.I)
_FENCE = re.compile(r"```[\w-]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_DECODED = 400_000
"""Characters of an answer that are searched."""


def read_object(text: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first JSON value in the text that follows the schema.

    Raises:
        UnsafeJson: there is none; ``what`` says what is wrong with what stands there instead.
    """
    if len(text) > _DECODED:
        raise UnsafeJson("wrote far more than was asked for")
    why = "wrote text that is not JSON"
    for candidate in _candidates(text.strip().removeprefix("\ufeff")):
        try:
            value = safe_json(candidate)
        except UnsafeJson as exc:
            why = why if "not JSON" in exc.what else f"wrote JSON that is refused: {exc.what}"
            continue
        fault = departs(schema, value)
        if fault is None and isinstance(value, dict):
            return value
        why = f"wrote JSON that departs from the schema: {fault or 'it is no object'}"
    raise UnsafeJson(why)


def _candidates(text: str) -> Iterator[str]:
    yield text
    plain = _THOUGHTS.sub(" ", text).strip()
    yield plain
    yield from (match[1].strip() for match in _FENCE.finditer(plain))
    first, last = plain.find("{"), plain.rfind("}")
    if 0 <= first < last:
        yield plain[first : last + 1]
    first, last = text.find("{"), text.rfind("}")  # thoughts without an end swallow the answer after them
    if 0 <= first < last:
        yield text[text.rfind("\n{", 0, last) + 1 or first : last + 1]


def departs(schema: Mapping[str, Any], value: Any, at: str = "answer") -> str | None:
    """How ``value`` departs from the part of JSON Schema that our requests use, or None."""
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            return f"{at} is not an object"
        missing = [name for name in schema.get("required", ()) if name not in value]
        if missing:
            return f"{at} lacks {missing[0]!r}"
        inner = schema.get("properties", {})
        faults = (departs(inner[name], value[name], f"{at}.{name}") for name in inner if name in value)
        return next((fault for fault in faults if fault), None)
    if kind == "array":
        if not isinstance(value, list):
            return f"{at} is not a list"
        if len(value) > (most := schema.get("maxItems", 1000)):
            return f"{at} has {len(value)} entries where {most} are the most"
        items = schema.get("items", {})
        faults = (departs(items, one, f"{at}[{number}]") for number, one in enumerate(value))
        return next((fault for fault in faults if fault), None)
    if kind == "string" and not isinstance(value, str):
        return f"{at} is not text"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is none of {', '.join(map(str, schema['enum']))}"
    return None
