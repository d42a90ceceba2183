"""What the pages show, as frozen values; the JSON API gives the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stonechat.core.model import Account, Content, Metrics
from stonechat.database.repositories.accounts import SessionRow, Switch
from stonechat.database.repositories.media import Attached


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A piece of content on its way out.

    Attributes:
        held: why it does not go out though it could be time; empty where nothing holds it.
        next_action: what happens to it next, at ``next_at`` (account time; None: it waits for somebody).
        late: its due time has passed.
        pictures: in the order of its parts.
        answers: handle of the author whom it answers or quotes; empty where it addresses nobody.
        price: what its network charges for it; empty where it charges nothing.
    """

    content: Content
    handle: str
    held: str
    next_action: str
    next_at: datetime | None
    late: bool
    pictures: tuple[Attached, ...] = ()
    answers: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits: for approval, for its time, for confirmation, for a human; and what was missed lately."""

    approval: tuple[QueueLine, ...]
    ahead: tuple[QueueLine, ...]
    unclear: tuple[QueueLine, ...]
    failed: tuple[QueueLine, ...]
    counts: dict[str, int]
    missed: tuple[QueueLine, ...] = ()

    @property
    def next_due(self) -> datetime | None:
        """Account time at which the next one is due."""
        return self.ahead[0].content.due_at if self.ahead else None


@dataclass(frozen=True, slots=True)
class PostLine:
    """A published post with its newest metrics (None before the first reading).

    Attributes:
        pictures: in the order of its parts, where it stands alone; in lists they are left out.
    """

    content: Content
    handle: str
    metrics: Metrics | None
    read_at: datetime | None
    pictures: tuple[Attached, ...] = ()

    @property
    def engagement(self) -> int | None:
        """Likes, reposts, replies, quotes and bookmarks that the network showed; None before any."""
        return None if self.metrics is None else engagement(self.metrics)


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account, its session on its network, and the switch that holds its posting, if one does."""

    account: Account
    session: SessionRow
    held: Switch | None


@dataclass(frozen=True, slots=True)
class NextAction:
    """What happens next, and when (account time)."""

    what: str
    at: datetime


def engagement(metrics: Metrics) -> int | None:
    """The sum of what was shown; None where nothing was."""
    shown = [
        count
        for count in (metrics.likes, metrics.reposts, metrics.replies, metrics.quotes, metrics.bookmarks)
        if count is not None
    ]
    return sum(shown) if shown else None
