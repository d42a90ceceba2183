"""The history of an account as what learning begins with: learned once, shown, and taken back by one action."""

import random
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stonechat.core.errors import InvalidInput, NotFound
from stonechat.core.model import Account
from stonechat.database.repositories import accounts, audit
from stonechat.learning.labels import Labeller
from stonechat.learning.model_registry import decode
from stonechat.learning.warm_start import prior_of
from stonechat.owner import Door, Owner
from stonechat.owner.goals import preview
from stonechat.owner.warm_start import ImportOptions, import_history, undo_import
from tests.contract.test_learning_store import FACTORS, ME, House, choose, house

__all__ = ["house"]

ACCOUNT = Account(ME, "x", "me")
LABELLER = Labeller(FACTORS, {}, {"sleep": "", "light": "", "food": ""}, ZoneInfo("UTC"))
OPTIONS = ImportOptions({})


def owner(house: House) -> Owner:
    return Owner(house.database, house.clock, "robin", Door.COMMAND_LINE)


def history(house: House, folder: Path, *, count: int = 120, more: str = "", name: str = "posts.csv") -> Path:
    """Posts of the past: sleep does well, food badly."""
    rng, lines = random.Random(4), ["id,text,date,likes"]
    for number in range(count):
        topic = rng.choice(("sleep", "light", "food"))
        at = house.clock.now() - timedelta(days=90) + timedelta(hours=12 * number)
        likes = round({"sleep": 60, "light": 20, "food": 6}[topic] * rng.lognormvariate(0, 0.4))
        lines.append(f"{number},Why {topic} matters number {number}?,{at.isoformat()},{likes}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n" + more)
    return path


async def effects(house: House) -> dict[tuple[str, str], float]:
    bandit = decode(await house.body()).bandit
    return {pair: float(bandit.mean[at]) for pair, at in bandit.space.positions.items()}


async def test_an_import_moves_where_effects_begin_and_undo_takes_it_back(
    house: House, tmp_path: Path
) -> None:
    await choose(house, 3)
    before = await house.body()
    done = await import_history(owner(house), ACCOUNT, [history(house, tmp_path)], OPTIONS, LABELLER)
    assert done.value is not None
    assert "topic sleep +" in done.said and "topic food -" in done.said
    assert "stonechat learn undo 1 --account me" in done.said
    moved = await effects(house)
    assert moved["topic", "sleep"] > 0.1 > -0.1 > moved["topic", "food"]
    assert moved["hook", "question"] == moved["hook", "fact"] == 0.0  # every post was a question
    assert (await house.reports.replay(ME))["same"] is True
    summary = await house.reports.summary(ME, house.clock.now())
    assert [one["why"] for one in summary["imports"]] == ["120 posts of posts.csv"]
    await undo_import(owner(house), ACCOUNT, 1)
    assert await house.body() == before
    async with house.database.read("test") as connection:
        lines = await audit.newest(connection, limit=5)
    assert {"learn.import", "learn.undo"} <= {line.action for line in lines}


async def test_what_was_learned_here_stays_when_a_prior_comes_and_goes(house: House, tmp_path: Path) -> None:
    await house.post(await choose(house, 20), likes=10)
    await house.days(4)
    await house.learner.learn(house.ctx)
    before = await house.body()
    await import_history(owner(house), ACCOUNT, [history(house, tmp_path)], OPTIONS, LABELLER)
    assert decode(await house.body()).bandit.seen == 20
    assert await house.body() != before
    await undo_import(owner(house), ACCOUNT, 1)
    assert await house.body() == before


async def test_the_same_posts_teach_once_in_whichever_file_they_come(house: House, tmp_path: Path) -> None:
    first = history(house, tmp_path)
    await import_history(owner(house), ACCOUNT, [first], OPTIONS, LABELLER)
    again = await import_history(owner(house), ACCOUNT, [first, first], OPTIONS, LABELLER)
    assert again.value is None
    assert "all of them learned before" in again.said
    longer = history(house, tmp_path, count=130, name="later.csv")
    more = await import_history(owner(house), ACCOUNT, [longer], OPTIONS, LABELLER)
    assert more.value is not None
    assert more.value.posts == 10


async def test_a_first_version_begins_with_what_was_imported_before_it(house: House, tmp_path: Path) -> None:
    await import_history(owner(house), ACCOUNT, [history(house, tmp_path)], OPTIONS, LABELLER)
    await choose(house, 1)
    assert (await effects(house))["topic", "sleep"] > 0.1
    assert (await house.stored())[0].why == "prior from 120 posts of posts.csv"


@pytest.mark.parametrize(
    ("more", "said"),
    [("x,Why?,soon,3\n", "line 122: 'soon' is no date"), ("x,Why?,2099-01-01,3\n", "is in the future")],
)
async def test_a_bad_row_is_named_and_nothing_is_half_imported(
    house: House, tmp_path: Path, more: str, said: str
) -> None:
    await choose(house, 1)
    before = await house.body()
    path = history(house, tmp_path, more=more)
    with pytest.raises(InvalidInput, match=said):
        await import_history(
            owner(house), ACCOUNT, [history(house, tmp_path, name="a.csv"), path], OPTIONS, LABELLER
        )
    assert await house.body() == before
    assert (await house.reports.summary(ME, house.clock.now()))["imports"] == []
    skipping = ImportOptions({}, skip_bad=True)
    done = await import_history(owner(house), ACCOUNT, [path], skipping, LABELLER)
    assert "1 rows that are no posts" in done.said


async def test_young_posts_and_imports_that_are_not_there_are_said(house: House, tmp_path: Path) -> None:
    young = (house.clock.now() - timedelta(hours=3)).isoformat()
    path = history(house, tmp_path, more=f"x,Why?,{young},3\n")
    done = await import_history(owner(house), ACCOUNT, [path], OPTIONS, LABELLER)
    assert "1 posts whose figures still grow" in done.said
    with pytest.raises(NotFound, match="no import 7"):
        await undo_import(owner(house), ACCOUNT, 7)


async def test_dates_that_can_be_read_both_ways_are_asked_for(house: House, tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    path.write_text("text,date,likes\nWhy sleep?,3/4/2025,5\n")
    with pytest.raises(InvalidInput, match="both ways"):
        await import_history(owner(house), ACCOUNT, [path], OPTIONS, LABELLER)


async def test_an_account_lends_what_it_learned_to_one_that_begins(house: House) -> None:
    for _ in range(3):
        await house.post(await choose(house, 20), likes=10)
        await house.days(4)
        await house.learner.learn(house.ctx)
    async with house.database.begin("test") as connection:
        await accounts.put(connection, ACCOUNT, house.clock.now())
        await accounts.put(connection, Account("x:new", "x", "new"), house.clock.now())
        prior, source = await prior_of(connection, "x:new")
        own, nowhere = await prior_of(connection, ME)
    assert source == f"prior lent by {ME}"
    assert set(prior) <= {(factor, level) for factor, levels in FACTORS.items() for level in levels}
    assert prior
    assert (own, nowhere) == ({}, "")


async def test_the_days_of_an_overview_are_counted_once_and_teach_what_gains_followers(
    house: House, tmp_path: Path
) -> None:
    async with house.database.begin("test") as connection:
        await accounts.put(connection, ACCOUNT, house.clock.now())
    lines = ["Date,Impressions,Likes,Replies,Reposts,New follows,Unfollows"]
    for day in range(1, 29):
        replies = day % 5
        lines.append(f"2025-02-{day:02},1000,{20 + day % 3},{replies},{day % 2},{4 * replies + 2},2")
    path = tmp_path / "account_overview_analytics.csv"
    path.write_text("\n".join(lines))
    await house.post(await choose(house, 3), likes=10)
    before = await house.body()
    done = await import_history(owner(house), ACCOUNT, [path], OPTIONS, LABELLER)
    assert f"28 days with {4 * sum(day % 5 for day in range(1, 29))} followers gained" in done.said
    assert await house.body() == before  # a day teaches nothing of a post
    again = await import_history(owner(house), ACCOUNT, [path, path], OPTIONS, LABELLER)
    assert again.value is None and "28 days, all of them learned before" in again.said
    change = await preview(house.database, ME, "followers", timedelta(hours=48))
    assert change.after.startswith("followers (replies x ")
    await undo_import(owner(house), ACCOUNT, 1)
    with pytest.raises(InvalidInput, match="there are 0"):
        await preview(house.database, ME, "followers", timedelta(hours=48))


async def test_a_day_of_the_future_is_a_bad_row_and_one_that_is_not_over_is_left_out(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "overview.csv"
    today = house.clock.now().date()
    head = "Date,Impressions,Likes,New follows,Unfollows\n"
    path.write_text(f"{head}{today - timedelta(days=3)},9,1,2,0\n{today},9,1,2,0\n")
    done = await import_history(owner(house), ACCOUNT, [path], OPTIONS, LABELLER)
    assert "1 days with 2 followers" in done.said and "1 days that are not over" in done.said
    path.write_text(f"{head}2099-01-01,9,1,2,0\n")
    with pytest.raises(InvalidInput, match=r"line 2: 2099-01-01 is in the future"):
        await import_history(owner(house), ACCOUNT, [path], OPTIONS, LABELLER)
