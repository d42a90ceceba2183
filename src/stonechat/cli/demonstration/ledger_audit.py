"""The demo's report: our database held against the local network's own ledger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from stonechat.core.ids import fingerprint
from stonechat.core.model import Content, Metrics, Snapshot
from stonechat.core.states import ContentState

_COUNTS = ("likes", "reposts", "replies", "quotes", "bookmarks", "views")

_TO_WHOM = re.compile(r"^(?:@\w+\s+)+")


@dataclass(frozen=True, slots=True)
class Audit:
    """What the ledger says about us.

    Attributes:
        published: posts of ours on the network that answer nobody, a thread counted once.
        replies: answers of ours to others on the network.
        lost: parts that we hold for posted and the ledger does not have, and pieces that failed or
            were missed.
        doubled: posts on the network beyond the first with the same text, or with a text that we never meant.
        unsettled: pieces that were on their way when the demo ended; they go on at the next start.
        metrics_read: snapshots that we stored.
        metrics_wrong: snapshots whose counts the network never showed for that post.
        rewards: posts that the model has learned from.
    """

    published: int
    replies: int
    lost: int
    doubled: int
    metrics_read: int
    metrics_wrong: int
    rewards: int = 0
    unsettled: int = 0

    @property
    def clean(self) -> bool:
        """Nothing was lost, doubled or misread."""
        return self.lost == self.doubled == self.metrics_wrong == 0


def sum_of(audits: Sequence[Audit]) -> Audit:
    """What the ledger says of several accounts together; ``rewards`` are counted for all in each."""
    names = [one.name for one in fields(Audit) if one.name != "rewards"]
    added = {name: sum(getattr(one, name) for one in audits) for name in names}
    return Audit(**added, rewards=max((one.rewards for one in audits), default=0))


def audit(
    ledger: Sequence[Mapping[str, Any]],
    served: Mapping[str, Iterable[Mapping[str, Any]]],
    contents: Sequence[Content],
    parts: Mapping[str, Mapping[int, str]],
    snapshots: Sequence[Snapshot],
    *,
    rewards: int = 0,
) -> Audit:
    """Hold what we believe against what the network recorded.

    Args:
        ledger: the network's posts by our account: ``id``, ``text``, ``in_reply_to``.
        served: for each post id, every set of counts the network showed.
        contents: all our content rows.
        parts: for each content id, part number to post id.
        snapshots: every stored snapshot.
    """
    ids = {str(post["id"]) for post in ledger}
    ours_by_id = {str(post["id"]): post for post in ledger}
    posted = [content for content in contents if content.state is ContentState.POSTED]
    lost = sum(content.state in {ContentState.FAILED, ContentState.MISSED} for content in contents)
    for content in posted:
        known = parts.get(content.id, {})
        for number, text in enumerate(content.parts):
            post = ours_by_id.get(known.get(number, ""))
            if post is None or _said(str(post["text"])) != _said(text):
                lost += 1
    texts = Counter(_said(str(post["text"])) for post in ledger)
    meant = {_said(text) for one in contents for text in one.parts}
    doubled = sum(count - 1 for count in texts.values()) + sum(text not in meant for text in texts)
    roots = [post for post in ledger if not post.get("in_reply_to")]
    own_replies = [post for post in ledger if post.get("in_reply_to") and str(post["in_reply_to"]) not in ids]
    wrong = sum(not _was_served(shot, served.get(shot.post_id, ())) for shot in snapshots)
    unsettled = sum(one.state in {ContentState.POSTING, ContentState.UNCONFIRMED} for one in contents)
    return Audit(len(roots), len(own_replies), lost, doubled, len(snapshots), wrong, rewards, unsettled)


def _said(text: str) -> str:
    """A digest of what was said, without whom it was said to: some networks want that before a reply."""
    return fingerprint(_TO_WHOM.sub("", text))


def _was_served(shot: Snapshot, shown: Iterable[Mapping[str, Any]]) -> bool:
    return any(_same(shot.metrics, counts) for counts in shown)


def _same(metrics: Metrics, counts: Mapping[str, Any]) -> bool:
    return all(getattr(metrics, name) == counts.get(name) for name in _COUNTS)
