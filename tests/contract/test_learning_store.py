"""The learner on real databases: each post is learned once, replay gives the same bits, bad versions wait."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings, LearningSettings
from stonechat.core.errors import Transient
from stonechat.core.events import Event, EventStream, ModelLearned, ModelRejected
from stonechat.core.model import Choice, Content, ContentKind, Metrics, Reward, Snapshot
from stonechat.core.states import ContentState
from stonechat.database.connection.database import Database, open_database
from stonechat.database.repositories import content, learning, metrics
from stonechat.database.schema.tables import models
from stonechat.jobs.execution.step_results import from_json, to_json
from stonechat.learning.learner import Learner, jobs
from stonechat.learning.model_registry import Lesson, decode, encode, replayed
from stonechat.learning.reports import LearningReports
from tests.support.clock import ManualClock

ME = "x:me"
FACTORS = {"topic": ("sleep", "light", "food"), "hook": ("question", "fact")}


@dataclass
class Ctx:
    """What a run of a job sees; a step runs at once."""

    clock: ManualClock
    account_id: str | None = ME
    run_id: str = "learning.learn/x:me@now"
    attempt: int = 1

    @property
    def tick(self) -> datetime:
        return self.clock.now()

    async def step(self, name: str, run: Callable[[], Awaitable[Any]], result: Any = None) -> Any:
        return from_json(name, to_json(await run(), result), result)

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        raise AssertionError("learning wakes nobody")


class House:
    """A learner with its database, its clock and the events that it emitted."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.ctx = Ctx(clock)
        self.heard: list[Event] = []
        stream = EventStream(clock)
        stream.subscribe(lambda stamped: self.heard.append(stamped.event))
        self.factors: dict[str, tuple[str, ...]] = dict(FACTORS)
        self.learner = Learner(database, stream, LearningSettings(), lambda account: self.factors)
        self.reports = LearningReports(database, timedelta(hours=48))
        self.posted = 0

    async def post(self, choices: list[Choice], *, likes: int | None = None, kind: str = "single") -> None:
        """Publish a post for each choice, one an hour; where ``likes`` is given they are read at 48 h."""
        async with self.database.begin("test") as connection:
            for choice in choices:
                self.posted += 1
                at = self.clock.now() + timedelta(hours=self.posted % 24)
                post = Content(
                    id=f"c{self.posted}",
                    account_id=ME,
                    kind=ContentKind(kind),
                    state=ContentState.POSTED,
                    parts=(f"post {self.posted}",),
                    due_at=at,
                    created_at=at,
                    state_since=at,
                    arm=choice.arm,
                    propensity=choice.propensity,
                    holdout=choice.holdout,
                    model_version=choice.model_version,
                    post_id=str(1000 + self.posted),
                    posted_at=at,
                )
                await content.add(connection, post, who="test")
                if likes is not None:
                    await self.read(connection, post, likes + self.posted % 5)

    async def read(self, connection: Any, post: Content, likes: int) -> None:
        assert post.posted_at is not None
        shot = Snapshot(
            ME,
            str(post.post_id),
            post.id,
            post.posted_at + timedelta(hours=49),
            Metrics(likes, 1, 0, views=900),
            "wire",
        )
        await metrics.append(connection, [shot])

    async def days(self, days: float) -> None:
        await self.clock.advance(days=days)

    async def stored(self) -> list[learning.ModelRow]:
        async with self.database.read("test") as connection:
            return await learning.versions(connection, ME, "bandit")

    async def body(self) -> str:
        async with self.database.read("test") as connection:
            row = await learning.serving_model(connection, ME, "bandit")
        assert row is not None
        return row.body

    async def log(self, *, learned_only: bool = True) -> list[learning.RewardRow]:
        async with self.database.read("test") as connection:
            return await learning.reward_log(connection, ME, learned_only=learned_only)


@pytest.fixture
async def house(any_database_url: str) -> AsyncIterator[House]:
    clock = ManualClock()
    async with open_database(any_database_url, DatabaseSettings(), clock) as database:
        yield House(database, clock)


async def choose(house: House, count: int, seed: int = 1) -> list[Choice]:
    return await house.learner.choose(ME, random.Random(seed), house.clock.now(), count)


async def test_the_first_choice_stores_version_one_and_names_it(house: House) -> None:
    choices = await choose(house, 40)
    assert {choice.model_version for choice in choices} == {1}
    assert 0 < sum(choice.holdout for choice in choices) < 20
    assert all(0.15 / 6 <= choice.propensity <= 1 for choice in choices)
    assert [row.version for row in await house.stored()] == [1]


async def test_matured_posts_become_a_new_version_that_the_next_choice_uses(house: House) -> None:
    await house.post(await choose(house, 12), likes=10)
    await house.days(4)
    work = await house.learner.learn(house.ctx)
    assert (work.done, work.due) == (12, 12)
    assert house.heard == [ModelLearned(account_id=ME, version=2, rewards=12)]
    assert {choice.model_version for choice in await choose(house, 3)} == {2}


async def test_learning_again_learns_nothing_twice(house: House) -> None:
    await house.post(await choose(house, 12), likes=10)
    await house.days(4)
    await house.learner.learn(house.ctx)
    before = await house.body()
    again = await house.learner.learn(house.ctx)
    assert (again.done, again.due) == (0, 0)
    assert await house.body() == before
    assert len(await house.log()) == 12


async def test_a_crash_between_the_reward_log_and_the_model_loses_nothing(house: House) -> None:
    await house.post(await choose(house, 12), likes=10)
    await house.days(4)
    await house.learner._judge(ME, house.clock.now())  # the process dies here
    await house.learner.learn(house.ctx)
    assert decode(await house.body()).bandit.seen == 12


async def test_the_serving_version_replays_from_the_reward_log_to_the_byte(house: House) -> None:
    for day in range(6):
        await house.post(await choose(house, 7, seed=day), likes=5 * day)
        if day == 3:
            house.factors["topic"] = ("sleep", "stress")
        await house.days(1)
        await house.learner.learn(house.ctx)
    await house.days(3)
    await house.learner.learn(house.ctx)
    log = [Lesson(row.id, row.arm, row.value) for row in await house.log() if row.value is not None]
    assert len(log) == 42
    body = await house.body()
    assert encode(replayed(decode(body), log)) == body


async def test_a_batch_that_makes_the_model_worse_is_rejected_and_the_last_good_version_serves(
    house: House,
) -> None:
    await house.post(await choose(house, 40), likes=10)
    await house.days(4)
    await house.learner.learn(house.ctx)
    good = await house.body()
    await house.post(await choose(house, 30))
    await house.days(4)
    await _poison(house)
    await house.learner.learn(house.ctx)
    rejected = [event for event in house.heard if isinstance(event, ModelRejected)]
    assert len(rejected) == 1
    assert await house.body() == good
    assert [(row.version, row.serving) for row in await house.stored()][:2] == [(3, False), (2, True)]
    await house.learner.learn(house.ctx)
    assert len(await house.stored()) == 3  # the same lines are not tried again and again


async def _poison(house: House) -> None:
    """Log the ripe posts with absurd rewards that contradict each other, as a fault in judging would."""
    now = house.clock.now()
    async with house.database.begin("test") as connection:
        ripe = await learning.ripe_posts(connection, ME, now - timedelta(days=2))
        values = [80.0 if number % 2 else -80.0 for number in range(len(ripe))]
        rewards = [
            Reward(ME, post.content_id, post.post_id, now, value)
            for post, value in zip(ripe, values, strict=True)
        ]
        lines = [(post, reward, 900) for post, reward in zip(ripe, rewards, strict=True)]
        assert len(await learning.append_rewards(connection, lines)) == 30


async def test_without_metrics_the_model_stays_and_the_staleness_shows(house: House) -> None:
    await house.post(await choose(house, 5))
    before = await house.body()
    await house.days(4)
    work = await house.learner.learn(house.ctx)
    assert (work.done, work.due) == (0, 5)
    assert await house.body() == before
    summary = await house.reports.summary(ME, house.clock.now())
    assert summary["stale"] is True
    assert summary["overdue"] == 5


async def test_refused_rows_keep_their_reason_and_teach_nothing(house: House) -> None:
    await house.post(await choose(house, 3))
    await house.days(9)  # no reading ever came
    work = await house.learner.learn(house.ctx)
    assert work.done == 3
    rows = await house.log(learned_only=False)
    assert {row.refused for row in rows} == {"no complete reading at or after maturity"}
    assert decode(await house.body()).bandit.seen == 0


async def test_replies_are_not_credited_to_the_arms_of_posts(house: House) -> None:
    await house.post(await choose(house, 3), likes=10, kind="reply")
    await house.days(4)
    assert (await house.learner.learn(house.ctx)).due == 0


async def test_a_damaged_model_is_rebuilt_from_the_reward_log(house: House) -> None:
    await house.post(await choose(house, 12), likes=10)
    await house.days(4)
    await house.learner.learn(house.ctx)
    whole = decode(await house.body())
    async with house.database.begin("test") as connection:
        await connection.execute(update(models).values(body='{"format":1'))
    stranger = House(house.database, house.clock)
    async with house.database.read("test") as connection:
        rebuilt = await stranger.learner._read(connection, ME)
    assert rebuilt is not None
    assert rebuilt[1].bandit.mean.tolist() == whole.bandit.mean.tolist()
    assert (await choose(stranger, 2))[0].model_version == 2


class Away:
    """A database that goes away and comes back by a switch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.away = False

    def read(self, task: str) -> AbstractAsyncContextManager[AsyncConnection]:
        if self.away:
            raise Transient("The database is away.")
        return self._database.read(task)

    def begin(self, task: str) -> AbstractAsyncContextManager[AsyncConnection]:
        if self.away:
            raise Transient("The database is away.")
        return self._database.begin(task)


async def test_while_the_database_is_away_the_last_model_serves(house: House) -> None:
    away = Away(house.database)
    stream = EventStream(house.clock)
    learner = Learner(away, stream, LearningSettings(), lambda _: FACTORS)  # type: ignore[arg-type]
    away.away = True
    with pytest.raises(Transient):
        await learner.choose(ME, random.Random(1), house.clock.now(), 1)
    away.away = False
    await learner.choose(ME, random.Random(1), house.clock.now(), 1)
    away.away = True
    assert (await learner.choose(ME, random.Random(1), house.clock.now(), 1))[0].model_version == 1


async def test_new_arms_become_a_version_of_their_own_and_are_chosen(house: House) -> None:
    await choose(house, 2)
    house.factors["topic"] = ("stress",)
    choices = await choose(house, 5)
    assert {choice.arm["topic"] for choice in choices} == {"stress"}
    assert [row.why for row in await house.stored()] == ["arms changed", "nothing learned yet"]


async def test_the_figures_for_people_cover_every_level_and_say_what_is_not_known(house: House) -> None:
    await house.post(await choose(house, 20), likes=10)
    await house.days(4)
    await house.learner.learn(house.ctx)
    await house.learner.aggregate(house.ctx)
    figures = (await house.reports.summary(ME, house.clock.now()))["figures"]
    shown = {(effect["factor"], effect["level"]) for effect in figures["effects"]}
    assert shown == {(factor, level) for factor, levels in FACTORS.items() for level in levels}
    assert all(effect["low"] <= effect["mean"] <= effect["high"] for effect in figures["effects"])
    for factor in FACTORS:
        best = sum(effect["best"] for effect in figures["effects"] if effect["factor"] == factor)
        assert best == pytest.approx(1.0)
    assert figures["uplift"]["sentence"].startswith("Not yet known")
    assert sum(effect["posts"] for effect in figures["effects"]) == 40
    assert len(figures["predicted_actual"]) == 20


async def test_drafts_are_ranked_once_a_predictor_serves(house: House) -> None:
    drafts = [draft(house, "On food: a habit"), draft(house, "On sleep: a habit")]
    assert await house.learner.rank(ME, drafts) == [0.0, 0.0]
    assert "training starts at" in (await house.learner.train(house.ctx)).note
    await with_rewards(house, 90)
    work = await house.learner.train(house.ctx)
    assert (work.done, work.due) == (1, 1)
    predictors = (await house.reports.summary(ME, house.clock.now()))["predictors"]
    assert [(one["version"], one["serving"]) for one in predictors] == [(1, True)]
    food, sleep = await house.learner.rank(ME, drafts)
    assert sleep > food


def draft(house: House, text: str) -> Content:
    now = house.clock.now() + timedelta(days=30)
    return Content("d", ME, ContentKind.SINGLE, ContentState.DRAFT, (text,), now, now, now)


async def with_rewards(house: House, count: int) -> None:
    """Posts about sleep that did well and posts about food that did not, one every six hours."""
    rng = random.Random(5)
    async with house.database.begin("test") as connection:
        for at in range(count):
            topic, likes = rng.choice((("sleep", 400), ("food", 20)))
            words = " ".join(rng.choice(("morning", "habit", "people", "room")) for _ in range(5))
            moment = house.clock.now() + timedelta(hours=6 * at)
            post = replace(
                draft(house, f"On {topic}: {words}"),
                id=f"w{at}",
                state=ContentState.POSTED,
                post_id=f"9{at:03}",
                posted_at=moment,
                due_at=moment,
            )
            await content.add(connection, post, who="test")
            await house.read(connection, post, likes + rng.randrange(20))
    await house.days(30)
    await house.learner.learn(house.ctx)


async def test_the_jobs_keep_the_missions_intervals(house: House) -> None:
    declared = {job.name: job.every for job in jobs(house.learner)}
    assert declared["learning.learn"] == timedelta(hours=1)
    assert declared["learning.aggregate"] == timedelta(hours=2)
    assert declared["learning.train"] == timedelta(days=1)


async def test_figures_that_shrink_after_a_post_was_judged_teach_nothing_twice(house: House) -> None:
    await house.post(await choose(house, 3), likes=40)
    await house.days(4)
    await house.learner.learn(house.ctx)
    before, body = await house.log(), await house.body()
    async with house.database.begin("test") as connection:
        for line in before:
            shot = Snapshot(
                ME, line.post_id, line.content_id, house.clock.now(), Metrics(0, 0, 0, views=900), "wire"
            )
            await metrics.append(connection, [shot])
    await house.days(1)
    await house.learner.learn(house.ctx)
    assert await house.log() == before
    assert await house.body() == body
