"""What the pages show, as frozen values; the JSON API gives the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from stonechat.core.checkup import Check
from stonechat.core.model import Account, Content, Metrics, Opportunity
from stonechat.database.repositories.accounts import SessionRow, Switch
from stonechat.database.repositories.media import Attached


class BootedStep(Protocol):
    """One step of the boot; ``took`` is None while it is under way."""

    @property
    def name(self) -> str:
        """What the step opens."""

    @property
    def took(self) -> timedelta | None:
        """Real time that it took."""

    @property
    def detail(self) -> str:
        """What it waits for, or what it found."""


@dataclass(frozen=True, slots=True)
class GoingLive:
    """What has to be done before posts go out for real, asked anew each time, and the networks' rules."""

    checklist: Callable[[], Awaitable[Sequence[Check]]]
    rules: Sequence[str]


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
class InboxItem:
    """Content that waits for the owner's word.

    Attributes:
        asked: the post of somebody else that it answers or quotes; None where it speaks to nobody.
        above: what stands above that post, the first of it first.
        picked: why that post was chosen, in words.
    """

    line: QueueLine
    asked: Opportunity | None = None
    above: tuple[str, ...] = ()
    picked: str = ""


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A piece of content in the calendar.

    Attributes:
        at: when it went out, or is to go out, by the clocks of the calendar.
        label: ``queued``, ``posted``, ``rehearsed``, ``missed`` and so on.
        movable: whether the owner may still move it.
        clash: it is nearer to another one than the account's spacing allows.
    """

    content: Content
    handle: str
    at: datetime
    label: str
    movable: bool
    clash: bool = False


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day; ``gap``: it is still to come or under way, and nothing goes out on it."""

    day: date
    entries: tuple[CalendarEntry, ...]
    gap: bool
    today: bool


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
