"""Computes the reward of a matured post, or the reason why it is not learned from. Pure functions.

The reward is ``log1p`` of weighted engagement at maturity (48 hours by default). The logarithm tames
the heavy tail: a post with ten times the likes is worth a fixed step more, not ten times more. It is
not divided by followers or views; growth is absorbed by the level of the model.

The weights are a judgement, not a measurement: an answer or a share costs a reader more than a like.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.model import Metrics, Reward, Snapshot


@dataclass(frozen=True, slots=True)
class Weights:
    """What each figure of a post counts for."""

    likes: float = 1.0
    reposts: float = 2.0
    replies: float = 2.0
    quotes: float = 2.0
    bookmarks: float = 1.0
    views: float = 0.0


@dataclass(frozen=True, slots=True)
class Gates:
    """What a post must pass before it teaches anything. Durations are account time.

    Attributes:
        maturity: age at which a post is judged.
        patience: how much longer a reading is waited for; after that the post is refused.
        min_impressions: a post shown less often says more about reach than about its arm.
    """

    maturity: timedelta = timedelta(hours=48)
    patience: timedelta = timedelta(hours=120)
    min_impressions: int = 20
    weights: Weights = Weights()


@dataclass(frozen=True, slots=True)
class MaturedPost:
    """A post of ours, as far as its reward is concerned."""

    account_id: str
    content_id: str
    post_id: str
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """The post cannot be judged yet, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class RewardJudgement:
    """The line for the reward log. ``views`` are those at maturity, None where they were not shown."""

    reward: Reward
    views: int | None


def engagement(metrics: Metrics, weights: Weights) -> float | None:
    """Weighted engagement; None unless likes, reposts, replies and views are known as far as they count.

    Quotes and bookmarks, which many pages do not show, count 0 where they are unknown.
    """
    needed = (
        (weights.likes, metrics.likes),
        (weights.reposts, metrics.reposts),
        (weights.replies, metrics.replies),
        (weights.views, metrics.views),
    )
    if any(weight and count is None for weight, count in needed):
        return None
    known = sum(weight * (count or 0) for weight, count in needed)
    return known + weights.quotes * (metrics.quotes or 0) + weights.bookmarks * (metrics.bookmarks or 0)


@dataclass(frozen=True, slots=True)
class MetricReading:
    """Weighted engagement and views of a post at one moment."""

    worth: float
    views: int | None


def reading_at(snapshots: Sequence[Snapshot], moment: datetime, weights: Weights) -> MetricReading | None:
    """Weighted engagement and views at ``moment``.

    Interpolated between the last complete snapshot before and the first one at or after; where there
    is none before, the first one after stands as it is. None until one at or after ``moment`` exists.
    """
    complete = sorted(
        ((s, worth) for s in snapshots if (worth := engagement(s.metrics, weights)) is not None),
        key=lambda pair: pair[0].captured_at,
    )
    later = [pair for pair in complete if pair[0].captured_at >= moment]
    if not later:
        return None
    after, high = later[0]
    earlier = complete[: len(complete) - len(later)]
    if not earlier or after.captured_at == moment:
        return MetricReading(high, after.metrics.views)
    before, low = earlier[-1]
    share = (moment - before.captured_at) / (after.captured_at - before.captured_at)
    views = after.metrics.views
    if views is not None and before.metrics.views is not None:
        views = round(before.metrics.views + share * (views - before.metrics.views))
    return MetricReading(low + share * (high - low), views)


def judge(
    post: MaturedPost,
    snapshots: Sequence[Snapshot],
    gates: Gates,
    now: datetime,
    learned: Collection[str] = (),
) -> RewardJudgement | Pending:
    """The post's line in the reward log, or why it has to wait.

    Args:
        snapshots: all snapshots of this post, in any order; snapshots of other posts are ignored.
        now: account time.
        learned: post ids that the log already holds.
    """
    moment = post.posted_at + gates.maturity
    if now < moment:
        return Pending("not mature")
    if post.post_id in learned:
        return _refused(post, now, "already learned")
    reading = reading_at([s for s in snapshots if s.post_id == post.post_id], moment, gates.weights)
    if reading is None and now < moment + gates.patience:
        return Pending("no complete reading at or after maturity yet")
    why = _unfit(reading, gates)
    if why or reading is None:
        return _refused(post, now, why, reading)
    value = math.log1p(max(reading.worth, 0.0))
    return RewardJudgement(Reward(post.account_id, post.content_id, post.post_id, now, value), reading.views)


def _unfit(reading: MetricReading | None, gates: Gates) -> str:
    """Why a reading teaches nothing; empty where it does.

    Where views are not shown, any engagement proves that somebody saw the post.
    """
    if reading is None:
        return "no complete reading at or after maturity"
    if reading.views is not None and reading.views < gates.min_impressions:
        return f"{reading.views} impressions, fewer than {gates.min_impressions}"
    if reading.views is None and reading.worth <= 0 and gates.min_impressions > 0:
        return "impressions not shown and no engagement: it may never have been seen"
    return ""


def _refused(
    post: MaturedPost, now: datetime, why: str, reading: MetricReading | None = None
) -> RewardJudgement:
    reward = Reward(post.account_id, post.content_id, post.post_id, now, None, why)
    return RewardJudgement(reward, reading.views if reading else None)
