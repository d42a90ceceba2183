"""What an account is to reach: engagement, views, replies, followers, or a mix that the owner names.

A goal is a weight for each figure of a post. It is kept as a row of ``models`` (kind ``goal``), together with
what the posts judged under another goal are worth under this one, computed from their stored readings. The
reward log stays as it was written; :func:`lessons` reads it through the goal, so a post still teaches once.

Followers are counted for an account and never for a post. As a goal they say which figures of a day's posts
went with followers gained on that day, and posts are judged by those figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import InvalidInput
from stonechat.core.model import Snapshot
from stonechat.core.safe_json import LARGEST, safe_json
from stonechat.database.repositories import learning as rows
from stonechat.database.repositories import metrics
from stonechat.learning.reward import Weights, reading_at

KIND = "goal"
FOLLOWERS = "followers"

NAMED: Mapping[str, Weights] = {
    "engagement": Weights(),
    "views": Weights(0.0, 0.0, 0.0, 0.0, 0.0, views=1.0),
    "replies": Weights(0.0, 0.0, 1.0, 0.0, 0.0),
}
"""Goals that a name is enough for; ``followers`` needs the account's own days, a mix its weights."""

FEWEST_DAYS = 14
"""Days with posts and a known number of followers, below which nothing is said of what gains them."""

PastDays = Mapping[str, Sequence[int]]
"""By day (YYYY-MM-DD) the likes, reposts, replies and views of its posts, and followers gained on it."""

_BATCH = 500
_FIGURES = ("likes", "reposts", "replies", "views")
_HELP = "engagement, views, replies, followers, or a mix such as likes=1,replies=3,views=0.01"


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of an account.

    Attributes:
        since: the last line of the reward log that was judged under another goal.
        values: what those lines are worth under this one (log reward), by id; absent where it is not known.
    """

    name: str = "engagement"
    weights: Weights = field(default_factory=Weights)
    since: int = 0
    values: Mapping[int, float] = field(default_factory=dict)

    def encode(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, body: str) -> Goal:
        """The goal that was encoded."""
        told = safe_json(body, most_bytes=LARGEST)
        values = {int(line): float(value) for line, value in told["values"].items()}
        return cls(told["name"], Weights(**told["weights"]), int(told["since"]), values)

    def value_at(self, line: int, value: float | None) -> float | None:
        """The log reward under this goal of a line that was logged with ``value``; None where not known."""
        return value if line > self.since else self.values.get(line)

    def told(self) -> str:
        """For people: the name, and where it is no plain one what each figure counts for."""
        if self.name in NAMED:
            return self.name
        counted = {figure: worth for figure, worth in asdict(self.weights).items() if worth}
        return f"{self.name} ({', '.join(f'{figure} x {worth:.3g}' for figure, worth in counted.items())})"


async def goal_of(connection: AsyncConnection, account_id: str) -> Goal:
    """The goal of an account; engagement where none was chosen."""
    row = await rows.serving_model(connection, account_id, KIND)
    return Goal.decode(row.body) if row else Goal()


async def begin(connection: AsyncConnection, account_id: str, named: str, now: datetime) -> None:
    """A new account learns towards the goal of the settings; one that has learned or chosen keeps its own."""
    goal = Goal(named, _weights(named))
    if goal.weights == Weights() or await rows.newest_model(connection, account_id, KIND):
        return
    if not await rows.reward_log(connection, account_id, learned_only=False, limit=1):
        why = f"goal {goal.told()}, as the settings say"
        row = rows.ModelRow(account_id, KIND, 1, now, goal.encode(), 0, 0, True, why)
        await rows.add_model(connection, row)


async def lessons(connection: AsyncConnection, account_id: str, *, after: int = 0) -> list[rows.RewardRow]:
    """The learned lines of the reward log after one, each worth what it is under the account's goal."""
    goal = await goal_of(connection, account_id)
    return valued(goal, await rows.reward_log(connection, account_id, after=after))


def valued(goal: Goal, log: Sequence[rows.RewardRow]) -> list[rows.RewardRow]:
    """These lines with their values under ``goal``; those that it has none for are left out."""
    found = [(line, goal.value_at(line.id, line.value)) for line in log]
    return [replace(line, value=value) for line, value in found if value is not None]


async def new_goal(
    connection: AsyncConnection, account_id: str, named: str, maturity: timedelta, past: PastDays
) -> Goal:
    """The goal that is meant, with what every post judged so far is worth under it.

    Args:
        past: days of imported overviews, for the goal *followers*.

    Raises:
        InvalidInput: it is no goal, or the account's readings do not show what it asks for.
    """
    log = await rows.reward_log(connection, account_id)
    read = await _Readings.load(connection, account_id, log, maturity)
    name = named.strip().lower()
    weights = (
        await _follower_weights(connection, account_id, read, past) if name == FOLLOWERS else _weights(name)
    )
    before = [Goal.decode(row.body) for row in await _goals(connection, account_id)]
    values = {}
    for line in log:
        judged = [goal for goal in before if goal.since < line.id]
        if (judged[-1].weights if judged else Weights()) == weights:
            values[line.id] = line.value
        else:
            values[line.id] = read.value(line, weights)
    known = {line: value for line, value in values.items() if value is not None}
    if log and not known:
        raise InvalidInput(
            f"None of the {len(log)} posts judged so far shows what the goal {name} asks for.",
            meaning="Nothing was changed; everything learned would be forgotten.",
            remedy="Choose a goal of figures that the network shows; `stonechat learn goal` names them.",
        )
    return Goal(name, weights, log[-1].id if log else 0, known)


async def _goals(connection: AsyncConnection, account_id: str) -> list[rows.ModelRow]:
    """Every goal that an account had, oldest first."""
    heads = await rows.versions(connection, account_id, KIND, limit=1000)
    found = [await rows.model_of_version(connection, account_id, KIND, head.version) for head in heads]
    return [row for row in reversed(found) if row is not None]


def _weights(named: str) -> Weights:
    if named in NAMED:
        return NAMED[named]
    if named == "clicks":
        raise InvalidInput(
            "Clicks cannot be a goal: no network shows Stonechat how often a link of a post was opened.",
            meaning="Nothing was changed.",
            remedy=f"Choose {_HELP}.",
        )
    parts = [part.partition("=") for part in named.split(",")]
    try:
        given = {figure.strip(): float(worth) for figure, _, worth in parts}
        if not all(math.isfinite(worth) and worth >= 0 for worth in given.values()) or not any(
            given.values()
        ):
            raise ValueError("weights are numbers from 0 up, not all of them 0")
        return Weights(**dict.fromkeys(asdict(Weights()), 0.0) | given)
    except (ValueError, TypeError) as exc:
        raise InvalidInput(
            f"{named[:80]!r} is no goal.", meaning="Nothing was changed.", remedy=f"Choose {_HELP}."
        ) from exc


@dataclass(frozen=True)
class _Readings:
    """The stored readings of the posts in the reward log."""

    log: Sequence[rows.RewardRow]
    shots: Mapping[str, Sequence[Snapshot]]
    maturity: timedelta

    @classmethod
    async def load(
        cls, connection: AsyncConnection, account_id: str, log: Sequence[rows.RewardRow], maturity: timedelta
    ) -> _Readings:
        ids = [line.post_id for line in log]
        shots: dict[str, list[Snapshot]] = {}
        for at in range(0, len(ids), _BATCH):
            shots |= await rows.snapshots_of(connection, account_id, ids[at : at + _BATCH])
        return cls(log, shots, maturity)

    def worth(self, line: rows.RewardRow, weights: Weights) -> float | None:
        """What the post's figures at maturity are worth; None where the readings do not tell."""
        if line.posted_at is None:
            return None
        found = reading_at(self.shots.get(line.post_id, ()), line.posted_at + self.maturity, weights)
        return None if found is None else max(found.worth, 0.0)

    def value(self, line: rows.RewardRow, weights: Weights) -> float | None:
        """The log reward."""
        worth = self.worth(line, weights)
        return None if worth is None else math.log1p(worth)


async def _follower_weights(
    connection: AsyncConnection, account_id: str, read: _Readings, past: PastDays
) -> Weights:
    """Which figures of a day's posts went with followers gained on it, none below 0.

    The scale is that of engagement, so that a reward stays as large as it was.
    """
    series = await metrics.account_series(connection, account_id, limit=5000)
    gained = daily_gains([(at, count) for at, count in series if count is not None])
    none = dict.fromkeys(asdict(Weights()), 0.0)
    per_day: dict[date, list[float]] = {}
    for line in read.log:
        counts = [read.worth(line, Weights(**none | {figure: 1.0})) for figure in _FIGURES]
        if line.posted_at is not None and line.posted_at.date() in gained:
            sums = per_day.setdefault(line.posted_at.date(), [0.0] * len(_FIGURES))
            for at, worth in enumerate(counts):
                sums[at] += worth or 0.0
    for said, (*figures_said, count) in past.items():
        day = date.fromisoformat(said)
        if day not in per_day:
            per_day[day], gained[day] = [float(one) for one in figures_said], float(count)
    if len(per_day) < FEWEST_DAYS:
        raise InvalidInput(
            f"What gains followers can be told from {FEWEST_DAYS} days with posts and a known number of"
            f" followers; there are {len(per_day)}.",
            meaning="Nothing was changed. Followers are counted for a day, never for a post.",
            remedy="Import the overview of X analytics by `stonechat learn import`, or choose engagement.",
        )
    days = sorted(per_day)
    figures = np.array([per_day[day] for day in days])
    found = _explain(figures, np.array([gained[day] for day in days]))
    if not found.any():
        raise InvalidInput(
            f"In {len(days)} days no figure of the posts went with followers gained.",
            meaning="Nothing was changed.",
            remedy="Choose engagement or replies; followers come from elsewhere so far.",
        )
    usual = asdict(Weights())
    scale = float((figures @ [usual[one] for one in _FIGURES]).sum() / (figures @ found).sum())
    return Weights(**none | {one: float(w) * scale for one, w in zip(_FIGURES, found, strict=True)})


def daily_gains(series: Sequence[tuple[datetime, int]]) -> dict[date, float]:
    """Followers gained on each day of which the number at both ends is known."""
    first: dict[date, int] = {}
    for at, count in series:
        first.setdefault(at.date(), count)
    following = ((day, day + timedelta(days=1)) for day in first)
    return {day: float(first[then] - first[day]) for day, then in following if then in first}


def _explain(figures: np.ndarray[Any, Any], gained: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Non-negative weights of the figures by which they explain the gains best, what is usual apart."""
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415 - heavy, for this alone

    spread = np.where(figures.std(0) > 0, figures.std(0), np.inf)
    found = np.asarray(LinearRegression(positive=True).fit(figures / spread, gained).coef_)
    return np.where(found > 1e-6 * found.max(), found / spread, 0.0)  # what is left of rounding is nothing
