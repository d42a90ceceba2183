"""What was learned, told to people: effects, uplift, versions, why a post got its arm, and a replay.

Everything is read from the reward log and the stored versions, so it can be asked whether Stonechat runs
or not.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from stonechat.core.errors import NotFound
from stonechat.core.model import Content
from stonechat.core.safe_json import safe_json
from stonechat.database.connection.database import Database
from stonechat.database.repositories import learning as rows
from stonechat.learning.draft_ranking import KIND as PREDICTOR
from stonechat.learning.goals import goal_of, lessons
from stonechat.learning.model_registry import Lesson, Model, decode, encode, replayed
from stonechat.learning.summary import FactorEffect, Logged, effects, reviewed
from stonechat.learning.warm_start import KIND as IMPORT

KIND = "bandit"
READING_GRACE = timedelta(hours=6)
"""Account time after maturity by which the metrics of a post should have been read."""


class LearningReports:
    """Reads what was learned for pages and commands; changes nothing."""

    def __init__(self, database: Database, maturity: timedelta) -> None:
        self._database = database
        self.maturity = maturity
        """The age at which a post is judged."""

    async def summary(self, account_id: str, now: datetime, *, fresh: bool = False) -> dict[str, Any]:
        """All that people want to know of what was learned; a JSON object.

        Keys: ``figures`` (None before there are any: version, level, effects, uplift, pairs …), ``versions``,
        ``predictors`` and ``imports`` (newest first, each with why it serves or was refused), ``refused``
        (posts that taught nothing, by reason), ``last_reward_at``, ``overdue`` (mature posts without
        metrics), ``stale``.

        Args:
            fresh: compute the figures now instead of showing those of the last aggregation.
        """
        late = now - self.maturity - READING_GRACE
        async with self._database.read("learning.summary") as connection:
            stored = await rows.serving_model(connection, account_id, "summary")
            versions = await rows.versions(connection, account_id, KIND, limit=20)
            predictors = await rows.versions(connection, account_id, PREDICTOR, limit=5)
            imports = await rows.versions(connection, account_id, IMPORT, limit=20)
            refused = await rows.refusals(connection, account_id)
            last = await rows.last_reward_at(connection, account_id)
            goal = await goal_of(connection, account_id)
            overdue = len(await rows.ripe_posts(connection, account_id, late))
        kept = safe_json(stored.body) if stored else None
        return {
            "account_id": account_id,
            "goal": goal.told(),
            "figures": await self._figures_now(account_id, now) if fresh else kept,
            "versions": [_version(row) for row in versions],
            "predictors": [_version(row) for row in predictors],
            "imports": [_version(row) for row in imports],
            "refused": refused,
            "last_reward_at": last.isoformat() if last else None,
            "overdue": overdue,
            "stale": overdue > 0,
        }

    async def _figures_now(self, account_id: str, now: datetime) -> dict[str, Any] | None:
        async with self._database.read("learning.figures") as connection:
            row = await rows.serving_model(connection, account_id, KIND)
            log = await lessons(connection, account_id)
        return None if row is None else await asyncio.to_thread(figures, row.version, _model(row), log, now)

    async def why(self, content: Content) -> dict[str, Any]:
        """Why a post got its arm: how it was drawn, what the version that chose knew, and how it went.

        Raises:
            NotFound: no arm was chosen for it, or the version that chose is kept no more.
        """
        async with self._database.read("learning.why") as connection:
            row = await rows.model_of_version(connection, content.account_id, KIND, content.model_version)
            judged = await rows.reward_of(connection, content.id)
        if not content.arm or not content.model_version:
            raise NotFound(
                f"No arm was chosen for {content.id}.",
                meaning="Its text was given by you or answers somebody; learning had no part in it.",
                remedy="`stonechat learn effects` shows what was learned.",
            )
        if row is None:
            raise NotFound(
                f"Version {content.model_version}, which chose the arm of {content.id}, is kept no more.",
                meaning="The newest 500 versions are kept; the reward log keeps every reward for ever.",
                remedy="`stonechat learn effects` shows what is known now.",
            )
        return _explained(content, _model(row), judged)

    async def replay(self, account_id: str) -> dict[str, Any]:
        """The serving version, made anew from the reward log, and whether it is the same bit for bit."""
        async with self._database.read("learning.replay") as connection:
            row = await rows.serving_model(connection, account_id, KIND)
            log = await lessons(connection, account_id)
        if row is None:
            return {"account_id": account_id, "version": None, "rewards": 0, "same": True}
        taught = [lesson_of(line) for line in log]
        again = await asyncio.to_thread(lambda: encode(replayed(_model(row), taught)))
        same = again == row.body
        return {"account_id": account_id, "version": row.version, "rewards": row.rewards, "same": same}


def figures(version: int, model: Model, log: Sequence[rows.RewardRow], now: datetime) -> dict[str, Any]:
    """The figures of one version over the reward log, as JSON."""
    known = [line for line in log if line.id <= model.last_id]
    review = reviewed(model, [Logged(lesson_of(line), line.holdout, line.model_version) for line in known])
    shown = effects(model, [line.arm for line in known], review.before)
    return {
        "at": now.isoformat(),
        "version": version,
        "posts_learned": model.bandit.seen,
        "level": float(model.bandit.mean[0]),
        "noise": model.bandit.noise,
        "effects": [
            asdict(one) | {"verdict": one.verdict, "course": one.course, "sentence": one.sentence()}
            for one in shown
        ],
        "uplift": asdict(review.uplift) | {"sentence": review.uplift.sentence()},
        "predicted_actual": [list(pair) for pair in review.pairs],
        "error": review.error,
    }


def _explained(content: Content, model: Model, judged: rows.RewardRow | None) -> dict[str, Any]:
    known = {(one.factor, one.level): one for one in effects(model, ())}
    foreseen = model.bandit.foresee(content.arm, 0.0)
    return {
        "content_id": content.id,
        "post_id": content.post_id,
        "account_id": content.account_id,
        "model_version": content.model_version,
        "rewards_known_then": model.bandit.seen,
        "holdout": content.holdout,
        "propensity": content.propensity,
        "sentence": _drawn(content, model),
        "levels": [_level(pair, known) for pair in content.arm.items()],
        "expected_engagement": round(math.expm1(min(foreseen.expected, 40.0)), 1),
        "actual_engagement": None
        if judged is None or judged.value is None
        else round(math.expm1(min(judged.value, 40.0)), 1),
        "refused": judged.refused if judged else "",
    }


def _level(pair: tuple[str, str], known: Mapping[tuple[str, str], FactorEffect]) -> dict[str, Any]:
    """What the version that chose knew of one level."""
    one = known.get(pair)
    if one is None:
        return {"factor": pair[0], "level": pair[1], "why": "drawn by the planner; nothing is learned of it"}
    rivals = [other for other in known.values() if other.factor == one.factor and other.active]
    rank = 1 + sum(other.mean > one.mean for other in rivals)
    why = f"number {rank} of {len(rivals)} by what was expected; the best with probability {one.best:.0%}"
    return asdict(one) | {"why": why}


def _drawn(content: Content, model: Model) -> str:
    odds = f" It had one chance in {1 / content.propensity:.0f}." if content.propensity else ""
    version = content.model_version
    if content.holdout:
        share = f"as {model.share_at(version):.0%} of the posts are, to measure what learning adds"
        return f"Drawn evenly among all arms, {share}.{odds}"
    knew = f"version {version}, which knew {model.bandit.seen} rewards"
    return f"Drawn by {knew}: each level as often as it was likely to be the best.{odds}"


def lesson_of(row: rows.RewardRow) -> Lesson:
    """A learned line of the reward log as the model takes it."""
    if row.value is None:
        raise ValueError(f"line {row.id} of the reward log was refused and teaches nothing")
    return Lesson(row.id, row.arm, row.value)


def _model(row: rows.ModelRow) -> Model:
    try:
        return decode(row.body)
    except ValueError as exc:
        raise NotFound(
            f"Version {row.version} of the model of {row.account_id} cannot be read: {exc}.",
            meaning="Nothing is lost: the next run of learning makes it anew from the reward log.",
            remedy=f"`stonechat jobs run learning.learn --account {row.account_id}`",
        ) from exc


def _version(row: rows.ModelRow) -> dict[str, Any]:
    return {
        "version": row.version,
        "at": row.created_at.isoformat(),
        "rewards": row.rewards,
        "serving": row.serving,
        "why": row.why,
    }
