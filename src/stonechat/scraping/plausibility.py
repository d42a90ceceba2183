"""Is what was read of a post plausible? Pure.

A wrong number is worse than none: learning keeps it for ever. Counts of a post grow; they fall a little
where a like is taken back or accounts are removed. Whatever falls further, or is nothing where there was
something, is doubtful: it is kept apart, and read again. What a second reading confirms is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from stonechat.core.model import Metrics

COUNTS = tuple(field.name for field in fields(Metrics))

SMALL_FALL = 2
"""By so many a count may fall at any time."""

FALL_SHARE = 0.05
"""A large count may fall by this part of it."""


def doubts(now: Metrics, before: Metrics | None) -> tuple[str, ...]:
    """What is not plausible about ``now``, each in a few words; empty where all is.

    Args:
        before: the last reading that was believed.
    """
    if now == Metrics():
        return ("no count is shown",)
    if before is None:
        return ()
    pairs = [(name, getattr(before, name), getattr(now, name)) for name in COUNTS]
    both = [(name, was, is_) for name, was, is_ in pairs if was is not None and is_ is not None]
    if sum(was for _, was, _ in both) > 0 and not any(is_ for _, _, is_ in both):
        return ("every count is 0 after having been more",)
    return tuple(f"{name} fell from {was} to {is_}" for name, was, is_ in both if is_ < was - _margin(was))


def confirmed(now: Metrics, doubted: Metrics) -> bool:
    """Whether a second reading says what a doubtful one said, as far as counts move meanwhile."""
    pairs = [(getattr(doubted, name), getattr(now, name)) for name in COUNTS]
    return (
        all(
            (was is None) == (is_ is None) and (was is None or is_ is None or is_ >= was - _margin(was))
            for was, is_ in pairs
        )
        and now != Metrics()
    )


def lost_counts(readings: Sequence[tuple[Metrics, Metrics | None]]) -> tuple[str, ...]:
    """Counts that posts showed before and none shows now: where there are several such posts, a key moved.

    Args:
        readings: what each post shows now, and what it showed before.
    """
    known = [(now, before) for now, before in readings if before is not None]
    lost = []
    for name in COUNTS:
        had = [now for now, before in known if getattr(before, name) is not None]
        if len(had) >= MANY and all(getattr(now, name) is None for now in had):
            lost.append(name)
    return tuple(lost)


MANY = 3
"""So many posts that all lost the same count are no accident."""


def _margin(was: int) -> int:
    return max(SMALL_FALL, round(was * FALL_SHARE))
