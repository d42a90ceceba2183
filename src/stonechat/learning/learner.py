"""The learner: chooses arms for the planner, judges matured posts, makes model versions and figures."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import LearningSettings
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, ModelLearned, ModelRejected
from stonechat.core.model import Choice, Content
from stonechat.database.connection.database import Database
from stonechat.database.repositories import learning as rows
from stonechat.jobs import Job, JobContext, Work
from stonechat.learning.arms import Factors
from stonechat.learning.draft_ranking import DraftRanker, Training
from stonechat.learning.goals import begin, goal_of, lessons
from stonechat.learning.model_registry import Model, decode, encode, faults
from stonechat.learning.policy import ArmPolicy
from stonechat.learning.reports import KIND, READING_GRACE, figures, lesson_of
from stonechat.learning.reward import Gates, MaturedPost, RewardJudgement, judge
from stonechat.learning.uplift import holdout_share
from stonechat.learning.warm_start import prior_of

KEPT_VERSIONS = 500


@dataclass(frozen=True, slots=True)
class JudgedPosts:
    """How many posts were judged (``learned``, ``refused``) or not yet; ``overdue`` ones lack metrics."""

    learned: int
    refused: int
    waiting: int
    overdue: int


class Learner:
    """Learns for every account; its only state is a cache of decoded models.

    Args:
        factors: for an account, the factors and levels that may be chosen today.
    """

    def __init__(
        self,
        database: Database,
        events: EventStream,
        settings: LearningSettings,
        factors: Callable[[str], Factors],
    ) -> None:
        self._database = database
        self._events = events
        self._settings = settings
        self._factors = factors
        self._gates = Gates(maturity=settings.maturity, min_impressions=settings.min_impressions)
        self._decoded: dict[str, tuple[int, Model]] = {}
        self._forecaster = DraftRanker(database, settings.maturity)

    # --- choosing -----------------------------------------------------------------------------

    async def choose(
        self,
        account_id: str,
        rng: random.Random,
        now: datetime,
        count: int,
        new: Collection[tuple[str, str]] = (),
    ) -> list[Choice]:
        """Arms for ``count`` slots, each with its propensity and holdout coin, to be logged before posting.

        Args:
            new: (factor, level) pairs that are held at a floor; see :mod:`stonechat.learning.policy`.
        """
        version, model = await self._serving(account_id, now)
        return ArmPolicy(model.bandit, version, model.share_at(version), new).choose(count, rng)

    async def _serving(self, account_id: str, now: datetime) -> tuple[int, Model]:
        """The serving version, and the last one read while the database is away.

        A first version, or one with the owner's present arms, is stored where needed.
        """
        try:
            return await self._looked_up(account_id, now)
        except Transient:
            known = self._decoded.get(account_id)
            if known is None:
                raise
            return known

    async def _looked_up(self, account_id: str, now: datetime) -> tuple[int, Model]:
        factors = self._factors(account_id)
        async with self._database.read("learning.serving") as connection:
            version = await rows.serving_version(connection, account_id, KIND)
            known = self._decoded.get(account_id)
            if known is None or known[0] != version:
                known = await self._read(connection, account_id)
        if known is not None and known[1].with_arms(factors) is known[1]:
            self._decoded[account_id] = known
            return known
        async with self._database.begin("learning.arms") as connection:
            current = await self._read(connection, account_id)
            if current:
                model, why = current[1].with_arms(factors), "arms changed"
            else:
                prior, source = await prior_of(connection, account_id)
                model, why = Model.new(factors, prior=prior), source or "nothing learned yet"
            stored = await self._store(connection, account_id, model, now, why)
        self._decoded[account_id] = stored
        return stored

    async def _read(self, connection: AsyncConnection, account_id: str) -> tuple[int, Model] | None:
        """The serving version from the database; rebuilt from the reward log where its body is damaged."""
        row = await rows.serving_model(connection, account_id, KIND)
        if row is None:
            return None
        try:
            return row.version, decode(row.body)
        except ValueError:
            log = await lessons(connection, account_id)
            model, _ = (await self._first(connection, account_id)).learned(lesson_of(line) for line in log)
            return row.version, model.with_share(1, self._settings.holdout_first)

    async def _first(self, connection: AsyncConnection, account_id: str) -> Model:
        """A model that has learned nothing itself."""
        prior, _ = await prior_of(connection, account_id)
        return Model.new(self._factors(account_id), prior=prior)

    async def _store(
        self,
        connection: AsyncConnection,
        account_id: str,
        model: Model,
        now: datetime,
        why: str,
        *,
        serve: bool = True,
    ) -> tuple[int, Model]:
        newest = await rows.newest_model(connection, account_id, KIND)
        version = newest.version + 1 if newest else 1
        seen = model.bandit.seen
        share = holdout_share(seen, self._settings.holdout_first, self._settings.holdout)
        model = model.with_share(version, share)
        row = rows.ModelRow(account_id, KIND, version, now, encode(model), seen, model.last_id, serve, why)
        if not await rows.add_model(connection, row):
            raise Transient(
                f"Another host stored version {version} of the model of {account_id} at the same moment.",
                meaning="Nothing was written here; the work is tried again on top of that version.",
            )
        return version, model

    # --- learning -----------------------------------------------------------------------------

    async def learn(self, ctx: JobContext) -> Work:
        """Matured posts become lines of the reward log, and those a new version of the model.

        Repeating it changes nothing: the log takes each post once, and a model knows the last line it
        learned. Work is due where posts were judged or should have been, but no metrics came.
        """
        account_id = _account(ctx)
        now = ctx.clock.now()
        judged = await ctx.step("judge", lambda: self._judge(account_id, now), JudgedPosts)
        outcome = await ctx.step("update", lambda: self._update(account_id, now), str)
        done = judged.learned + judged.refused
        note = f"{judged.learned} learned, {judged.refused} refused, {judged.waiting} waiting"
        return Work(done=done, due=done + judged.overdue, note=f"{note}; {outcome}")

    async def _judge(self, account_id: str, now: datetime) -> JudgedPosts:
        count = {"learned": 0, "refused": 0, "waiting": 0, "overdue": 0}
        late = now - self._gates.maturity - READING_GRACE
        async with self._database.begin("learning.judge") as connection:
            ripe = await rows.ripe_posts(connection, account_id, now - self._gates.maturity)
            shots = await rows.snapshots_of(connection, account_id, [post.post_id for post in ripe])
            if ripe:
                await begin(connection, account_id, self._settings.goal, now)
            gates = replace(self._gates, weights=(await goal_of(connection, account_id)).weights)
            lines = []
            for post in ripe:
                posted = MaturedPost(account_id, post.content_id, post.post_id, post.posted_at)
                verdict = judge(posted, shots.get(post.post_id, ()), gates, now)
                if isinstance(verdict, RewardJudgement):
                    lines.append((post, verdict.reward, verdict.views))
                    count["learned" if verdict.reward.value is not None else "refused"] += 1
                else:
                    count["waiting"] += 1
                    count["overdue"] += post.posted_at <= late
            await rows.append_rewards(connection, lines)
        return JudgedPosts(**count)

    async def _update(self, account_id: str, now: datetime) -> str:
        event: ModelLearned | ModelRejected | None = None
        async with self._database.begin("learning.update") as connection:
            current = await self._read(connection, account_id)
            version, model = current or (0, await self._first(connection, account_id))
            log = await lessons(connection, account_id, after=model.last_id)
            fresh = [lesson_of(line) for line in log]
            newest = await rows.newest_model(connection, account_id, KIND)
            if not fresh or (newest and newest.last_reward_id >= fresh[-1].id):
                return f"version {version} serves"
            candidate, surprises = model.with_arms(self._factors(account_id)).learned(fresh)
            wrong = faults(candidate, model, fresh, surprises)
            why = "; ".join(wrong) or f"learned {len(fresh)} rewards"
            stored = await self._store(connection, account_id, candidate, now, why, serve=not wrong)
            if wrong:
                event = ModelRejected(account_id=account_id, version=stored[0], why=why)
            else:
                event = ModelLearned(account_id=account_id, version=stored[0], rewards=stored[1].bandit.seen)
        self._events.emit(event)
        return f"version {stored[0]} rejected: {why}" if wrong else f"version {stored[0]} serves"

    # --- predictors ---------------------------------------------------------------------------

    async def rank(self, account_id: str, drafts: Sequence[Content]) -> list[float]:
        """The expected log reward of each draft at its due time; all 0 while no predictor serves."""
        return await self._forecaster.rank(account_id, drafts)

    async def train(self, ctx: JobContext) -> Work:
        """Train the predictors anew; the version that serves stays unless the new one is better."""
        account_id = _account(ctx)
        now = ctx.clock.now()
        told = await ctx.step("train", lambda: self._forecaster.train(account_id, now), Training)
        trained = int(told.version is not None)
        return Work(done=trained, due=trained, note=told.why)

    # --- figures ------------------------------------------------------------------------------

    async def aggregate(self, ctx: JobContext) -> Work:
        """Compute the account's figures and keep them for the dashboard; forget the oldest versions."""
        account_id = _account(ctx)
        now = ctx.clock.now()
        lines = await ctx.step("aggregate", lambda: self._aggregate(account_id, now), int)
        return Work(done=lines, due=lines, note=f"figures over {lines} rewards")

    async def _aggregate(self, account_id: str, now: datetime) -> int:
        async with self._database.read("learning.aggregate") as connection:
            current = await self._read(connection, account_id)
            log = await lessons(connection, account_id)
        if current is None:
            return 0
        body = await asyncio.to_thread(figures, current[0], current[1], log, now)
        async with self._database.begin("learning.aggregate") as connection:
            await rows.put_summary(connection, account_id, now, json.dumps(body, separators=(",", ":")))
            await rows.prune_models(connection, account_id, KIND, keep=KEPT_VERSIONS)
        return len(log)


def _account(ctx: JobContext) -> str:
    if ctx.account_id is None:
        raise ValueError("learning runs for one account at a time")
    return ctx.account_id


def jobs(learner: Learner) -> list[Job]:
    """The layer's jobs: learning every hour, aggregation every two, predictors once a day."""
    return [
        Job(
            "learning.learn",
            learner.learn,
            every=timedelta(hours=1),
            spread=timedelta(hours=1),
            grace=timedelta(minutes=30),
            useful="matured posts were judged",
        ),
        Job(
            "learning.aggregate",
            learner.aggregate,
            every=timedelta(hours=2),
            spread=timedelta(hours=2),
            grace=timedelta(hours=1),
            useful="figures were computed",
        ),
        Job(
            "learning.train",
            learner.train,
            every=timedelta(days=1),
            stagger=timedelta(hours=2),
            spread=timedelta(hours=4),
            timeout=timedelta(minutes=10),
            grace=timedelta(hours=6),
            useful="a predictor was trained and judged",
        ),
    ]
