"""What the owner is told of learning, on real databases: in words, with what it rests on, or a clear refusal."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from stonechat.core.errors import NotFound
from stonechat.core.model import Choice
from stonechat.database.repositories import content
from stonechat.database.schema.tables import models
from tests.contract.test_learning_store import ME, House, choose, house

__all__ = ["house"]


async def learned(house: House, count: int = 24) -> list[Choice]:
    """Posts that were chosen, published, read and learned from."""
    choices = await choose(house, count)
    await house.post(choices, likes=10)
    await house.days(4)
    await house.learner.learn(house.ctx)
    return choices


async def test_before_anything_was_learned_there_is_nothing_and_no_error(house: House) -> None:
    now = house.clock.now()
    assert (await house.reports.summary(ME, now, fresh=True))["figures"] is None
    assert (await house.reports.replay(ME)) == {"account_id": ME, "version": None, "rewards": 0, "same": True}


async def test_fresh_figures_need_no_aggregation_and_each_effect_is_a_sentence(house: House) -> None:
    await learned(house)
    summary = await house.reports.summary(ME, house.clock.now(), fresh=True)
    sentences = [one["sentence"] for one in summary["figures"]["effects"]]
    assert len(sentences) == 5
    assert all("90 % interval" in said and "posts" in said and "probability" in said for said in sentences)
    assert "About" in summary["figures"]["uplift"]["sentence"]  # so many more posts until it can be judged


async def test_a_post_is_explained_by_the_version_that_chose_it(house: House) -> None:
    choices = await learned(house)
    async with house.database.read("test") as connection:
        first = await content.find(connection, "c1")
        assert await content.id_of_post(connection, "1001") == "c1"
    assert first is not None
    told = await house.reports.why(first)
    assert told["model_version"] == choices[0].model_version == 1
    assert told["rewards_known_then"] == 0
    assert {one["factor"]: one["level"] for one in told["levels"]} == dict(choices[0].arm)
    assert told["sentence"].startswith("Drawn evenly" if choices[0].holdout else "Drawn by version 1")
    assert told["actual_engagement"] == pytest.approx(13.0)


async def test_what_learning_did_not_choose_or_keeps_no_more_is_said(house: House) -> None:
    await learned(house)
    async with house.database.read("test") as connection:
        first = await content.find(connection, "c1")
    assert first is not None
    async with house.database.begin("test") as connection:
        await connection.execute(delete(models).where(models.c.version == 1, models.c.kind == "bandit"))
    with pytest.raises(NotFound, match="kept no more"):
        await house.reports.why(first)
    own = (await choose(house, 1))[0]
    await house.post([Choice({}, 1.0, False, 0)])
    async with house.database.read("test") as connection:
        given = await content.find(connection, "c25")
    assert given is not None
    with pytest.raises(NotFound, match="No arm was chosen"):
        await house.reports.why(given)
    assert own.model_version == 2


async def test_a_replay_tells_a_version_that_only_rewards_made_from_one_that_something_else_changed(
    house: House,
) -> None:
    await learned(house)
    assert (await house.reports.replay(ME))["same"] is True
    body = await house.body()
    at = body.index('"noise":') + len('"noise":')
    forged = body[:at] + "0.5" + body[body.index(",", at) :]
    async with house.database.begin("test") as connection:
        await connection.execute(update(models).where(models.c.version == 2).values(body=forged))
    assert (await house.reports.replay(ME))["same"] is False


async def test_a_damaged_version_is_named_with_the_command_that_makes_it_anew(house: House) -> None:
    await learned(house)
    async with house.database.begin("test") as connection:
        await connection.execute(update(models).values(body="{}"))
    with pytest.raises(NotFound, match="cannot be read") as told:
        await house.reports.summary(ME, house.clock.now(), fresh=True)
    assert "learning.learn" in str(told.value.remedy)


async def test_where_an_effect_is_going_is_said_once_there_are_enough_rewards(house: House) -> None:
    await learned(house, 24)
    figures = (await house.reports.summary(ME, house.clock.now(), fresh=True))["figures"]
    assert {one["trend"] for one in figures["effects"]} == {None}
    await learned(house, 40)
    await house.days(1)
    figures = (await house.reports.summary(ME, house.clock.now() + timedelta(days=1), fresh=True))["figures"]
    assert all(one["course"] in ("rising", "falling", "steady") for one in figures["effects"])
