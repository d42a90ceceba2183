"""What a network makes of a text: how long it counts, and which parts of it become something to click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class LiveKind(StrEnum):
    """What a part of a text becomes on the network."""

    LINK = "link"
    MENTION = "mention"
    HASHTAG = "hashtag"
    CASHTAG = "cashtag"


@dataclass(frozen=True, slots=True)
class LivePart:
    """A part that the network makes live, as it stands in the text: ``example.com/a``, ``@name``,
    ``#tag``.
    """

    kind: LiveKind
    text: str


class TextRules(Protocol):
    """A network's own rules for one part of a post; every :class:`~stonechat.core.network.Network` has
    them.
    """

    @property
    def max_length(self) -> int:
        """The greatest length of one part, in the unit of :meth:`length`."""

    def length(self, text: str) -> int:
        """The text's length by the network's own measure."""

    def live_parts(self, text: str) -> Sequence[LivePart]:
        """Every link, mention, hashtag and cashtag that the network will make of ``text``, in order."""
