"""The goal that an account learns towards: what another one would change, and changing it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Conflict
from stonechat.core.model import Account
from stonechat.database import Database
from stonechat.database.repositories import learning as rows
from stonechat.learning.draft_ranking import KIND as PREDICTOR
from stonechat.learning.goals import KIND, Goal, goal_of, new_goal, valued
from stonechat.learning.model_registry import Model, decode, encode, replayed
from stonechat.learning.reports import KIND as BANDIT
from stonechat.learning.reports import figures, lesson_of
from stonechat.learning.summary import effects
from stonechat.learning.warm_start import imports_of
from stonechat.owner.action import Action, Done, Owner
from stonechat.owner.naming import account_named


@dataclass(frozen=True, slots=True)
class GoalChange:
    """What a goal changes.

    Attributes:
        before, after: the goals in words.
        posts: judged so far; ``teaching`` of them teach something under the new goal.
        best: for each factor the level that does best now, and the one that would.
    """

    before: str
    after: str
    posts: int
    teaching: int
    best: Mapping[str, tuple[str, str]]

    def sentence(self) -> str:
        """For people, before anything is changed and after it."""
        posts = f"{self.teaching} of {self.posts} judged posts teach towards it, from their stored readings."
        moved = [f"{one} {now} instead of {was}" for one, (was, now) in self.best.items() if was != now]
        same = [f"{one} {was}" for one, (was, now) in self.best.items() if was == now]
        found = f" What does best becomes {'; '.join(moved)}." if moved else ""
        kept = f" Still best: {'; '.join(same)}." if same else ""
        rest = " Drafts are ranked again after the next training; imported posts still speak of engagement."
        return f"Goal {self.after} instead of {self.before}: {posts}{found}{kept}{rest}"


async def preview(database: Database, of: str, named: str, maturity: timedelta) -> GoalChange:
    """What this goal would change for the account called ``of``; nothing is changed.

    Raises:
        NotFound: there is no such account.
        InvalidInput: it is no goal, or the account's readings do not show what it asks for.
    """
    async with database.read("owner.goal") as connection:
        account = await account_named(connection, of)
        return (await _weighed(connection, account, named, maturity)).change


async def choose(owner: Owner, of: str, named: str, maturity: timedelta) -> Done[GoalChange]:
    """Learn towards another goal from here on; what was learned is made anew, each post once.

    Raises:
        NotFound, InvalidInput: as :func:`preview`.
        Conflict: learning stored a version at the same moment.
    """
    async with owner.act("learn.goal") as action:
        account = await account_named(action.connection, of)
        weighed = await _weighed(action.connection, account, named, maturity)
        change = weighed.change
        if change.before != change.after:
            await _store(action, account.id, weighed)
        said = change.sentence() if change.before != change.after else f"The goal is {change.after} already."
        return await action.done(
            change, account.id, said=said, before=change.before, after=change.after, account_id=account.id
        )


@dataclass(frozen=True)
class _Weighed:
    """A goal with the model that it makes of the reward log; None where there is no version yet."""

    goal: Goal
    log: Sequence[rows.RewardRow]
    row: rows.ModelRow | None
    model: Model | None
    change: GoalChange


async def _weighed(
    connection: AsyncConnection, account: Account, named: str, maturity: timedelta
) -> _Weighed:
    before = await goal_of(connection, account.id)
    past = {day: told for one in await imports_of(connection, account.id) for day, told in one.days.items()}
    goal = await new_goal(connection, account.id, named, maturity, past)
    log = await rows.reward_log(connection, account.id)
    row = await rows.serving_model(connection, account.id, BANDIT)
    present = _decoded(row) if row else None
    taught = valued(goal, log)
    model = await asyncio.to_thread(replayed, present, map(lesson_of, taught)) if present else None
    best = {}
    if present is not None and model is not None and taught:
        was, now = _best(present), _best(model)
        best = {factor: (was[factor], now[factor]) for factor in was}
    change = GoalChange(before.told(), goal.told(), len(log), len(taught), best)
    return _Weighed(goal, taught, row, model, change)


def _best(model: Model) -> dict[str, str]:
    ordered = sorted((one for one in effects(model, ()) if one.active), key=lambda one: one.mean)
    return {one.factor: one.level for one in ordered}


def _decoded(row: rows.ModelRow) -> Model:
    try:
        return decode(row.body)
    except ValueError as exc:
        raise Conflict(
            f"Version {row.version} of the model cannot be read: {exc}.",
            meaning="Nothing was changed; the next run of learning makes it anew.",
            remedy="`stonechat jobs run learning.learn`, then do it again.",
        ) from exc


async def _store(action: Action, account_id: str, weighed: _Weighed) -> None:
    connection, goal = action.connection, weighed.goal
    last = await rows.newest_model(connection, account_id, KIND)
    number = last.version + 1 if last else 1
    why = f"goal {goal.told()}"
    stored = rows.ModelRow(
        account_id, KIND, number, action.now, goal.encode(), len(goal.values), goal.since, True, why
    )
    if not await rows.add_model(connection, stored):
        raise _overtaken()
    await rows.stop_serving(connection, account_id, PREDICTOR, f"trained before the {why}")
    if weighed.row is None or weighed.model is None:
        return  # the first version will begin with it
    newest = await rows.newest_model(connection, account_id, BANDIT)
    version = (newest.version if newest else 0) + 1
    row = replace(
        weighed.row,
        version=version,
        created_at=action.now,
        body=encode(weighed.model),
        rewards=weighed.model.bandit.seen,
        why=why,
    )
    if not await rows.add_model(connection, row):
        raise _overtaken()
    shown = await asyncio.to_thread(figures, version, weighed.model, weighed.log, action.now)
    await rows.put_summary(connection, account_id, action.now, json.dumps(shown, separators=(",", ":")))


def _overtaken() -> Conflict:
    return Conflict(
        "Learning stored a version at the same moment.", meaning="Nothing was changed.", remedy="Do it again."
    )
