"""The voice file: who speaks, for whom, and within which bounds; one TOML file for each account."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.core.safe_toml import UnsafeToml, parse_toml, read_toml

Texts = tuple[str, ...]


class Voice(BaseModel):
    """Everything the writer is told about the account, and the bounds that the review holds it to.

    Attributes:
        language: ISO 639-1 code that every post must be in.
        sources: names that a figure may be credited to.
        claims_policy: stricter rules for these fields (no dosage, diagnosis, cure or guarantee).
        links, handles, hashtags: the only ones a post may carry; a link's host is enough.
        active_hours: local hours between which posts may be due, the second one excluded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    speaks: str = Field(min_length=1)
    for_whom: str = Field(min_length=1)
    niche: str = Field(min_length=1)
    language: str = Field(default="en", pattern="^[a-z]{2}$")
    topics: Texts = Field(min_length=1)
    tone: str = "friendly and concrete"
    do: Texts = ()
    dont: Texts = ()
    sources: Texts = ()
    banned_words: Texts = ()
    banned_claims: Texts = ()
    claims_policy: tuple[Literal["health", "finance"], ...] = ()
    links: Texts = ()
    handles: Texts = ()
    hashtags: Texts = ()
    max_emoji: int = Field(default=2, ge=0, le=20)
    max_exclamations: int = Field(default=1, ge=0, le=10)
    active_hours: tuple[int, int] = (0, 24)
    examples: Texts = ()

    @field_validator("active_hours")
    @classmethod
    def _ordered(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= value[0] < value[1] <= 24:
            raise ValueError("the first hour must be before the second, both from 0 to 24")
        return value


def load_voice(path: Path | None = None) -> Voice:
    """The voice in a file, or the example that comes with the package.

    Raises:
        ConfigError: naming every fault at once, with the nearest known name.
    """
    if path is None:
        return _parse("voice.toml", parse_toml(example()))
    try:
        return _parse(str(path), read_toml(path))
    except (FileNotFoundError, UnsafeToml) as exc:
        reason = exc.strerror if isinstance(exc, FileNotFoundError) else exc
        fault = ConfigFault("VOICE_FILE", f"{path} cannot be read: {reason}", "a voice file in TOML")
        raise ConfigError((fault,)) from exc


def example() -> str:
    """The example voice file."""
    return (files("stonechat.content") / "data" / "voice.toml").read_text(encoding="utf-8")


def warnings(voice: Voice, offered: Collection[str] = ()) -> list[str]:
    """What a careful owner would still change; for ``doctor``.

    Args:
        offered: the topics of the owner's file of arms, if there is one: posts are on these alone.
    """
    found = []
    missing = [topic for topic in voice.topics if offered and topic not in offered]
    if missing:
        found.append(f"no post will be about {', '.join(missing)}: the file of arms has no such topic")
    if not voice.examples:
        found.append("no examples: two or three posts in the account's own words help the writer most")
    if not voice.dont:
        found.append("nothing under dont: say what the account must never do")
    if voice.claims_policy and not voice.sources:
        found.append("no sources: every figure will be rejected, since it can be credited to nobody")
    for example_post in voice.examples:
        banned = [word for word in voice.banned_words if word.casefold() in example_post.casefold()]
        if banned:
            found.append(f"an example uses the banned word {banned[0]!r}")
    return found


@dataclass(frozen=True, slots=True)
class Question:
    """One question of ``stonechat init``; ``key`` is the voice file's field it fills."""

    key: str
    text: str
    example: str
    many: bool = False


QUESTIONS = (
    Question("speaks", "Who speaks?", "A calm, curious account about small habits."),
    Question("for_whom", "For whom?", "People with little time who want to feel better."),
    Question("niche", "What is it about, in a few words?", "everyday habits"),
    Question("topics", "Which topics, separated by commas?", "sleep, focus, movement", many=True),
    Question(
        "dont", "What must it never do, separated by commas?", "promise results, give advice", many=True
    ),
)
"""The five questions that make a voice file."""


def written(answers: Mapping[str, str]) -> str:
    """A voice file in TOML from the answers to :data:`QUESTIONS`; the rest as in the example.

    Raises:
        ConfigError: an answer is missing or cannot be used.
    """
    lines = [
        "# Who speaks, for whom, and within which bounds. Written by `stonechat init`; edit it freely.",
        "",
    ]
    for question in QUESTIONS:
        answer = answers.get(question.key, "").strip()
        value: str | list[str] = answer
        if question.many:
            value = [part.strip() for part in answer.split(",") if part.strip()]
        lines.append(f"{question.key} = {json.dumps(value, ensure_ascii=False)}")
    lines += [
        'language = "en"',
        'tone = "friendly, concrete, never preachy"',
        "",
        "# Names that a figure may be credited to. A figure without its source is not published.",
        "sources = []",
        "banned_words = []",
        "banned_claims = []",
        "# No dosage, diagnosis, cure, guarantee or promise of gain; a figure only with its source. Take a",
        "# field out only if the account never comes near it.",
        'claims_policy = ["health", "finance"]',
        "",
        "# Nothing else may be linked, mentioned or tagged.",
        "links = []",
        "handles = []",
        "hashtags = []",
        "",
        "# Two or three posts in the account's own words help the writer most.",
        "examples = []",
        "",
    ]
    text = "\n".join(lines)
    _parse("answers", parse_toml(text))
    return text


def _parse(name: str, data: Mapping[str, Any]) -> Voice:
    try:
        return Voice.model_validate(data)
    except ValidationError as exc:
        raise ConfigError(tuple(_fault(name, error) for error in exc.errors())) from exc


def _fault(name: str, error: Any) -> ConfigFault:
    where = ".".join(str(part) for part in error["loc"])
    key = str(error["loc"][0]) if error["loc"] else ""
    near = None if key in Voice.model_fields else difflib.get_close_matches(key, Voice.model_fields, 1, 0.5)
    reason = str(error["msg"]).removeprefix("Value error, ")
    return ConfigFault(f"{name}: {where}", reason, "see the example voice file", near[0] if near else None)
