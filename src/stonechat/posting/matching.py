"""Finds our own post again among what the network shows, and says whether its absence is proven."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rapidfuzz import fuzz

from stonechat.core.network import NetworkPost, Timeline
from stonechat.core.texts import canonical

CLOCK_SLACK = timedelta(minutes=2)
"""How far the network's clock, which shows whole seconds, is behind ours where both go right."""

OURS_AHEAD = timedelta(days=1)
"""A host whose clock is set wrong may be ahead of the network by that much: what bears our text, belongs to
nothing else of ours and is no older than that is what was tried. Sending it again would be worse than taking
a post for ours that the owner made by hand a day before, word for word."""

REACHES_BEFORE = timedelta(hours=1)
"""By so much the end of a read must lie before the try by the network's clock: one read never holds all that
an account posts in an hour, so that it has seen everything since, however far ahead our clock is."""

MUST_SHOW = 3
"""Of so many of our newest posts from before a try a healthy read shows at least one (one may be deleted)."""

EDITED_LIKE = 60
"""Of a hundred: so much of its text a post keeps that somebody has edited; two posts are less alike."""

LONGEST_ENTRY = 3
"""Posts that a profile shows of one conversation."""


@dataclass(frozen=True, slots=True)
class Known:
    """A post of ours that is live. Account times.

    Attributes:
        posted_at: when it went live, as near as we know.
        confirmed_at: by when it was live for certain, by our own clock.
        leads: it is not a later part of a thread, which a page may fold away.
    """

    post_id: str
    posted_at: datetime
    confirmed_at: datetime
    leads: bool = True


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Attributes:
        parts: texts that may be live, in order.
        since: account time of the first try that could have sent them.
        taken: ids on the network that belong to other content, or to earlier parts.
        known: our known posts of late; a healthy read shows those of the time that it covers.
        until: account time by which the last such try had clicked, if it did at all.
        quote_of: id of the post that the first of them quotes.
        answers: id of the post that the first of them answers; None where it answers none. The others answer
            the one before them.
        rivals: texts of other content of which nobody knows either whether it is live.
    """

    parts: Sequence[str]
    since: datetime
    taken: Collection[str]
    known: Sequence[Known] = ()
    until: datetime | None = None
    quote_of: str | None = None
    answers: str | None = None
    rivals: Sequence[str] = ()


def find_parts(search: Search, timeline: Timeline) -> list[NetworkPost]:
    """The leading parts that are live, in order; the oldest match of each since the try, else before it."""
    taken = set(search.taken)
    found: list[NetworkPost] = []

    def order(post: NetworkPost) -> tuple[bool, datetime, str]:
        at = post.created_at or search.since
        return at < search.since - CLOCK_SLACK, at, post.id

    in_order = sorted(timeline.posts, key=order)
    for number, part in enumerate(search.parts):
        quoted = search.quote_of if number == 0 else None
        answered = found[-1].id if found else search.answers
        match = next(
            (
                post
                for post in in_order
                if post.id not in taken
                and (post.created_at is None or post.created_at >= search.since - OURS_AHEAD)
                and _stands_there(post, answered, quoted)
                and (post.shows(part, reply=answered is not None) or _is_edited(post, part, search))
            ),
            None,
        )
        if match is None:
            break
        taken.add(match.id)
        found.append(match)
    return found


def _is_edited(post: NetworkPost, part: str, search: Search) -> bool:
    """Whether the post was edited by hand, and was this text before rather than any of the others."""
    if not post.versions or post.created_at is None or post.created_at < search.since - CLOCK_SLACK:
        return False
    like = fuzz.ratio(canonical(part), post.text)
    return like >= EDITED_LIKE and all(like > fuzz.ratio(canonical(one), post.text) for one in search.rivals)


def _stands_there(post: NetworkPost, answered: str | None, quoted: str | None) -> bool:
    """Whether it may answer and quote what it should; a page does not say either."""
    return post.in_reply_to in (None, answered) and (quoted is None or post.quoted_id in (None, quoted))


def may_be_ours(search: Search, timeline: Timeline) -> bool:
    """Whether the read shows a post that we know nothing of from the time of the try, where ours would stand.

    It may be ours in a form that we do not know: a differing text alone never makes a post absent.
    """
    found = find_parts(search, timeline)
    answered = found[-1].id if found else search.answers
    quoted = None if found else search.quote_of
    taken = {*search.taken, *(post.id for post in found), *(one.post_id for one in search.known)}
    since, until = search.since - CLOCK_SLACK, (search.until or search.since) + CLOCK_SLACK
    return any(
        post.id not in taken
        and (post.created_at is None or since <= post.created_at <= until)
        and _stands_there(post, answered, quoted)
        for post in timeline.posts
    )


def proves_absence(search: Search, timeline: Timeline, *, asked: int) -> bool:
    """Whether the read was healthy and reached back beyond the first try.

    One that shows none of our newest posts of before the try is not healthy, whatever it says of itself.

    Args:
        asked: how many posts the read was asked for; one that shows as many may end within a thread.
    """
    if not timeline.complete or hides_some(search, timeline) or may_be_ours(search, timeline):
        return False
    before = sorted(
        (one for one in search.known if one.confirmed_at <= search.since), key=lambda one: one.confirmed_at
    )
    shown = {post.id for post in timeline.posts}
    newest = [one.post_id for one in before if one.leads][-MUST_SHOW:]
    if newest and not shown.intersection(newest):
        return False
    return timeline.oldest is None or _reaches(search, timeline, {one.post_id for one in before}, asked)


def hides_some(search: Search, timeline: Timeline) -> bool:
    """Whether one of the posts that were not brought along may be what is looked for."""
    early = search.since - REACHES_BEFORE
    others = {post.in_reply_to for post in timeline.posts} | set(search.taken)  # what we answered may be gone
    return any(
        one.id not in others and (one.created_at is None or one.created_at >= early)
        for one in timeline.unread
    )


def _reaches(search: Search, timeline: Timeline, before: Collection[str], asked: int) -> bool:
    """Whether the end of the timeline lies before the first try.

    A timeline runs from new to old by the latest activity, so an old post at its top (pinned, or lifted
    by an answer) says nothing about how far it reaches; its last entry does. That entry is from before
    the try where it is a post of ours that we knew to be live, or by the network's own time of it.
    """
    end = timeline.posts[-1:] if len(timeline.posts) < asked else timeline.posts[-LONGEST_ENTRY:]
    return bool(end) and all(
        post.id in before
        or (post.created_at is not None and post.created_at <= search.since - REACHES_BEFORE)
        for post in end
    )
