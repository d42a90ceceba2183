"""What an account begins with: the effects that its own history, or a sibling account, makes likely.

An import is kept as a row of ``models`` (kind ``import``) with its effects and the keys of its posts, so
that a post teaches once in whichever file it comes again. The prior is the mean of all imports, or where
there is none, of the accounts beside it. It moves where effects start, not how sure the model is of them.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Arm
from stonechat.core.safe_json import safe_json
from stonechat.database.repositories import accounts
from stonechat.database.repositories import learning as rows
from stonechat.learning.arms import ArmSpace, Factors
from stonechat.learning.bandit import LinearThompson
from stonechat.learning.goals import goal_of
from stonechat.learning.model_registry import Model, Prior, decode
from stonechat.learning.post_history import PastPost

KIND = "import"
NEWEST = 20_000
"""Posts of an import that are learned from, the newest; what is older says little of today."""

TRUST = 0.5
"""So much of an effect of the past, or of another account, is expected here."""

FEWEST = 3
"""Posts below which nothing is said of a level."""

SIBLING_REWARDS = 50
"""Rewards from which on an account lends what it learned."""


@dataclass(frozen=True, slots=True)
class Lent:
    """One expected effect: on the log reward, and from how many posts."""

    factor: str
    level: str
    effect: float
    posts: int


@dataclass(frozen=True, slots=True)
class Import:
    """One import of an account; ``number`` names it.

    Attributes:
        days: for each day of an overview, as YYYY-MM-DD: likes, reposts, replies and views of all its posts,
            and followers gained. They tell the goal *followers* what goes with them.
    """

    number: int
    files: tuple[str, ...]
    posts: int
    lent: tuple[Lent, ...]
    keys: frozenset[str]
    days: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def encode(self) -> str:
        """As JSON text."""
        body = {"files": self.files, "posts": self.posts, "lent": [asdict(one) for one in self.lent]}
        rest = {"keys": sorted(self.keys), "days": dict(self.days)}
        return json.dumps(body | rest, separators=(",", ":"))


def newest(posts: Iterable[PastPost]) -> list[PastPost]:
    """The newest posts, each once, in order of time; the rest is let go while reading."""
    kept: list[tuple[float, int, PastPost]] = []
    held: set[str] = set()
    for number, post in enumerate(posts):
        if post.key in held:
            continue
        held.add(post.key)
        heapq.heappush(kept, (post.at.timestamp(), number, post))
        if len(kept) > NEWEST:
            held.discard(heapq.heappop(kept)[2].key)
    return [post for _, _, post in sorted(kept, key=lambda entry: entry[:2])]


def effects_of(lessons: Sequence[tuple[Arm, float]], factors: Factors) -> tuple[Lent, ...]:
    """What labelled posts with their log rewards, in order of time, make likely of each level."""
    bandit = LinearThompson(ArmSpace.of(factors))
    for arm, value in lessons:
        bandit.update(arm, value)
    counts = Counter(pair for arm, _ in lessons for pair in arm.items())
    return _contrasts(bandit, counts)


def _contrasts(bandit: LinearThompson, counts: Mapping[tuple[str, str], int]) -> tuple[Lent, ...]:
    at, found = bandit.space.positions, []
    for factor, levels in bandit.space.active:
        tried = [level for level in levels if counts.get((factor, level), 0) >= FEWEST]
        if len(tried) < 2:
            continue  # one level alone cannot be told from the account's own
        means = {level: float(bandit.mean[at[factor, level]]) for level in tried}
        typical = sum(means.values()) / len(means)
        found += [Lent(factor, v, TRUST * (m - typical), counts[factor, v]) for v, m in means.items()]
    return tuple(found)


async def imports_of(connection: AsyncConnection, account_id: str) -> list[Import]:
    """The imports of an account, oldest first."""
    found = []
    for head in reversed(await rows.versions(connection, account_id, KIND, limit=1000)):
        row = await rows.model_of_version(connection, account_id, KIND, head.version)
        if row is not None:
            body = safe_json(row.body)
            lent = tuple(Lent(**one) for one in body["lent"])
            files, keys = tuple(body["files"]), frozenset(body["keys"])
            found.append(Import(row.version, files, int(body["posts"]), lent, keys, body.get("days", {})))
    return found


async def prior_of(connection: AsyncConnection, account_id: str) -> tuple[Prior, str]:
    """What the account begins with, and where that comes from, in words (empty where from nowhere)."""
    own = [one for one in await imports_of(connection, account_id) if one.posts]
    if own:
        files = ", ".join(name for one in own for name in one.files)
        posts = sum(one.posts for one in own)
        return _mean([lent for one in own for lent in one.lent]), f"prior from {posts} posts of {files}"
    lent: list[Lent] = []
    names, goal = [], (await goal_of(connection, account_id)).weights
    for sibling in await accounts.every(connection):
        if sibling.id == account_id or (await goal_of(connection, sibling.id)).weights != goal:
            continue
        if given := await _of_sibling(connection, sibling.id):
            lent += given
            names.append(sibling.id)
    return _mean(lent), f"prior lent by {', '.join(names)}" if names else ""


async def _of_sibling(connection: AsyncConnection, account_id: str) -> tuple[Lent, ...]:
    row = await rows.serving_model(connection, account_id, "bandit")
    if row is None or row.rewards < SIBLING_REWARDS:
        return ()
    try:
        model: Model = decode(row.body)
    except ValueError:
        return ()
    log = await rows.reward_log(connection, account_id)
    return _contrasts(model.bandit, Counter(pair for line in log for pair in line.arm.items()))


def _mean(lent: Iterable[Lent]) -> Prior:
    """The mean effect of each level, each weighing as many posts as stand behind it."""
    sums: dict[tuple[str, str], tuple[float, int]] = {}
    for one in lent:
        total, posts = sums.get((one.factor, one.level), (0.0, 0))
        sums[one.factor, one.level] = (total + one.effect * one.posts, posts + one.posts)
    return {pair: total / posts for pair, (total, posts) in sums.items()}
