"""Goals on real databases: what changes is shown before, rewards come from stored readings, no post teaches twice."""

import random
from datetime import timedelta

import pytest

from stonechat.config.settings import LearningSettings
from stonechat.core.errors import InvalidInput
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Metrics, Snapshot
from stonechat.database.repositories import accounts, content, metrics
from stonechat.learning.goals import begin, goal_of, lessons
from stonechat.learning.learner import Learner
from stonechat.owner import Door, Owner, goals
from tests.contract.test_learning_reports import learned
from tests.contract.test_learning_store import ME, House, house

__all__ = ["house"]

MATURITY = timedelta(hours=48)


@pytest.fixture(autouse=True)
async def account(house: House) -> None:
    async with house.database.begin("test") as connection:
        await accounts.put(connection, Account(ME, "x", "me"), house.clock.now())


def owner(house: House) -> Owner:
    return Owner(house.database, house.clock, "robin", Door.COMMAND_LINE)


async def values(house: House) -> list[float | None]:
    async with house.database.read("test") as connection:
        return [line.value for line in await lessons(connection, ME)]


async def test_what_a_goal_would_change_is_shown_and_nothing_is_changed(house: House) -> None:
    await learned(house)
    before = await house.body()
    change = await goals.preview(house.database, ME, "views", MATURITY)
    assert (change.posts, change.teaching) == (24, 24)
    assert "24 of 24 judged posts" in change.sentence() and "instead of engagement" in change.sentence()
    assert set(change.best) == {"topic", "hook"}
    assert await house.body() == before


async def test_another_goal_teaches_every_post_once_from_its_stored_readings(house: House) -> None:
    await learned(house)
    logged, worth = await house.log(), await values(house)
    await goals.choose(owner(house), ME, "views", MATURITY)
    assert await values(house) == pytest.approx([6.8035] * 24, abs=1e-3)  # ln 901
    assert await house.log() == logged  # what was judged then stays as it was written
    assert (await house.reports.replay(ME))["same"] is True
    await house.learner.learn(house.ctx)
    figures = (await house.reports.summary(ME, house.clock.now(), fresh=True))["figures"]
    assert figures["posts_learned"] == 24
    await goals.choose(owner(house), ME, "engagement", MATURITY)
    assert await values(house) == worth


async def test_posts_after_the_change_are_judged_by_the_new_goal_alone(house: House) -> None:
    await learned(house)
    await goals.choose(owner(house), ME, "views", MATURITY)
    await learned(house, 5)
    assert await values(house) == pytest.approx([6.8035] * 29, abs=1e-3)
    assert (await house.reports.replay(ME))["same"] is True
    await goals.choose(owner(house), ME, "replies=2", MATURITY)
    await goals.choose(owner(house), ME, "engagement", MATURITY)
    found = await values(house)
    assert len(found) == 29 and max(value or 0.0 for value in found) < 4  # none is worth views any more
    assert (await house.reports.replay(ME))["same"] is True


async def test_a_goal_whose_figures_no_reading_shows_is_refused_before_anything_is_forgotten(
    house: House,
) -> None:
    await learned(house, 3)
    for name in ("clicks", "fame", "likes=-1", "likes=nan", "followers", "likes=0", "=", "likes", "a" * 500):
        with pytest.raises(InvalidInput) as told:
            await goals.preview(house.database, ME, name, MATURITY)
        assert "Nothing was changed" in told.value.meaning and told.value.remedy


async def test_followers_are_explained_by_days_and_never_by_one_post(house: House) -> None:
    for day in range(20):
        replies = day % 4
        async with house.database.begin("test") as connection:
            gained = sum(3 * (one % 4) for one in range(day))
            await metrics.append_account(
                connection, ME, house.clock.now(), followers=100 + gained, following=1
            )
        choices = await house.learner.choose(ME, random.Random(day), house.clock.now(), 1)
        house.posted = 24 * day
        await house.post(choices)
        async with house.database.begin("test") as connection:
            post = await content.find(connection, f"c{24 * day + 1}")
            assert post is not None and post.posted_at is not None
            at = post.posted_at + timedelta(hours=49)
            shown = Metrics(20 + day % 3, 1, replies, views=900)
            await metrics.append(connection, [Snapshot(ME, str(post.post_id), post.id, at, shown, "wire")])
        await house.days(1)
    await house.days(4)
    await house.learner.learn(house.ctx)
    done = await goals.choose(owner(house), ME, "followers", MATURITY)
    assert "replies" in done.value.after and "likes" not in done.value.after


async def test_a_new_account_learns_towards_the_goal_of_the_settings_and_an_old_one_keeps_its_own(
    house: House,
) -> None:
    await learned(house, 2)
    settings = LearningSettings.model_validate({"LEARNING_GOAL": "views"})
    house.learner = Learner(house.database, EventStream(house.clock), settings, lambda account: house.factors)
    await learned(house, 2)
    assert max(value or 0.0 for value in await values(house)) < 4
    async with house.database.begin("test") as connection:
        await begin(connection, "x:other", "views", house.clock.now())
        assert (await goal_of(connection, "x:other")).told() == "views"
