"""Which posts of others are worth a reply, and how much. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Opportunity
from stonechat.core.network import NetworkPost
from stonechat.core.states import OpportunityState

INVITED_BONUS = 5.0
SUSPECT_PENALTY = 4.0
REACH = 0.3
"""What each tenfold of followers is worth."""
FIT = 1.5
"""What a post that is about the account's topics is worth beside one that is not."""
SHORTEST = 15
"""Letters below which a post gives nothing to answer."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_SUSPECT = re.compile(
    r"(?:ignore|disregard|forget)\b[^.]{0,30}\b(?:instruction|prompt|rule|message)s?|"
    r"system prompt|you are now|"
    r"</?(?:system|assistant|user)>|as an ai|jailbreak|\bprompt\b.{0,20}\b(?:reveal|print|repeat)|"
    r"\b(?:reveal|print|repeat)\b.{0,30}\b(?:prompt|instructions)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Interests:
    """What an account is about: its language (ISO 639-1) and the words of its topics, in lower case."""

    language: str = "en"
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """What a source lets through. Durations are account time.

    Attributes:
        least_likes: engagement below which a post is left alone, once it is ``GROWN``; a younger one needs
            less. A post that shows no count passes only where it is 0.
        invited: the posts of this source were addressed to us.
        shut_out: handles in lower case that want no automated replies.
        known: ids of posts that were found before.
        taken: ``(conversation, author in lower case)`` of open and answered opportunities.
        ours: conversations that a post of ours began.
        followers: least and most followers of an author, where the network tells; 0 for no most.
    """

    freshness: timedelta
    least_likes: int = 0
    invited: bool = False
    shut_out: Collection[str] = ()
    known: Collection[str] = ()
    taken: Collection[tuple[str, str]] = ()
    ours: Collection[str] = ()
    followers: tuple[int, int] = (0, 0)
    interests: Interests = Interests()


GROWN = timedelta(hours=6)
"""By then a post has most of the likes that it will have in its first day."""


def why_not(post: NetworkPost, account: Account, sieve: CandidateFilter, now: datetime) -> str:
    """Why ``post`` is left alone; empty where it is worth a reply."""
    if post.author.casefold() == account.handle.casefold():
        return "our own"
    if post.author.casefold() in sieve.shut_out or post.author_blocks_us:
        return "the author wants no automated replies"
    if post.id in sieve.known:
        return "found before"
    if _is_taken(post, sieve):
        return "its conversation is taken"
    if post.created_at is None or now - post.created_at > sieve.freshness:
        return "not fresh"
    return _unfit(post, sieve, now - post.created_at)


def _unfit(post: NetworkPost, sieve: CandidateFilter, age: timedelta) -> str:
    if post.sensitive:
        return "marked as sensitive"
    if post.language is not None and post.language != sieve.interests.language:
        return "not in the account's language"
    if sieve.invited:
        return ""
    if len(post.text.strip()) < SHORTEST:
        return "says too little"
    if (post.metrics.likes or 0) < sieve.least_likes * min(1.0, age / GROWN):
        return "too little engagement"
    least, most = sieve.followers
    reach = post.author_followers
    if reach is not None and (reach < least or (most and reach > most)):
        return "the author is too small or too large"
    return ""


def _is_taken(post: NetworkPost, sieve: CandidateFilter) -> bool:
    """One opportunity a conversation; where we began it, one for each who speaks there."""
    if post.conversation_id in sieve.ours:
        return (post.conversation_id, post.author.casefold()) in sieve.taken
    return any(post.conversation_id == conversation for conversation, _ in sieve.taken)


def looks_suspect(text: str) -> bool:
    """Whether a text talks to a language model rather than to people; such posts go to the end."""
    return _SUSPECT.search(text) is not None


def score(post: NetworkPost, sieve: CandidateFilter, now: datetime) -> float:
    """How much a reply is worth, comparable within one account.

    The log of weighted engagement for each hour of age (a young post on the rise beats an old one at its
    peak), who listens, how well it fits the account's topics, the chance that the author answers, and a
    bonus for those who spoke to us first. The weights are a judgement, not a measurement.
    """
    counts = post.metrics
    engagement = (counts.likes or 0) + 2 * (counts.reposts or 0) + 3 * (counts.replies or 0)
    hours = max(0.25, (now - (post.created_at or now)) / timedelta(hours=1))
    value = math.log1p(engagement / hours) + REACH * math.log10(1 + (post.author_followers or 0))
    value += FIT * fit(post.text, sieve.interests) + chance_of_an_answer(post)
    if sieve.invited:
        value += INVITED_BONUS
    if looks_suspect(post.text):
        value -= SUSPECT_PENALTY
    return round(value, 4)


def fit(text: str, interests: Interests) -> float:
    """From 0 to 1: how much of what the account is about stands in a text; two words of it are all."""
    words = {word.casefold() for word in _WORD.findall(text)}
    return min(1.0, len(words & interests.words) / 2)


def chance_of_an_answer(post: NetworkPost) -> float:
    """From 0 to 1: who asks wants answers, and who has got a hundred reads no more."""
    asks = 1.0 if "?" in post.text or "\uff1f" in post.text or "\u061f" in post.text else 0.4
    return asks / (1 + math.log10(1 + (post.metrics.replies or 0)))


def opportunities_from(
    posts: Sequence[NetworkPost], account: Account, sieve: CandidateFilter, *, source: str, now: datetime
) -> list[Opportunity]:
    """The posts that pass, best first; each author and each conversation once."""
    passed = [post for post in posts if not why_not(post, account, sieve, now)]
    found: list[Opportunity] = []
    authors: set[str] = set()
    for post in sorted(passed, key=lambda one: (-score(one, sieve, now), one.id)):
        author = post.author.casefold()
        if author in authors or _is_taken(post, sieve):
            continue
        found.append(_opportunity(post, account, sieve, source, now))
        authors.add(author)
        if post.conversation_id is not None:
            sieve = replace(sieve, taken={*sieve.taken, (post.conversation_id, author)})
    return found


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
        conversation_id=post.conversation_id,
    )
