"""How often an account may post, counted from committed intents: restart-safe and the same on every host.

The rates are ``pyrate-limiter``'s, its bucket is filled with the committed intents for each question. What
it does not know is ours: the slots that other posts have already, and the quiet hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from stonechat.config.settings import PostingSettings
from stonechat.core.quiet_hours import QuietHours, quiet_hours

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
_TICK = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds on one kind of effect (posts or replies). Durations are account time.

    Attributes:
        per_hour, per_day: most effects in any window of that length.
    """

    spacing: timedelta
    per_hour: int
    per_day: int
    quiet: QuietHours | None = None


def limits_for(
    settings: PostingSettings, *, reply: bool, timezone: str, added: datetime, now: datetime
) -> Limits:
    """The limits that hold now; a new account starts low and reaches the full number after the warm-up.

    Args:
        added: account time at which the account was added to Stonechat.
    """
    per_day = settings.replies_per_day if reply else settings.per_day
    if settings.warm_up > timedelta() and now - added < settings.warm_up:
        share = (now - added) / settings.warm_up
        per_day = min(per_day, max(1, math.ceil(per_day * (0.1 + 0.9 * max(0.0, share)))))
    return Limits(
        spacing=settings.reply_spacing if reply else settings.min_spacing,
        per_hour=settings.per_hour,
        per_day=per_day,
        quiet=quiet_hours(settings.quiet_hours, timezone),
    )


def next_slot(history: Sequence[datetime], limits: Limits, at: datetime) -> datetime | None:
    """The first moment at or after ``at`` that keeps every limit; None where the limit is zero.

    Args:
        history: account times of effects, and of slots already given away, in any order.
    """
    if limits.per_day == 0 or limits.per_hour == 0:
        return None
    times = sorted(history)
    rules: tuple[Callable[[datetime], datetime], ...] = (
        lambda slot: _within(times, limits.spacing, 1, slot),
        lambda slot: _before_others(times, limits.spacing, slot),
        lambda slot: _within(times, HOUR, limits.per_hour, slot),
        lambda slot: _within(times, DAY, limits.per_day, slot),
        lambda slot: (limits.quiet.ends(slot) or slot) if limits.quiet else slot,
    )
    slot = at
    while True:
        later = slot
        for rule in rules:
            later = rule(later)
        if later == slot:
            return slot
        slot = later


def _before_others(times: Sequence[datetime], spacing: timedelta, slot: datetime) -> datetime:
    """Far enough from slots that come later."""
    for one in times:
        if slot < one < slot + spacing:
            slot = one + spacing
    return slot


def _within(times: Sequence[datetime], window: timedelta, most: int, slot: datetime) -> datetime:
    """The first moment from ``slot`` on before which the window holds fewer than ``most``.

    The bucket counts in milliseconds; effects are rounded up and the slot down, so that the wait is never
    too short. Its window holds both its ends, ours only the later one.
    """
    if window <= timedelta():
        return slot
    bucket = InMemoryBucket([Rate(most, window // _TICK - 1)])
    bucket.items = [RateItem("", -(-(one - _EPOCH) // _TICK)) for one in times if one <= slot]
    wish = RateItem("", (slot - _EPOCH) // _TICK)
    if bucket.put(wish):
        return slot
    return slot + cast("int", bucket.waiting(wish)) * _TICK  # only buckets over a network are awaited
