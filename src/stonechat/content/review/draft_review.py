"""The values of the review: the draft, the bounds it is held against, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stonechat.content.review.similarity import History
from stonechat.content.voice import Voice
from stonechat.core.model import Arm, ContentKind

Length = Callable[[str], int]
"""A text's length by its network's own rule."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that somebody or something wrote."""

    kind: ContentKind
    parts: tuple[str, ...]
    arm: Arm = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All parts, a blank line between them."""
        return "\n\n".join(self.parts)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a draft is held against.

    Attributes:
        length, max_length: the network's measure of one part and its bound.
        history: the account's recent texts.
        foreign: the post that a reply answers or a quote shows; empty otherwise.
        secrets: texts that must never appear: the request's mark, keys, cookies.
        instructions: lines of the prompt, of which no long run may appear.
    """

    voice: Voice
    length: Length
    max_length: int
    history: History
    foreign: str = ""
    secrets: Sequence[str] = ()
    instructions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ReviewVerdict:
    """``step`` and ``why`` are empty where the draft passed every step."""

    step: str = ""
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether every step let it through."""
        return not self.step


Step = Callable[[Draft, Bounds], str | None]
"""One step: None to let the draft through, else the reason, in our own words."""
