"""What a try at publishing came to, as the caller and the job's step see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stonechat.core.events import Event, PostEnded
from stonechat.core.model import Content
from stonechat.core.states import ContentState


class PublishVerdict(StrEnum):
    """How one try ended."""

    POSTED = "posted"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    REHEARSED = "rehearsed"
    HELD = "held"
    MOVED = "moved"
    ENDED = "ended"
    """It will never be published: missed, cancelled, rejected or failed."""
    LOST = "lost"
    """Somebody else has it, or it changed since it was read."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How one try ended, as a durable step remembers it."""

    content_id: str
    verdict: PublishVerdict
    why: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How one try ended, why, and when (account time) to look again."""

    content_id: str
    verdict: PublishVerdict
    why: str = ""
    until: datetime | None = None
    events: tuple[Event, ...] = ()
    """To be emitted once the transaction that they tell about is committed."""

    def remembered(self) -> Tried:
        """What a durable step remembers."""
        return Tried(self.content_id, self.verdict, self.why, self.until)


def ended(piece: Content, after: ContentState, why: str) -> PostEnded:
    """The event to emit after the commit that ended ``piece``."""
    return PostEnded(
        account_id=piece.account_id,
        content_id=piece.id,
        kind=piece.kind.value,
        state=after.value,
        why=why,
    )


Checkpoint = Callable[[str], None]
"""Called with a step's name right after its commit; tests end the process there."""


def carry_on(_step: str) -> None:
    """The checkpoint of the product: does nothing."""
