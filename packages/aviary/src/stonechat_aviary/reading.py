"""How the audience reads a post: topic, hook, format, length and hour, from text and time alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from stonechat_aviary.vocabulary import (
    COMPARISON_LABELS,
    CONTRARIAN_OPENINGS,
    HOUR_BLOCKS,
    HOW_TO_OPENINGS,
    LENGTHS,
    NUMBER_WORDS,
    STORY_OPENINGS,
    TOPICS,
)

_WORD = re.compile(r"[a-z0-9']+")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
_WHOLE_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_BULLET = re.compile(r"^\s*[-•*–]\s+\S")
_STEP = re.compile(r"^\s*(?:\d+[.)]|step \d+)\s*\S", re.IGNORECASE)
_QUOTED = re.compile(r'^\s*["“].{12,}["”]')
_BOLD_WORDS = 22


@dataclass(frozen=True, slots=True)
class Traits:
    """What a reader notices; ``None`` where the text shows no level of the factor."""

    topic: str | None
    hook: str | None
    format: str | None
    length: str
    hour_block: str

    def level(self, factor: str) -> str | None:
        """The level of ``factor`` (one of the names in ``vocabulary.FACTORS``)."""
        value: str | None = getattr(self, factor)
        return value


def read_traits(text: str, at: float) -> Traits:
    """Read ``text`` posted at world time ``at`` (Unix seconds)."""
    return Traits(
        topic=read_topic(text),
        hook=read_hook(text),
        format=read_format(text),
        length=read_length(text),
        hour_block=HOUR_BLOCKS[datetime.fromtimestamp(at, UTC).hour // 4],
    )


def read_topic(text: str) -> str | None:
    """The topic with most of its words in the text; of equals, the one spoken of first."""
    words = _WORD.findall(text.lower())
    best: tuple[int, int, str] | None = None
    for topic, vocabulary in TOPICS.items():
        places = [place for place, word in enumerate(words) if word in vocabulary]
        if places and (best is None or (len(places), -places[0]) > best[:2]):
            best = (len(places), -places[0], topic)
    return best[2] if best else None


def first_sentence(text: str) -> str:
    """The opening: up to the first end of a sentence, colon or line."""
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0].strip()


def read_hook(text: str) -> str | None:
    """The kind of opening; a plain statement of up to 22 words counts as a bold claim."""
    opening = first_sentence(text)
    lowered = opening.lower().lstrip("\"“'")
    words = _WORD.findall(lowered)
    if not words:
        return None
    if _WHOLE_SENTENCE.split(text.strip(), maxsplit=1)[0].endswith("?"):
        return "question"
    if lowered.startswith(HOW_TO_OPENINGS):
        return "how_to"
    if lowered.startswith(CONTRARIAN_OPENINGS):
        return "contrarian"
    if words[0].isdigit() or words[0] in NUMBER_WORDS:
        return "number"
    if lowered.startswith(STORY_OPENINGS):
        return "story"
    return "bold_claim" if len(words) <= _BOLD_WORDS else None


def read_format(text: str) -> str:
    """The layout: bullets, numbered steps, a quotation, a comparison, one sentence, or plain prose."""
    lines = [line for line in text.splitlines() if line.strip()]
    if sum(bool(_STEP.match(line)) for line in lines) >= 2:
        return "steps"
    if sum(bool(_BULLET.match(line)) for line in lines) >= 2:
        return "list"
    if sum(line.strip().lower().startswith(COMPARISON_LABELS) and ":" in line for line in lines) >= 2:
        return "comparison"
    if any(_QUOTED.match(line) for line in lines):
        return "quote"
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]
    return "one_liner" if len(lines) <= 1 and len(sentences) <= 1 else "plain"


def read_length(text: str) -> str:
    """``short``, ``medium`` or ``long``, by characters."""
    return next(name for name, most in LENGTHS.items() if len(text) <= most or name == "long")
