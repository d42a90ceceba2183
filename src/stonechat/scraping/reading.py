"""From one read of the network to snapshots, or to the reason why the read cannot be trusted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.model import Metrics, Snapshot
from stonechat.core.network import Timeline
from stonechat.database.repositories.doubtful_readings import DoubtfulReading
from stonechat.database.repositories.receipts import LivePost
from stonechat.scraping.plausibility import MANY, confirmed, doubts, lost_counts

FRESH = timedelta(minutes=10)
"""Account time for which a post that just went live may be missing from a read."""

LEAST_SHARE = 0.5
"""A read that shows less than this share of the posts that it covers has shrunk."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read gave.

    Attributes:
        doubtful: readings that are not plausible; kept apart, and repeated.
        missed: our posts that the read proves absent where it was made.
        lost: counts that none of several posts shows any more.
        expected: our live posts that the read covers, ``seen`` of them were there.
        wrong: why the read as a whole cannot be trusted; then there are no snapshots.
    """

    snapshots: tuple[Snapshot, ...] = ()
    doubtful: tuple[DoubtfulReading, ...] = ()
    missed: tuple[LivePost, ...] = ()
    lost: tuple[str, ...] = ()
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
    doubted: Mapping[str, DoubtfulReading] | None = None,
) -> Reading:
    """Snapshots of our live posts in ``timeline``.

    Args:
        live: our posts that are followed, those only that this kind of read can show.
        latest: the newest snapshot of each, to see what has fallen.
        started, at: account time at which the read began and ended.
        doubted: the last doubtful reading of each; what this read confirms of it is true.
    """
    shown = {post.id: post for post in timeline.posts}
    covered = [one for one in live if _covered(one, timeline, started)]
    missed = tuple(one for one in covered if one.post_id not in shown)
    seen = [one for one in live if one.post_id in shown]
    before = {post_id: shot.metrics for post_id, shot in latest.items()}
    pairs = [(shown[one.post_id].metrics, before.get(one.post_id)) for one in seen]
    known = len(covered) - len(missed)
    wrong = _distrust(len(covered), known, pairs)
    if wrong:
        return Reading(expected=len(covered), seen=known, wrong=wrong)
    snapshots, doubtful = [], []
    for one in seen:
        now = shown[one.post_id].metrics
        why = doubts(now, before.get(one.post_id))
        earlier = (doubted or {}).get(one.post_id)
        if not why or (earlier is not None and confirmed(now, earlier.metrics)):
            snapshots.append(Snapshot(account_id, one.post_id, one.content_id, at, now, timeline.source))
        else:
            doubtful.append(DoubtfulReading(account_id, one.post_id, at, now, "; ".join(why)))
    absent = missed if timeline.complete else ()
    return Reading(tuple(snapshots), tuple(doubtful), absent, lost_counts(pairs), len(covered), known)


def _covered(one: LivePost, timeline: Timeline, started: datetime) -> bool:
    """Whether a healthy read must show it; what stands within a conversation may be folded away."""
    named = one.post_id in timeline.folded or any(post.id == one.post_id for post in timeline.unread)
    if one.number > 0 or named or started - one.posted_at < FRESH:
        return False
    return timeline.oldest is None or one.posted_at > timeline.oldest + timedelta(minutes=2)


def _distrust(covered: int, known: int, pairs: Sequence[tuple[Metrics, Metrics | None]]) -> str:
    if covered and known == 0:
        return f"none of our {covered} live posts was shown"
    if covered and known < LEAST_SHARE * covered:
        return f"only {known} of our {covered} live posts were shown"
    if pairs and all(now == Metrics() for now, _ in pairs):
        return f"no count was shown on any of our {len(pairs)} posts"
    doubtful = sum(bool(doubts(now, before)) for now, before in pairs)
    if doubtful >= MANY and doubtful > LEAST_SHARE * len(pairs):
        return f"the counts of {doubtful} of our {len(pairs)} posts fell at once"
    return ""
