"""When each post of ours is to be read, and which of the newest ones a load of the profile must reach. Pure.

A post's metrics move most in its first hours, learning judges it at maturity, and what comes later is rarely
more than a correction: so it is read at a few ages instead of at every tick. Each age has a time within
which the reading serves; a load of the profile waits until one post's time runs out, and then serves all
whose time has begun.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from stonechat.database.repositories.receipts import LivePost

_HOUR = timedelta(hours=1)
_AGES = ((1, 1), (2, 1), (4, 2), (8, 4), (24, 6), (168, 24))
"""Hours after publication, and hours within which a reading still counts for that age."""

MATURE_WITHIN = timedelta(hours=5)
"""Learning calls a post overdue six hours after its maturity."""

REPEATED_WITHIN = timedelta(hours=1)
"""A doubtful reading is repeated so soon."""

MOST_REPEATS = 3
"""A doubtful reading is repeated so often; then the post's next moment is waited for."""


@dataclass(frozen=True, slots=True)
class ReadingMoment:
    """An age at which a post is read, and for how long after it a reading serves."""

    age: timedelta
    within: timedelta
    matures: bool = False


@dataclass(frozen=True, slots=True)
class DuePost:
    """A post to be read.

    Attributes:
        deadline: by when.
        matures: learning waits for it.
    """

    post: LivePost
    deadline: datetime
    matures: bool = False

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """What learning waits for comes first, then what has waited longest."""
        return (not self.matures, self.deadline, self.post.post_id)


def reading_moments(maturity: timedelta, follow_for: timedelta) -> tuple[ReadingMoment, ...]:
    """The ages at which a post is read, youngest first; maturity is always one of them."""
    found = [ReadingMoment(age * _HOUR, within * _HOUR) for age, within in _AGES if age * _HOUR != maturity]
    found = [one for one in found if one.age <= follow_for]
    return tuple(
        sorted([*found, ReadingMoment(maturity, MATURE_WITHIN, matures=True)], key=lambda one: one.age)
    )


def due_posts(
    live: Sequence[LivePost],
    read_at: Mapping[str, datetime],
    moments: Sequence[ReadingMoment],
    now: datetime,
    *,
    doubts: Mapping[str, Sequence[datetime]] = MappingProxyType({}),
) -> list[DuePost]:
    """The posts whose latest moment has passed without a reading, most urgent first.

    Later parts of a thread are read where they are shown, and never due by themselves: a thread is judged by
    its first part.

    Args:
        read_at: when each post was last read and believed.
        doubts: when readings of each were not believed since then, oldest first.
    """
    due = (
        _due(one, read_at.get(one.post_id), moments, now, doubts.get(one.post_id, ()))
        for one in live
        if one.number == 0
    )
    return sorted((one for one in due if one is not None), key=lambda one: one.rank)


def _due(
    post: LivePost,
    last: datetime | None,
    moments: Sequence[ReadingMoment],
    now: datetime,
    doubts: Sequence[datetime],
) -> DuePost | None:
    age = now - post.posted_at
    passed = [one for one in moments if one.age <= age and (last is None or last < post.posted_at + one.age)]
    mature = next((one for one in passed if one.matures), None)
    # of the ages that passed only the last still matters, but a reading at maturity is waited for
    first = mature or (passed[-1] if passed else None)
    deadlines = [post.posted_at + first.age + first.within] if first is not None else []
    if doubts and not (passed and post.posted_at + passed[-1].age > doubts[-1]):
        deadlines = []  # what is doubtful is repeated some time later, not at every look
    if doubts and len(doubts) <= MOST_REPEATS:
        deadlines.append(doubts[-1] + REPEATED_WITHIN)
    return DuePost(post, min(deadlines), mature is not None) if deadlines else None


def pressing(due: Sequence[DuePost], next_look: datetime) -> list[DuePost]:
    """Those that must be read now, since their time runs out before ``next_look``."""
    return [one for one in due if one.deadline <= next_look]


def depth(live: Sequence[LivePost], wanted: Collection[str]) -> int:
    """How many of ``live`` (newest first) a read must reach to show every post of ``wanted``; 0 for none."""
    places = [number for number, one in enumerate(live, 1) if one.post_id in wanted]
    return max(places, default=0)
