"""Filling a JSON schema."""

from __future__ import annotations

from typing import Any

from stonechat_aviary.filling import Filler
from stonechat_aviary.ordering import Order
from stonechat_aviary.writing import Draft

DRAFTS = [Draft(("One.", "Two."), "sleep", "question", "plain"), Draft(("Three.",), "focus", "story", "list")]


def fill(schema: dict[str, Any], **order: Any) -> Any:
    return Filler(schema, Order(**order), DRAFTS).fill()


def test_a_list_of_drafts_with_parts_takes_every_draft() -> None:
    parts = {"type": "object", "properties": {"parts": {"type": "array", "items": {"type": "string"}}}}
    schema = {"type": "object", "properties": {"drafts": {"type": "array", "items": parts}}}
    assert fill(schema) == {"drafts": [{"parts": ["One.", "Two."]}, {"parts": ["Three."]}]}


def test_references_and_unions_are_followed() -> None:
    schema = {
        "$defs": {
            "Post": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "topic": {"type": "string"}},
            }
        },
        "type": "object",
        "properties": {
            "posts": {"type": "array", "items": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Post"}]}}
        },
    }
    assert fill(schema)["posts"][1] == {"text": "Three.", "topic": "focus"}


def test_property_names_decide_what_goes_in() -> None:
    schema = {
        "type": "object",
        "properties": {
            "approved": {"type": "boolean"},
            "unsafe": {"type": "boolean"},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "rank": {"type": "integer", "minimum": 1, "maximum": 5},
            "verdict": {"enum": ["reject", "approve"]},
            "hook": {"enum": ["story", "question"]},
            "hashtags": {"type": "array", "items": {"type": "string"}},
            "reasons": {"type": "array", "items": {"type": "string"}},
            "language": {"type": ["string", "null"]},
        },
    }
    assert fill(schema) == {
        "approved": True, "unsafe": False, "score": 0.8, "rank": 4, "verdict": "approve", "hook": "question",
        "hashtags": [], "reasons": [], "language": "en",
    }  # fmt: skip


def test_a_single_text_is_the_first_draft_whole() -> None:
    assert fill({"type": "object", "properties": {"reply": {"type": "string"}}}) == {"reply": "One.\n\nTwo."}
