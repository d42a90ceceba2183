"""The other accounts of the network: who they are, what they care about, how they appear on the wire."""

from __future__ import annotations

from dataclasses import dataclass

from stonechat_aviary.chance import chance, pick
from stonechat_aviary.vocabulary import TOPICS

_FIRST = ("calm", "slow", "quiet", "early", "steady", "plain", "small", "deep", "kind", "bright")
_SECOND = (
    "desk",
    "commit",
    "kettle",
    "harbor",
    "notebook",
    "sprint",
    "garden",
    "lantern",
    "rivet",
    "compass",
)
_ABOUT = ("Building small software", "Notes from a small studio", "Shipping slowly", "Working in the open")


@dataclass(frozen=True, slots=True)
class Person:
    """One of the other accounts.

    Attributes:
        reach: added to the log interactions of its posts.
        old_shape: the wire gives its data in the older shape (``legacy.screen_name``).
        premium: may write more than 280 characters, which the wire carries as ``note_tweet``.
    """

    handle: str
    name: str
    id: str
    bio: str
    followers: int
    following: int
    reach: float
    interests: tuple[str, ...]
    posts_a_day: float
    old_shape: bool
    premium: bool
    joined: float


def make_people(seed: int, epoch: float) -> tuple[Person, ...]:
    """A hundred accounts, the same for the same seed."""
    return tuple(
        _person(seed, first, second, number, epoch)
        for number, (first, second) in enumerate((a, b) for a in _FIRST for b in _SECOND)
    )


def _person(seed: int, first: str, second: str, number: int, epoch: float) -> Person:
    rng = chance(seed, "person", number)
    topics = tuple(TOPICS)
    interests = tuple(topics[i] for i in rng.choice(len(topics), size=2, replace=False))
    followers = int(10 ** rng.uniform(1.6, 5.2))
    return Person(
        handle=f"{first}_{second}" if number % 3 else f"{first}{second}{number}",
        name=f"{first.capitalize()} {second.capitalize()}",
        id=str(10_000_000 + 7919 * number + int(rng.integers(1000))),
        bio=f"{pick(rng, _ABOUT)}. Mostly {interests[0]} and {interests[1]}.",
        followers=followers,
        following=int(rng.integers(30, 900)),
        reach=0.35 * (len(str(followers)) - 3),
        interests=interests,
        posts_a_day=float(rng.uniform(0.3, 2.2)),
        old_shape=bool(rng.random() < 0.3),
        premium=bool(rng.random() < 0.25),
        joined=epoch - float(rng.uniform(200, 4000)) * 86_400,
    )
