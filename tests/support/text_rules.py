"""Rules of a network that counts characters and makes nothing live: what the review says alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stonechat.core.text_rules import LivePart


@dataclass(frozen=True, slots=True)
class PlainRules:
    """Lengths in characters; ``live`` is what every text is said to hold."""

    max_length: int = 280
    live: tuple[LivePart, ...] = ()

    def length(self, text: str) -> int:
        return len(text)

    def live_parts(self, text: str) -> Sequence[LivePart]:
        return self.live
