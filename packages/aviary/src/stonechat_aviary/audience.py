"""How engagement arrives: all of a post's events are drawn when it is made, then counted up to a moment.

That makes every count a function of (seed, post, world time): exact, cheap and never decreasing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

KINDS = ("likes", "reposts", "replies", "quotes", "bookmarks")
SHARES = np.array([0.72, 0.09, 0.07, 0.02, 0.10])
"""How interactions split over :data:`KINDS` on average."""
HOURS = 60.0
"""Hours after which nothing more arrives; 97 % is in after 48."""
VIEWS_SHOWN_AFTER = 900.0
"""World seconds before a post shows a view count at all."""
_GRID = np.linspace(0.0, HOURS * 3600, 241)
_DRAWN_AT_MOST = 4000
_ENGAGEMENT_RATE = 0.02


@dataclass(frozen=True, slots=True)
class Counts:
    """A post's metrics at a moment; None where the network shows none."""

    likes: int
    reposts: int
    replies: int
    quotes: int
    bookmarks: int | None
    views: int | None

    def as_tuple(self) -> tuple[int, int, int, int, int | None, int | None]:
        """Likes, reposts, replies, quotes, bookmarks, views."""
        return (self.likes, self.reposts, self.replies, self.quotes, self.bookmarks, self.views)


@dataclass(frozen=True, slots=True)
class Engagement:
    """All that will ever happen to one post.

    Attributes:
        at: when it was posted (world Unix seconds).
        totals: final count of each of :data:`KINDS`.
        arrivals: for each kind the sorted event times in seconds after ``at``; None where there are
            too many to draw and the curve is used instead.
        curve: share of all engagement that has arrived at each point of the time grid.
        views: final views.
        follows: seconds after ``at`` at which a reader followed the author.
    """

    at: float
    totals: tuple[int, ...]
    arrivals: tuple[Array | None, ...]
    curve: Array
    views: int
    follows: Array

    def at_time(self, now: float) -> Counts:
        """The counts that the network shows at world time ``now``."""
        age = now - self.at
        share = float(np.interp(age, _GRID, self.curve)) if age > 0 else 0.0
        numbers = [
            int(total * share) if times is None else int(times.searchsorted(age, side="right"))
            for total, times in zip(self.totals, self.arrivals, strict=True)
        ]
        views = max(int(self.views * share), sum(numbers))
        likes, reposts, replies, quotes, bookmarks = numbers
        shown = views if views > 0 and age >= VIEWS_SHOWN_AFTER else None
        return Counts(likes, reposts, replies, quotes, bookmarks, shown)

    def followed(self, now: float) -> int:
        """Follows that this post has brought by world time ``now``."""
        return int(self.follows.searchsorted(now - self.at, side="right"))


def rhythm(hour: float) -> float:
    """How awake the audience is at an hour of the day (UTC), about 1 on average: least at 3, most at 15."""
    return 1.0 + 0.7 * math.cos((hour - 15.0) / 24.0 * 2.0 * math.pi)


def arrival_curve(at: float) -> Array:
    """Share of engagement in at each grid point: quick at first, a long tail, slower at night."""
    hours = _GRID / 3600
    density = 0.6 / 2.5 * np.exp(-hours / 2.5) + 0.4 / 14.0 * np.exp(-hours / 14.0)
    start = datetime.fromtimestamp(at, UTC)
    clock = start.hour + start.minute / 60 + hours
    density *= 1.0 + 0.7 * np.cos((clock - 15.0) / 24.0 * 2.0 * np.pi)
    total: Array = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    share: Array = total / total[-1]
    return share


def draw_engagement(rng: np.random.Generator, at: float, log_interactions: float) -> Engagement:
    """Draw all that happens to a post with ``exp(log_interactions)`` interactions in the end."""
    total = round(math.exp(min(log_interactions, 14.0)))
    shares = rng.dirichlet(SHARES * 60)
    totals = tuple(int(n) for n in rng.multinomial(total, shares))
    curve = arrival_curve(at)
    rate = min(0.25, _ENGAGEMENT_RATE * math.exp(0.4 * float(rng.standard_normal())))
    views = int(total / rate) + int(rng.integers(3, 30))
    follows = int(rng.poisson(min(0.02 * total, 400)))
    return Engagement(
        at=at,
        totals=totals,
        arrivals=tuple(_arrivals(rng, curve, n) for n in totals),
        curve=curve,
        views=views,
        follows=_sorted_times(rng, curve, follows),
    )


def _arrivals(rng: np.random.Generator, curve: Array, n: int) -> Array | None:
    return _sorted_times(rng, curve, n) if n <= _DRAWN_AT_MOST else None


def _sorted_times(rng: np.random.Generator, curve: Array, n: int) -> Array:
    times: Array = np.interp(np.sort(rng.random(n)), curve, _GRID)
    return times
