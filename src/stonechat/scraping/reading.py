"""From one read of the network to snapshots, or to the reason why the read cannot be trusted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from stonechat.core.model import Metrics, Snapshot
from stonechat.core.network import NetworkPost, Timeline
from stonechat.database.repositories.receipts import LivePost

COUNTS = tuple(field.name for field in fields(Metrics))

FRESH = timedelta(minutes=10)
"""Account time for which a post that just went live may be missing from a read."""

LEAST_SHARE = 0.5
"""A read that shows less than this share of the posts that it covers has shrunk."""

PLAUSIBLE_FALL = 0.5
"""Counts fall a little when accounts are removed or a like is taken back; not by half."""

SMALL = 10
"""Up to this count any fall is plausible."""


@dataclass(frozen=True, slots=True)
class Fall:
    """A count that fell by more than is plausible; it is left out, not stored."""

    post_id: str
    count: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read gave.

    Attributes:
        expected: our live posts that the read covers, ``seen`` of them were there.
        wrong: why the read as a whole cannot be trusted; then there are no snapshots.
    """

    snapshots: tuple[Snapshot, ...] = ()
    falls: tuple[Fall, ...] = ()
    expected: int = 0
    seen: int = 0
    wrong: str = ""


def read_timeline(
    timeline: Timeline,
    live: Sequence[LivePost],
    latest: Mapping[str, Snapshot],
    *,
    account_id: str,
    started: datetime,
    at: datetime,
) -> Reading:
    """Snapshots of our live posts in ``timeline``.

    Args:
        live: our posts that are followed, those only that this kind of read can show.
        latest: the newest snapshot of each, to see what has fallen.
        started, at: account time at which the read began and ended.
    """
    shown = {post.id: post for post in timeline.posts}
    covered = [one for one in live if _covered(one, timeline, started)]
    seen = [one for one in live if one.post_id in shown]
    known = sum(one.post_id in shown for one in covered)
    wrong = _distrust(covered, known, [shown[one.post_id] for one in seen])
    if wrong:
        return Reading(expected=len(covered), seen=known, wrong=wrong)
    snapshots: list[Snapshot] = []
    falls: list[Fall] = []
    for one in seen:
        metrics, fallen = _plausible(shown[one.post_id], latest.get(one.post_id))
        falls += fallen
        if metrics != Metrics():
            snapshots.append(Snapshot(account_id, one.post_id, one.content_id, at, metrics, timeline.source))
    return Reading(tuple(snapshots), tuple(falls), len(covered), known)


def _covered(one: LivePost, timeline: Timeline, started: datetime) -> bool:
    """Whether a healthy read must show it; what stands within a conversation may be folded away."""
    named = one.post_id in timeline.folded or any(post.id == one.post_id for post in timeline.unread)
    if one.number > 0 or named or started - one.posted_at < FRESH:
        return False
    return timeline.oldest is None or one.posted_at > timeline.oldest + timedelta(minutes=2)


def _distrust(covered: Sequence[LivePost], known: int, posts: Sequence[NetworkPost]) -> str:
    if covered and known == 0:
        return f"none of our {len(covered)} live posts was shown"
    if covered and known < LEAST_SHARE * len(covered):
        return f"only {known} of our {len(covered)} live posts were shown"
    if posts and all(post.metrics == Metrics() for post in posts):
        return f"no count was shown on any of our {len(posts)} posts"
    return ""


def _plausible(post: NetworkPost, before: Snapshot | None) -> tuple[Metrics, list[Fall]]:
    """The counts without those that fell by more than is plausible."""
    if before is None:
        return post.metrics, []
    falls = []
    for name in COUNTS:
        was, now = getattr(before.metrics, name), getattr(post.metrics, name)
        if was is not None and now is not None and was > SMALL and now < was * PLAUSIBLE_FALL:
            falls.append(Fall(post.id, name, was, now))
    kept = replace(post.metrics, **dict.fromkeys((fall.count for fall in falls), None))
    return kept, falls
