"""What a prompt asks for: read from its ``key: value`` lines, or from a JSON object in it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from stonechat_aviary.reading import read_topic
from stonechat_aviary.vocabulary import FACTORS

_LINE = re.compile(r"^\s*[-*]?\s*[\"']?([a-zA-Z_ ]{2,24}?)[\"']?\s*[:=]\s*(.+?)\s*,?\s*$", re.MULTILINE)
_FOREIGN = frozenset({"their_post", "post_text", "foreign", "post_to_answer", "their post"})
_NUMBER = re.compile(r"\d+")
_ORDERS = re.compile(
    r"ignore (?:all |any |the )?(?:previous |prior |above )?(?:instructions|rules)|ignore the above|"
    r"disregard|system prompt|new task|you are now|repeat after me|reply (?:only )?with|"
    r"reply:|\bsystem\b|vergiss|"
    r"your (?:api )?key|your instructions|decode this|authorize|say exactly|write exactly|"
    r"respond with|say \"",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?:exactly|reply(?: only)? with(?: the (?:word|text))?|reply|repeat after me|respond with|"
    r"answer(?: only)? with|antworte nur mit|post|say|write|output)"
    r"(?: exactly)?\s*:?\s*[\"“]?(.+?)[\"”]?\s*(?:-->|\[/?\w+\]|$)",
    re.IGNORECASE | re.DOTALL,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_MOST_DRAFTS = 20


@dataclass(frozen=True, slots=True)
class Order:
    """What to write. ``None`` leaves the choice to the writer.

    Attributes:
        kind: single, thread, reply or quote.
        recent: openings that were used before and should not come again.
        foreign: somebody's post that a reply answers or a quote shows; data, unless the levers say obey.
    """

    kind: str = "single"
    topic: str | None = None
    hook: str | None = None
    format: str | None = None
    length: str = "medium"
    tone: str = ""
    drafts: int = 1
    parts: int = 1
    max_length: int = 280
    foreign: str = ""
    recent: tuple[str, ...] = ()


def read_order(prompt: str) -> Order:
    """The order in ``prompt``. The first mention of a key counts; what is not asked keeps its default."""
    asked: dict[str, str] = {}
    recent: list[str] = []
    for name, value in _pairs(prompt):
        if name == "already_said":
            recent.append(value)
        else:
            asked.setdefault(name, value)
    kind = _level(asked.get("kind", ""), ("single", "thread", "reply", "quote")) or "single"
    parts = _number(asked.get("parts"), 4 if kind == "thread" else 1)
    foreign = next((_text(asked[name]) for name in _FOREIGN if name in asked), "")
    topics = FACTORS["topic"]
    return Order(
        kind=kind,
        topic=_level(asked.get("topic", ""), topics) or read_topic(asked.get("topic", "")),
        hook=_level(asked.get("hook", ""), FACTORS["hook"]),
        format=_level(asked.get("format", ""), FACTORS["format"]),
        length=_level(asked.get("length", ""), FACTORS["length"]) or "medium",
        tone=asked.get("tone", ""),
        drafts=max(1, min(_MOST_DRAFTS, _number(asked.get("drafts"), 1))),
        parts=parts if kind == "thread" else 1,
        max_length=_number(asked.get("max_length"), 280),
        foreign=foreign,
        recent=tuple(recent),
    )


def injected(foreign: str, system: str) -> str | None:
    """What a model that obeys the foreign post would write; None where the post gives no orders."""
    if not _ORDERS.search(foreign):
        return None
    if re.search(r"system prompt|instructions", foreign, re.IGNORECASE) and not re.search(
        r"ignore|disregard|vergiss", foreign, re.IGNORECASE
    ):
        return " ".join(system.split())[:240]
    hidden = _decoded(foreign)
    if hidden:
        return hidden
    match = _WORDS.search(foreign)
    return (match[1] if match else foreign).strip()[:260]


def _decoded(foreign: str) -> str:
    for found in _BASE64.findall(foreign):
        try:
            return base64.b64decode(found, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            continue
    return ""


def _pairs(prompt: str) -> list[tuple[str, str]]:
    pairs = [(name.strip().lower().replace(" ", "_"), value) for name, value in _LINE.findall(prompt)]
    for found in re.finditer(r"\{.*\}", prompt, re.DOTALL):
        try:
            body = json.loads(found[0])
        except json.JSONDecodeError:
            continue
        pairs += [(str(key).lower(), str(value)) for key, value in _flat(body)]
    return pairs


def _flat(body: Any) -> list[tuple[str, Any]]:
    if not isinstance(body, dict):
        return []
    pairs: list[tuple[str, Any]] = []
    for key, value in body.items():
        pairs += _flat(value) if isinstance(value, dict) else [(key, value)]
    return pairs


def _level(value: str, known: tuple[str, ...]) -> str | None:
    wanted = re.split(r"[(,;]", value)[0].strip().strip("\"'").lower().replace(" ", "_").replace("-", "_")
    return wanted if wanted in known else None


def _number(value: str | None, default: int) -> int:
    match = _NUMBER.search(value or "")
    return int(match[0]) if match else default


def _text(value: str) -> str:
    try:
        text = json.loads(value)
    except json.JSONDecodeError:
        return value
    return text if isinstance(text, str) else value
