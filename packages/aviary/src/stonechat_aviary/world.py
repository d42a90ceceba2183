"""The world: accounts, posts, counts and time in one place; what the site reads and a post changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from stonechat_aviary.accounts import OwnAccount, own_account
from stonechat_aviary.audience import Counts, Engagement, draw_engagement
from stonechat_aviary.chance import chance
from stonechat_aviary.crowd import DAY, Crowd, Spoken, Voices
from stonechat_aviary.following import Drift
from stonechat_aviary.ledger import Entry, Ledger
from stonechat_aviary.media import Media
from stonechat_aviary.people import Person, make_people
from stonechat_aviary.posts import Post, Shelf, newest_first
from stonechat_aviary.reading import read_traits
from stonechat_aviary.searching import Query
from stonechat_aviary.truth import LEVEL, Truth
from stonechat_aviary.weighing import MAX_WEIGHTED, weighted_length
from stonechat_aviary.worldtime import WorldClock, snowflake

PAST_DAYS = 3
"""Days of other people's posts that exist before the world's first moment."""
SEARCH_DAYS = 8
CATCH_UP_DAYS = 60
"""After a jump in time, so many days of other people's posts are made up for."""
_MENTION = re.compile(r"@(\w{1,30})")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a post was not accepted: X's error code and message."""

    code: int
    message: str


class World:
    """One seeded world.

    Args:
        clock: world time.
        seed: the same seed gives the same people, posts, tastes and (for the same texts) counts.
        handles: our accounts; the first is the main one.
        voices: says what others say.
        folder: where the ledger is kept; None keeps it in memory.
    """

    def __init__(
        self,
        clock: WorldClock,
        seed: int,
        handles: Sequence[str],
        voices: Voices,
        folder: Path | None = None,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.truth = Truth(seed)
        self.accounts = {
            handle.lower(): own_account(seed, handle, number) for number, handle in enumerate(handles)
        }
        people = make_people(seed, clock.epoch)
        self.people = {person.handle.lower(): person for person in people}
        self.ledger = Ledger(folder)
        self._crowd = Crowd(seed, people, voices)
        self._shelf = Shelf()
        self._next_day = int(clock.epoch // DAY) - PAST_DAYS
        self._engagement = lru_cache(maxsize=6_000)(self._draw)
        self._drift = Drift(seed, clock.epoch)
        self._texts: set[tuple[str, str, str | None]] = set()
        self._roots: dict[str, int] = {}
        self._adverts: dict[tuple[str, int], Post | None] = {}
        self._last_id = 0
        for entry in self.ledger:
            self._shelve(entry)

    # ---------------------------------------------------------------- reading

    def now(self) -> float:
        """World time in Unix seconds; the crowd has posted all that it posts until then."""
        now = self.clock.now()
        self._next_day = max(self._next_day, int(now // DAY) - CATCH_UP_DAYS)
        while self._next_day <= now // DAY:
            self._live_through(self._next_day)
            self._next_day += 1
        return now

    def author(self, handle: str) -> OwnAccount | Person | None:
        """Whoever has that handle, upper or lower case."""
        return self.accounts.get(handle.lower()) or self.people.get(handle.lower())

    def post(self, post_id: str, now: float) -> Post | None:
        """The post, if it is visible at ``now``."""
        return self._shelf.get(post_id, now)

    def counts(self, post: Post, now: float) -> Counts:
        """The metrics that the network shows for ``post`` at ``now``."""
        counts = self._engagement(
            post.first_id, post.at, post.log_interactions, post.author, post.ordinal
        ).at_time(now)
        ours = sum(answer.own for answer in self._shelf.answers(post.id, now))
        return replace(counts, replies=counts.replies + ours) if ours else counts

    def posts_of(self, handle: str, now: float, *, replies: bool) -> list[Post]:
        """An account's posts, newest first; without ``replies`` only roots and own threads."""
        posts = self._shelf.by_author(handle, now)
        return posts if replies else [post for post in posts if self._in_own_thread(post, now)]

    def answers(self, post_id: str, now: float) -> list[Post]:
        """Direct answers to a post, oldest first."""
        return self._shelf.answers(post_id, now)

    def mentions(self, handle: str, now: float) -> list[Post]:
        """Posts of others that mention or answer ``handle``, newest first."""
        return self._shelf.mentions(handle, now)

    def home(self, handle: str, now: float) -> list[Post]:
        """What an account sees at home: everybody's root posts of the last two days, newest first."""
        posts = (p for p in self._shelf.since(now - 2 * DAY, now) if p.in_reply_to is None)
        return newest_first(posts, now)[:200]

    def advert(self, viewer: str, now: float) -> Post | None:
        """The post that somebody pays to have shown to ``viewer`` today: a loud one of yesterday's."""
        day = int(now // DAY) - 1
        key = (viewer.lower(), day)
        if key not in self._adverts:
            posts = [p for p in self._shelf.of_day(day, now) if not (p.own or p.in_reply_to or p.reposted)]
            self._adverts[key] = max(posts, key=lambda post: post.log_interactions, default=None)
        return self._adverts[key]

    def search(self, query: Query, now: float, *, latest: bool) -> list[Post]:
        """Posts that match: newest first, or (Top) most liked first."""
        found = [
            post
            for post in self._shelf.since(query.since or now - SEARCH_DAYS * DAY, query.until or now)
            if post.at <= now and query.finds(post, lambda one: self.counts(one, now))
        ]
        if latest:
            return newest_first(found, now)
        return sorted(found, key=lambda post: (-self.counts(post, now).likes, -int(post.id)))

    def followers(self, handle: str, now: float) -> int:
        """Followers at ``now``: what the posts brought, and the daily coming and going."""
        account = self.accounts.get(handle.lower())
        if account is None:
            person = self.people.get(handle.lower())
            return person.followers if person else 0
        brought = sum(
            self._engagement(p.id, p.at, p.log_interactions, p.author, p.ordinal).followed(now)
            for p in self._shelf.by_author(handle, now)
        )
        return max(0, account.first_followers + brought + self._drift.since_the_first_day(handle, now))

    # ---------------------------------------------------------------- posting

    def publish(
        self,
        handle: str,
        text: str,
        reply_to: str | None,
        client: dict[str, str],
        *,
        media: tuple[Media, ...] = (),
        quoted: str | None = None,
        refuse_duplicates: bool = True,
        answered: bool = True,
        weighed: bool = True,
    ) -> Post | Refusal:
        """Accept a post into the ledger, or say why not (X's codes 186, 187, 385, 144, 170)."""
        now = self.now()
        text = text.strip()
        parent = self.post(reply_to, now) if reply_to else None
        if not text and not media:
            return Refusal(170, "Missing required parameter: tweet_text.")
        if weighed and weighted_length(text) > MAX_WEIGHTED:
            return Refusal(186, "Tweet needs to be a bit shorter.")
        if reply_to and parent is None:
            return Refusal(385, "You attempted to reply to a Tweet that is deleted or not visible to you.")
        if quoted and self.post(quoted, now) is None:
            return Refusal(144, "No status found with that ID.")
        if refuse_duplicates and (handle.lower(), " ".join(text.split()), reply_to) in self._texts:
            return Refusal(187, "Status is a duplicate.")
        entry = Entry(
            id=self._new_id(now),
            author=self.accounts[handle.lower()].handle,
            text=text,
            at=now,
            real_at=self.clock.real(),
            in_reply_to=reply_to,
            conversation=parent.conversation if parent else "",
            ordinal=self._roots.get(handle.lower(), 0) if reply_to is None else None,
            client=client,
            answered=answered,
            media=[one.as_row() for one in media],
            quoted=quoted,
        )
        self.ledger.append(entry)
        return self._shelve(entry)

    def edit(self, post_id: str, text: str) -> Post | None:
        """Edit a post of ours as its owner does by hand; None where there is none."""
        old = self.post(post_id, self.now())
        if old is None or not old.own:
            return None
        new = replace(old, id=self._new_id(self.now()), text=text, versions=(*old.versions, old.id))
        self._last_id = int(new.id)
        self._shelf.replace(old, new)
        return new

    def delete(self, post_id: str) -> None:
        """Take a post of ours back; the ledger keeps that it was there."""
        self._shelf.remove(post_id)

    def close(self) -> None:
        """Close the ledger's files."""
        self.ledger.close()

    # ---------------------------------------------------------------- inside

    def _shelve(self, entry: Entry) -> Post:
        post = Post(
            id=entry.id,
            author=entry.author,
            text=entry.text,
            at=entry.at,
            log_interactions=self._loudness(entry),
            in_reply_to=entry.in_reply_to,
            conversation=entry.conversation or entry.id,
            ordinal=entry.ordinal,
            own=True,
            quoted=entry.quoted,
            media=tuple(Media(**row) for row in entry.media),
        )
        handle = entry.author.lower()
        self._last_id = max(self._last_id, int(entry.id))
        self._texts.add((handle, " ".join(entry.text.split()), entry.in_reply_to))
        if entry.ordinal is not None:
            self._roots[handle] = entry.ordinal + 1
        self._put(Spoken(post, tuple(h for h in _handles(entry.text) if h != handle)))
        engagement = self._engagement(post.id, post.at, post.log_interactions, post.author, post.ordinal)
        self._put_all(self._crowd.answers(post, engagement))
        return post

    def _loudness(self, entry: Entry) -> float:
        if entry.ordinal is not None:
            traits = read_traits(entry.text, entry.at)
            return self.truth.outcome(entry.author, entry.ordinal, entry.at, traits).total
        rng = chance(self.seed, "answer", entry.author, entry.text)
        parent = self._shelf.get(entry.in_reply_to or "", entry.at)
        if parent is not None and parent.own:
            return parent.log_interactions - 1.0 + 0.3 * float(rng.standard_normal())
        return LEVEL - 1.8 + 0.8 * float(rng.standard_normal())

    def _draw(
        self, post_id: str, at: float, log_interactions: float, author: str, ordinal: int | None
    ) -> Engagement:
        key = ("engagement", author, ordinal) if ordinal is not None else ("engagement", post_id)
        return draw_engagement(chance(self.seed, *key), at, log_interactions)

    def _live_through(self, day: int) -> None:
        self._put_all(self._crowd.day(day))
        for handle in self.accounts:
            self._put_all(self._crowd.mentions(self.accounts[handle].handle, day, self.clock.epoch))

    def _put_all(self, spoken: Iterable[Spoken]) -> None:
        for item in spoken:
            self._put(item)

    def _put(self, item: Spoken) -> None:
        self._shelf.add(item.post, item.mentions)

    def _new_id(self, now: float) -> str:
        return str(max(int(snowflake(now, 1)), self._last_id + 1))

    def _in_own_thread(self, post: Post, now: float) -> bool:
        while post.in_reply_to is not None:
            parent = self._shelf.get(post.in_reply_to, now)
            if parent is None or parent.author != post.author:
                return False
            post = parent
        return True


def _handles(text: str) -> tuple[str, ...]:
    return tuple(match.lower() for match in _MENTION.findall(text))
