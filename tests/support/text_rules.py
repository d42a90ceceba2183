"""Rules of a network that counts characters and makes nothing live: what the review says alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from stonechat.core.network import TextEntities


@dataclass(frozen=True, slots=True)
class PlainRules:
    """Lengths in characters; ``live`` is what every text is said to hold."""

    max_length: int = 280
    live: TextEntities = field(default_factory=TextEntities)

    def length(self, text: str) -> int:
        return len(text)

    def entities(self, text: str) -> TextEntities:
        return self.live
