"""Builds prompts from versioned template files, the arm, the voice, and what to avoid.

The parameters of a prompt are lines of ``key: value``, which people and programs can read. Foreign text
is put in as one JSON string on one line, so that it cannot add a line of its own.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, StrictUndefined

from stonechat.content.arms import HOUR_BLOCK, Arms
from stonechat.content.voice import Voice
from stonechat.core.model import Arm, ContentKind
from stonechat.core.ports import WriteRequest

FOREIGN_LIMIT = 600
"""Most characters of foreign text that reach a prompt."""

_THREAD_PARTS = 3
_TEMPLATES = MappingProxyType(
    {
        ContentKind.SINGLE: "post.j2",
        ContentKind.THREAD: "post.j2",
        ContentKind.REPLY: "reply.j2",
        ContentKind.QUOTE: "quote.j2",
    }
)
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "drafts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"parts": {"type": "array", "items": {"type": "string"}}},
                "required": ["parts"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["drafts"],
    "additionalProperties": False,
}
"""JSON schema of an answer: drafts, each with its parts."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What one request is to write.

    Attributes:
        foreign: the post to answer or to quote.
        thread: what stands above it, the first of it first.
        recent: openings of recent posts, not to be repeated.
        avoid: reasons why recent drafts were rejected, in our own words.
        canary: a mark of this request alone; where it turns up in a text, instructions leaked.
    """

    kind: ContentKind
    arm: Arm
    voice: Voice
    drafts: int
    max_length: int
    canary: str
    foreign: str = ""
    thread: Sequence[str] = ()
    recent: Sequence[str] = ()
    avoid: Sequence[str] = ()


class Prompts:
    """The templates that come with the package."""

    def __init__(self, arms: Arms) -> None:
        self._arms = arms
        self._environment = Environment(
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - the output is a prompt, not a page
        )

    @cached_property
    def _sources(self) -> Mapping[str, str]:
        folder = files("stonechat.content") / "data" / "prompts"
        names = ("system.j2", *_TEMPLATES.values())
        return {name: (folder / name).read_text(encoding="utf-8") for name in names}

    def version(self, kind: ContentKind) -> str:
        """The template's name and a digest of its text: changes whenever a word of it does."""
        name = _template(kind)
        text = self._sources["system.j2"] + self._sources[name]
        return f"{name.removesuffix('.j2')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def request(self, brief: Brief) -> WriteRequest:
        """The request for a brief."""
        voice = brief.voice
        system = self._render(
            "system.j2",
            voice=voice,
            allowed=(*voice.links, *voice.handles, *voice.hashtags),
            canary=brief.canary,
        )
        prompt = self._reply(brief) if brief.kind is ContentKind.REPLY else self._post(brief)
        room = brief.drafts * (_THREAD_PARTS if brief.kind is ContentKind.THREAD else 1)
        return WriteRequest(
            system=system,
            prompt=prompt,
            schema=_SCHEMA,
            schema_name="drafts",
            max_output_tokens=100 + room * max(120, brief.max_length // 2),
        )

    def _post(self, brief: Brief) -> str:
        factors = [
            (factor, level, self._arms.says(factor, level))
            for factor, level in brief.arm.items()
            if factor != HOUR_BLOCK
        ]
        return self._render(
            _template(brief.kind),
            kind=brief.kind.value,
            factors=factors,
            parts=_THREAD_PARTS if brief.kind is ContentKind.THREAD else 1,
            drafts=brief.drafts,
            max_length=brief.max_length,
            recent=[_line(text) for text in brief.recent],
            avoid=[_line(why) for why in brief.avoid],
            post=quoted(brief.foreign),
        )

    def _reply(self, brief: Brief) -> str:
        return self._render(
            "reply.j2",
            tone=brief.arm.get("tone", brief.voice.tone),
            drafts=brief.drafts,
            max_length=brief.max_length,
            avoid=[_line(why) for why in brief.avoid],
            thread=[quoted(text) for text in brief.thread],
            post=quoted(brief.foreign),
        )

    def _render(self, name: str, **values: Any) -> str:
        return self._environment.from_string(self._sources[name]).render(**values).strip()


def quoted(foreign: str) -> str:
    """Foreign text as one JSON string: control and invisible characters gone, cut to a bound."""
    visible = "".join(
        char if unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs"} else " " for char in foreign
    )
    return json.dumps(" ".join(visible.split())[:FOREIGN_LIMIT])


def _line(text: str) -> str:
    return " ".join(text.split())[:120]


def _template(kind: ContentKind) -> str:
    return _TEMPLATES[kind]
