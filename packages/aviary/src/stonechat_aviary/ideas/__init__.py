"""What there is to say: a file a topic, four ideas a file, each a set of phrases that fit each other."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from stonechat_aviary.vocabulary import TOPICS


@dataclass(frozen=True, slots=True)
class Idea:
    """One thing to say about a topic.

    Attributes:
        goal: what it is good for; follows "How to".
        question, number, scene, claim, against: openings, one kind for each hook.
        do: advice in the imperative, without a capital or full stop.
        why, saying, close: whole sentences: reasons, quotable lines, endings.
        contrast: pairs of a worse and a better way.
    """

    topic: str
    subject: str
    goal: tuple[str, ...]
    question: tuple[str, ...]
    number: tuple[str, ...]
    scene: tuple[str, ...]
    claim: tuple[str, ...]
    against: tuple[str, ...]
    do: tuple[str, ...]
    why: tuple[str, ...]
    saying: tuple[str, ...]
    contrast: tuple[tuple[str, str], ...]
    close: tuple[str, ...]


def load_ideas() -> dict[str, tuple[Idea, ...]]:
    """All ideas by topic, read from the files beside this module."""
    folder = resources.files(__package__)
    found: dict[str, tuple[Idea, ...]] = {}
    for topic in TOPICS:
        rows = tomllib.loads((folder / f"{topic}.toml").read_text(encoding="utf-8"))["idea"]
        found[topic] = tuple(_idea(topic, row) for row in rows)
    return found


def _idea(topic: str, row: dict[str, Any]) -> Idea:
    lists = {name: tuple(value) for name, value in row.items() if name not in {"subject", "contrast"}}
    contrast = tuple((worse, better) for worse, better in row["contrast"])
    return Idea(topic=topic, subject=row["subject"], contrast=contrast, **lists)
