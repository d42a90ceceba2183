"""Which posts of others are worth a reply, and how much. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Opportunity
from stonechat.core.network import NetworkPost
from stonechat.core.states import OpportunityState

INVITED_BONUS = 5.0
SUSPECT_PENALTY = 4.0
SHORTEST = 15
"""Letters below which a post gives nothing to answer."""

_SUSPECT = re.compile(
    r"(?:ignore|disregard|forget)\b[^.]{0,30}\b(?:instruction|prompt|rule|message)s?|"
    r"system prompt|you are now|"
    r"</?(?:system|assistant|user)>|as an ai|jailbreak|\bprompt\b.{0,20}\b(?:reveal|print|repeat)|"
    r"\b(?:reveal|print|repeat)\b.{0,30}\b(?:prompt|instructions)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """What a source lets through. Durations are account time.

    Attributes:
        least_likes: engagement below which a post is left alone; a post that shows no count passes
            only where it is 0.
        invited: the posts of this source were addressed to us.
        shut_out: handles in lower case that want no automated replies.
        known: ids of posts that were found before.
    """

    freshness: timedelta
    least_likes: int = 0
    invited: bool = False
    shut_out: Collection[str] = ()
    known: Collection[str] = ()


def why_not(post: NetworkPost, account: Account, sieve: CandidateFilter, now: datetime) -> str:
    """Why ``post`` is left alone; empty where it is worth a reply."""
    if post.author.casefold() == account.handle.casefold():
        return "our own"
    if post.author.casefold() in sieve.shut_out:
        return "the author wants no automated replies"
    if post.id in sieve.known:
        return "found before"
    if post.created_at is None or now - post.created_at > sieve.freshness:
        return "not fresh"
    if len(post.text.strip()) < SHORTEST and not sieve.invited:
        return "says too little"
    if (post.metrics.likes or 0) < sieve.least_likes:
        return "too little engagement"
    return ""


def looks_suspect(text: str) -> bool:
    """Whether a text talks to a language model rather than to people; such posts go to the end."""
    return _SUSPECT.search(text) is not None


def score(post: NetworkPost, sieve: CandidateFilter, now: datetime) -> float:
    """How much a reply is worth, comparable within one account.

    The log of weighted engagement for each hour of age, so that a young post on the rise beats an
    old one at its peak, plus a bonus for those who spoke to us first.
    """
    counts = post.metrics
    engagement = (counts.likes or 0) + 2 * (counts.reposts or 0) + 3 * (counts.replies or 0)
    hours = max(0.25, (now - (post.created_at or now)) / timedelta(hours=1))
    value = math.log1p(engagement / hours)
    if sieve.invited:
        value += INVITED_BONUS
    if looks_suspect(post.text):
        value -= SUSPECT_PENALTY
    return round(value, 4)


def opportunities_from(
    posts: Sequence[NetworkPost], account: Account, sieve: CandidateFilter, *, source: str, now: datetime
) -> list[Opportunity]:
    """The posts that pass, best first; each author once, so that nobody is answered twice in a row."""
    passed = [post for post in posts if not why_not(post, account, sieve, now)]
    found: dict[str, Opportunity] = {}
    for post in sorted(passed, key=lambda one: (-score(one, sieve, now), one.id)):
        author = post.author.casefold()
        if author not in found or sieve.invited:
            found[f"{author}/{post.id}" if sieve.invited else author] = _opportunity(
                post, account, sieve, source, now
            )
    return list(found.values())


def _opportunity(
    post: NetworkPost, account: Account, sieve: CandidateFilter, source: str, now: datetime
) -> Opportunity:
    return Opportunity(
        id=stable_id("opportunity", account.id, post.id),
        account_id=account.id,
        post_id=post.id,
        author=post.author,
        text=post.text,
        url=post.url,
        posted_at=post.created_at or now,
        found_at=now,
        state=OpportunityState.FOUND,
        source=source,
        invited=sieve.invited,
        score=score(post, sieve, now),
        metrics=post.metrics,
    )
