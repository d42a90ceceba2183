"""The other accounts at work: what they post each day, whom they quote, and when they speak to us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stonechat_aviary.audience import Engagement, rhythm
from stonechat_aviary.chance import chance, key_number, pick
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.reading import read_topic
from stonechat_aviary.remarks import INJECTIONS
from stonechat_aviary.worldtime import snowflake

DAY = 86_400.0
VIRAL_SHARE = 0.02
INJECTION_SHARE = 0.12
MENTIONS_A_DAY = 3.0
LONG = 280
"""Characters beyond which only a premium account may write."""
ANSWERS_SHOWN = 6
"""At most so many of a post's counted replies can be opened and read."""
_HOURLY = np.array([rhythm(hour) for hour in range(24)])


class Voices(Protocol):
    """What others say. Every text depends on the generator alone, so that the same seed says the same."""

    def chat(self, rng: np.random.Generator, topic: str) -> str:
        """A post about a topic."""

    def ask(self, rng: np.random.Generator, handle: str) -> str:
        """A post out of the blue that speaks to ``handle``."""

    def respond(self, rng: np.random.Generator, handle: str, topic: str | None) -> str:
        """An answer to a post by ``handle`` about ``topic``."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A post of the crowd and the handles that it speaks to."""

    post: Post
    mentions: tuple[str, ...] = ()


class Crowd:
    """Everything that others post, by day; the same seed gives the same days."""

    def __init__(self, seed: int, people: Sequence[Person], voices: Voices) -> None:
        self._seed = seed
        self._people = people
        self._voices = voices

    def day(self, day: int) -> list[Spoken]:
        """The posts that the others make on the ``day``-th day since 1970, in order."""
        rng = chance(self._seed, "crowd", day)
        spoken: list[Spoken] = []
        for person in self._people:
            for _ in range(int(rng.poisson(person.posts_a_day))):
                earlier = [item.post for item in spoken if item.post.reposted is None]
                spoken.append(Spoken(self._post(rng, person, day, earlier)))
        return sorted(spoken, key=lambda item: item.post.at)

    def mentions(self, handle: str, day: int, start: float) -> list[Spoken]:
        """The posts of ``day`` that speak to ``handle`` out of the blue; none before ``start``.

        On the first day there is always one within the first hour, so that a new account has somebody
        whom it may answer.
        """
        rng = chance(self._seed, "mentions", handle, day)
        times = [_moment(rng, day) for _ in range(int(rng.poisson(MENTIONS_A_DAY)))]
        spoken = [self._mention(rng, handle, at) for at in times if at >= start]
        if day == int(start // DAY):
            spoken.append(self._mention(rng, handle, start + 1200.0, friendly=True))
        return spoken

    def answers(self, post: Post, engagement: Engagement) -> list[Spoken]:
        """The first of the replies that an engagement counts, as posts that can be read."""
        arrivals = engagement.arrivals[2]
        if arrivals is None:
            return []
        rng = chance(self._seed, "answers", post.author, post.text, int(post.at))
        return [
            self._answer(rng, post, post.at + float(age), number)
            for number, age in enumerate(arrivals[:ANSWERS_SHOWN])
        ]

    def _post(self, rng: np.random.Generator, person: Person, day: int, earlier: list[Post]) -> Post:
        at = _moment(rng, day)
        kind = float(rng.random())
        source = pick(rng, earlier) if earlier and kind < 0.14 else None
        if source is not None and source.at >= at:
            source = None
        text = self._voices.chat(rng, pick(rng, person.interests))
        if person.premium and rng.random() < 0.2:
            text = "\n\n".join(
                [
                    text,
                    self._voices.chat(rng, person.interests[0]),
                    self._voices.chat(rng, person.interests[1]),
                ]
            )
        viral = 3.5 if rng.random() < VIRAL_SHARE else 0.0
        loudness = 2.6 + person.reach + viral + 1.1 * float(rng.standard_normal())
        post_id = snowflake(at, key_number(person.handle, at))
        reposted = source.id if source is not None and kind < 0.06 else None
        if len(text) > LONG and int(post_id) % 3 == 0:
            text += f"\n\nMore: https://notes.example.com/{person.handle}"
        if source is not None and reposted is not None:
            text = f"RT @{source.author}: {source.text}"[:140]
        return Post(
            id=post_id,
            author=person.handle,
            text=text,
            at=at,
            log_interactions=loudness,
            conversation=post_id,
            quoted=source.id if source is not None and reposted is None else None,
            reposted=reposted,
            hidden="wrapped" if rng.random() < 0.05 else "",
        )

    def _mention(self, rng: np.random.Generator, handle: str, at: float, friendly: bool = False) -> Spoken:
        person = pick(rng, self._people)
        hostile = float(rng.random()) < INJECTION_SHARE and not friendly
        text = pick(rng, INJECTIONS).format(handle=handle) if hostile else self._voices.ask(rng, handle)
        post_id = snowflake(at, key_number("mention", handle, at))
        post = Post(
            post_id, person.handle, text, at, 1.5 + float(rng.standard_normal()), conversation=post_id
        )
        return Spoken(post, (handle.lower(),))

    def _answer(self, rng: np.random.Generator, post: Post, at: float, number: int) -> Spoken:
        person = pick(rng, self._people)
        hostile = float(rng.random()) < INJECTION_SHARE / 2
        handle = post.author
        if hostile:
            text = pick(rng, INJECTIONS).format(handle=handle)
        else:
            text = self._voices.respond(rng, handle, read_topic(post.text))
        answer = Post(
            id=snowflake(at, key_number("answer", post.id, number)),
            author=person.handle,
            text=text,
            at=at,
            log_interactions=0.7 + float(rng.standard_normal()),
            in_reply_to=post.id,
            conversation=post.conversation or post.id,
            hidden=_hidden(float(rng.random())),
        )
        return Spoken(answer, (post.author.lower(),))


def _hidden(draw: float) -> str:
    """How an answer that cannot be read is shown: deleted, withheld, or simply left out."""
    limits = ((0.06, "tombstone"), (0.075, "unavailable"), (0.085, "empty"))
    return next((kind for limit, kind in limits if draw < limit), "")


def _moment(rng: np.random.Generator, day: int) -> float:
    hour = int(rng.choice(24, p=_HOURLY / _HOURLY.sum()))
    return day * DAY + hour * 3600.0 + round(float(rng.uniform(0, 3600)), 3)
