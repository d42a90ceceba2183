"""Ranks the drafts of a slot with predictors that are trained daily on the account's own posts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Transient
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import content
from stonechat.database.repositories import learning as rows
from stonechat.learning.features import Example
from stonechat.learning.goals import goal_of
from stonechat.learning.predictors import Predictor
from stonechat.learning.training import FEWEST, Trained, retrain

KIND = "predictor"
KEPT_VERSIONS = 10
_HISTORY = 1500
"""Posts that a draft is compared with."""

_TRAINED_ON = 5000

_AHEAD = (ContentState.QUEUED, ContentState.POSTING, ContentState.AWAITING_APPROVAL)


@dataclass(frozen=True, slots=True)
class Training:
    """What training came to; ``version`` is None where nothing was trained."""

    posts: int
    version: int | None
    serving: bool
    why: str


class DraftRanker:
    """Trains and applies the predictors of every account; its only state is a cache of decoded ones."""

    def __init__(self, database: Database, maturity: timedelta) -> None:
        self._database = database
        self._maturity = maturity
        self._decoded: dict[str, tuple[int, Predictor | None]] = {}

    async def rank(self, account_id: str, drafts: Sequence[Content]) -> list[float]:
        """The expected log reward of each draft for one slot; all 0 while no predictor serves."""
        async with self._database.read("learning.rank") as connection:
            predictor = await self._serving(connection, account_id)
            if predictor is None or not drafts:
                return [0.0] * len(drafts)
            slot = min(draft.due_at for draft in drafts)
            history = await self._history(connection, account_id, slot)
        slots = [Example("\n\n".join(draft.parts), slot, None, draft.arm) for draft in drafts]
        found = await asyncio.to_thread(predictor.predict, [*history, *slots], len(history), apart=True)
        return [prediction.value for prediction in found]

    async def _history(self, connection: AsyncConnection, account_id: str, slot: datetime) -> list[Example]:
        """Posts before the slot in order of time: rewarded ones, then those still maturing or queued."""
        taught = await self._taught(connection, account_id, _HISTORY)
        since = taught[-1].posted_at if taught else slot - timedelta(days=7)
        fresh = await content.posted_since(connection, account_id, since)
        ahead = await content.in_states(connection, _AHEAD, account_id=account_id)
        known = {post.post_id for post in taught}
        silent = [
            Example("\n\n".join(post.parts), post.posted_at or post.due_at, None, post.arm)
            for post in [*fresh, *ahead]
            if post.kind is not ContentKind.REPLY and post.post_id not in known
        ]
        found = [*(_example(post) for post in taught), *silent]
        return sorted((one for one in found if one.at < slot), key=lambda one: one.at)

    async def _taught(
        self, connection: AsyncConnection, account_id: str, limit: int
    ) -> list[rows.TaughtPost]:
        """The newest posts that taught something, each worth what it is under the account's goal."""
        goal = await goal_of(connection, account_id)
        posts = await rows.taught_posts(connection, account_id, limit=limit)
        found = [(post, goal.value_at(post.line, post.value)) for post in posts]
        return [replace(post, value=value) for post, value in found if value is not None]

    async def train(self, account_id: str, now: datetime) -> Training:
        """Train a new version, judge it and store it; it serves only where it has no faults."""
        async with self._database.read("learning.train") as connection:
            taught = await self._taught(connection, account_id, _TRAINED_ON)
            serving = await self._serving(connection, account_id)
            newest = await rows.newest_model(connection, account_id, KIND)
        examples = [_example(post) for post in taught]
        trained = await asyncio.to_thread(retrain, examples, self._maturity, serving)
        if trained is None:
            why = f"{len(examples)} posts with a reward; training starts at {FEWEST}"
            return Training(len(examples), None, serving=False, why=why)
        version = newest.version + 1 if newest else 1
        told = _told(trained, len(examples), version)
        row = rows.ModelRow(
            account_id,
            KIND,
            version,
            now,
            trained.predictor.encode(),
            len(examples),
            0,
            not trained.faults,
            told.why,
        )
        async with self._database.begin("learning.train") as connection:
            if not await rows.add_model(connection, row):
                raise Transient(
                    f"Another host stored predictor {version} of {account_id} at the same moment."
                )
            await rows.prune_models(connection, account_id, KIND, keep=KEPT_VERSIONS)
        return told

    async def _serving(self, connection: AsyncConnection, account_id: str) -> Predictor | None:
        """The predictor that serves; None where there is none or its body is damaged (it is trained anew)."""
        version = await rows.serving_version(connection, account_id, KIND)
        known = self._decoded.get(account_id)
        if known is None or known[0] != version:
            row = await rows.serving_model(connection, account_id, KIND) if version else None
            try:
                known = (version, Predictor.decode(row.body) if row else None)
            except ValueError:
                known = (version, None)
            self._decoded[account_id] = known
        return known[1]


def _told(trained: Trained, posts: int, version: int) -> Training:
    own, median = trained.score, trained.median
    figures = (
        f"rank correlation {own.spearman:.2f} on {own.posts} unseen posts (median {median.spearman:.2f})"
    )
    return Training(posts, version, serving=not trained.faults, why="; ".join([*trained.faults, figures]))


def _example(post: rows.TaughtPost) -> Example:
    return Example(post.text, post.posted_at, post.value, post.arm)
