"""Fills any JSON schema with what was written: the name of a property decides what goes into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stonechat_aviary.ordering import Order
from stonechat_aviary.writing import Draft


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MANY = _names("drafts posts variants candidates options replies alternatives results")
_PARTS = _names("parts thread tweets texts messages segments")
_TEXT = _names("text body content post tweet reply message draft answer caption")
_REASON = _names("reason why rationale explanation note notes comment summary")
_EMPTY = _names("hashtags links sources tags mentions media urls handles reasons problems issues")

Schema = dict[str, Any]


class Filler:
    """Fills one schema for one order.

    Args:
        drafts: what was written; lists of drafts take one each, everything else the first.
    """

    def __init__(self, schema: Schema, order: Order, drafts: Sequence[Draft]) -> None:
        self._root = schema
        self._order = order
        self._drafts = drafts

    def fill(self) -> Any:
        """A value that fits the schema."""
        return self._value(self._root, "", self._drafts[0])

    def _value(self, schema: Schema, name: str, draft: Draft) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"], name, draft)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next(one for one in kind if one != "null")
        if kind == "object":
            inner = schema.get("properties", {})
            return {key: self._value(part, key, draft) for key, part in inner.items()}
        if kind == "array":
            return self._array(schema, name, draft)
        if kind in {"integer", "number"}:
            return self._amount(schema, kind)
        if kind == "boolean":
            return name.lower() not in {"unsafe", "flagged", "rejected", "violates", "blocked"}
        return None if kind == "null" else self._string(name, draft)

    def _array(self, schema: Schema, name: str, draft: Draft) -> list[Any]:
        items = schema.get("items", {"type": "string"})
        least = int(schema.get("minItems", 0))
        lowered = name.lower()
        if lowered in _PARTS or (lowered in _TEXT and self._is_text(items)):
            values: list[Any] = list(draft.parts)
            return (
                values
                if self._is_text(items)
                else [self._value(items, "text", _only(draft, p)) for p in values]
            )
        if lowered in _EMPTY:
            return [self._value(items, "text", draft) for _ in range(least)]
        if lowered in _MANY or len(self._drafts) > 1 or not self._is_text(items):
            values = [self._value(items, "text", one) for one in self._drafts]
            return values[: int(schema.get("maxItems", len(values)))]
        return [self._value(items, name, draft) for _ in range(max(1, least))]

    def _string(self, name: str, draft: Draft) -> str:
        lowered = name.lower()
        asked = {"topic": draft.topic, "hook": draft.hook, "format": draft.format, "kind": self._order.kind}
        asked |= {
            "length": self._order.length,
            "tone": self._order.tone or "plain",
            "language": "en",
            "lang": "en",
        }
        if lowered in asked:
            return asked[lowered]
        if lowered in _REASON:
            return f"A {draft.hook.replace('_', ' ')} about {draft.topic}, for builders with full days."
        if "alt" in lowered:
            return f"A plain card with a line about {draft.topic}."
        if lowered in {"title", "headline", "theme", "angle"}:
            return draft.parts[0].splitlines()[0]
        return draft.text

    def _choice(self, options: list[Any], name: str, draft: Draft) -> Any:
        wanted = self._string(name, draft)
        if wanted in options:
            return wanted
        good = [
            one
            for one in options
            if str(one).lower() in {"ok", "pass", "approve", "approved", "safe", "accept"}
        ]
        return good[0] if good else options[0]

    def _amount(self, schema: Schema, kind: str) -> float | int:
        low = float(schema.get("minimum", 0))
        high = float(schema.get("maximum", low + 1))
        value = low + 0.8 * (high - low)
        return round(value) if kind == "integer" else round(value, 2)

    def _is_text(self, schema: Schema) -> bool:
        return bool(self._resolved(schema).get("type", "string") == "string")

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self._root
            for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return self._resolved(next(s for s in schema[word] if s.get("type") != "null"))
        return schema


def _only(draft: Draft, part: str) -> Draft:
    return Draft((part,), draft.topic, draft.hook, draft.format)
