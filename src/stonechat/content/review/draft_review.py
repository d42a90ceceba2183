"""The values of the review: the draft, the bounds it is held against, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stonechat.content.review.similarity import History
from stonechat.content.voice import Voice
from stonechat.core.model import Arm, ContentKind
from stonechat.core.network import TextRules


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
        rules: how the network measures one part, and what of it it makes live.
        history: the account's recent texts.
        foreign: the post that a reply answers or a quote shows; empty otherwise.
        secrets: texts that must never appear: the request's mark, keys, cookies.
        instructions: lines of the prompt, of which no long run may appear.
    """

    voice: Voice
    rules: TextRules
    history: History
    foreign: str = ""
    secrets: Sequence[str] = ()
    instructions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the owner should see a text before it goes out; not ``grave`` where a second model may settle
    it.
    """

    why: str
    grave: bool


@dataclass(frozen=True, slots=True)
class ReviewVerdict:
    """What the review made of a draft.

    Attributes:
        step, why: the step that refused it and its reason; empty where it passed every step.
        doubt: it passed, and the owner should see it before it goes out; None where not.
    """

    step: str = ""
    why: str = ""
    doubt: Doubt | None = None

    @property
    def passed(self) -> bool:
        """Whether every step let it through, in doubt or not."""
        return not self.step


Step = Callable[[Draft, Bounds], str | None]
"""One step: None to let the draft through, else the reason, in our own words."""
