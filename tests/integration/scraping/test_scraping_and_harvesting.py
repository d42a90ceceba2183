"""Scraping and harvesting on a real SQLite file against a network in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from stonechat.cache.memory import InProcessCache
from stonechat.config.settings import HarvestingSettings, ReadingSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import PageChanged, Permanent, SessionTrouble, Transient
from stonechat.core.events import OpportunitiesFound, SelectorMoved, SessionChanged
from stonechat.core.model import Account, ContentKind
from stonechat.core.network import Profile
from stonechat.core.ports import Cache
from stonechat.core.states import OpportunityState, SessionState
from stonechat.database import Database
from stonechat.database.repositories import answered_replies, metrics, opportunities
from stonechat.database.spool.spool import Spool
from stonechat.harvesting.jobs import Harvester, opportunity_store
from stonechat.harvesting.recently_seen import Recent
from stonechat.harvesting.sources import Source
from stonechat.networks.reading_budget import ReadingBudget
from stonechat.networks.registry import installed
from stonechat.owner import Door, Owner, authors
from stonechat.scraping.jobs import Scraper
from stonechat.scraping.selector_check import selectors_job
from tests.support.clock import ManualClock
from tests.support.forgetful import ForgetfulCache
from tests.support.network import foreign_post
from tests.support.posting import ACCOUNT, Desk, RunContext, piece


@pytest.fixture
def harvester(desk: Desk, tmp_path: Path) -> Harvester:
    return Harvester(
        desk.database,
        desk.clock,
        {"x_web": desk.network},
        desk.events,
        HarvestingSettings(queries=("sleep", "coffee"), pool_low=3, pool_high=8),
        opportunity_store(desk.database, Spool(tmp_path / "spool")),
        Recent(ForgetfulCache(InProcessCache(SystemClock()), seed=1, share=0.3), SystemClock()),
        ReadingBudget(desk.database, desk.clock, ReadingSettings(loads_per_hour=1000, loads_per_day=1000)),
    )


def of_one_mind(harvester: Harvester, cache: Cache) -> Harvester:
    """The same with a cache that forgets nothing."""
    return replace(harvester, recent=Recent(cache, harvester.clock))


@contextmanager
def asked(database: Database) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    statements: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another program holds the file's lock for writing: each of our writes fails after its time-out."""
    other = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def count(database: Database) -> int:
    async with database.read("test.count") as connection:
        return await metrics.count(connection)


async def test_one_load_of_the_profile_measures_every_post(scraper: Scraper, desk: Desk) -> None:
    desk.network.measure("1002", likes=7, views=90)
    before = len(desk.network.calls)
    work = await scraper.posts(RunContext(desk.clock))
    assert (work.done, work.due) == (6, 6)
    assert len(desk.network.calls) == before + 1
    async with desk.database.read("test") as connection:
        shot = (await metrics.latest(connection, ACCOUNT.id, ["1002"]))["1002"]
    assert (shot.metrics.likes, shot.metrics.views, shot.content_id) == (7, 90, "p2")
    assert shot.captured_at == desk.clock.now()


@pytest.mark.parametrize("fault", ["shrunken", "expired"])
async def test_an_empty_read_is_an_error_and_never_a_metric(scraper: Scraper, desk: Desk, fault: str) -> None:
    desk.network.shrunken = fault == "shrunken"
    if fault == "expired":
        desk.network.state = SessionState.EXPIRED
    with pytest.raises(PageChanged if fault == "shrunken" else SessionTrouble):
        await scraper.posts(RunContext(desk.clock))
    assert await count(desk.database) == 0
    assert len(desk.told_of(SelectorMoved if fault == "shrunken" else SessionChanged)) == 1


async def test_a_troubled_session_is_not_hammered_by_readers(
    scraper: Scraper, harvester: Harvester, desk: Desk
) -> None:
    desk.network.state = SessionState.LOCKED
    with pytest.raises(SessionTrouble):
        await scraper.posts(RunContext(desk.clock))
    calls = len(desk.network.calls)
    for run in (scraper.posts, scraper.analytics, harvester.search, harvester.mentions):
        work = await run(RunContext(desk.clock))
        assert (work.due, work.note) == (0, "the session is locked")
    assert len(desk.network.calls) == calls


async def test_what_cannot_be_stored_is_spooled_and_stored_once_later(scraper: Scraper, desk: Desk) -> None:
    await scraper.posts(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        shots = list((await metrics.latest(connection, ACCOUNT.id, ["1000", "1001"])).values())
    later = [replace(shot, captured_at=shot.captured_at + timedelta(minutes=1)) for shot in shots]
    with locked(desk.database):
        assert await scraper.store.keep(later) == 0
        assert await scraper.store.keep(later) == 0
    assert await count(desk.database) == 6
    assert await scraper.store.catch_up() == 1
    assert await count(desk.database) == 8
    assert await scraper.store.catch_up() == 0


async def test_followers_are_a_series_and_one_that_is_not_shown_is_an_error(
    scraper: Scraper, desk: Desk
) -> None:
    desk.network.profiles["robin"] = Profile("robin", "Robin", followers=41, following=7)
    ctx = RunContext(desk.clock)
    await scraper.analytics(ctx)
    await scraper.analytics(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        assert await metrics.account_series(connection, ACCOUNT.id) == [(desk.clock.now(), 41)]
    desk.network.profiles["robin"] = Profile("robin", "Robin", followers=None, following=None)
    with pytest.raises(PageChanged):
        await scraper.analytics(RunContext(desk.clock))


def searches(desk: Desk) -> list[str]:
    return [call for call in desk.network.calls if call.startswith("search")]


def crowd(desk: Desk, number: int) -> None:
    at = desk.clock.now() - timedelta(minutes=30)
    desk.network.others = [
        foreign_post(str(n), f"wren{n}", f"Number {n} about sleep and coffee", at, likes=400 + n)
        for n in range(number)
    ]


async def test_a_search_fills_the_pool_up_to_its_mark_and_no_further(
    harvester: Harvester, desk: Desk
) -> None:
    crowd(desk, 9)
    work = await harvester.search(RunContext(desk.clock))
    assert (work.done, work.due) == (1, 1)
    assert len(searches(desk)) == 1  # the first source filled it
    assert "enough" in (await harvester.search(RunContext(desk.clock))).note
    assert desk.told_of(OpportunitiesFound)[-1].pool == 9  # type: ignore[attr-defined]


async def test_mentions_come_in_though_the_pool_is_full_and_are_invited(
    harvester: Harvester, desk: Desk
) -> None:
    crowd(desk, 9)
    await harvester.search(RunContext(desk.clock))
    at = desk.clock.now() - timedelta(minutes=5)
    desk.network.others.append(foreign_post("500", "finch", "@robin why?", at))
    await harvester.mentions(RunContext(desk.clock))
    async with desk.database.begin("test") as connection:
        best = await opportunities.best(
            connection, ACCOUNT.id, invited_only=True, posted_after=at - timedelta(hours=1)
        )
    assert [one.author for one in best] == ["finch"]


async def test_the_next_source_is_asked_where_one_fails_and_all_failing_is_failing(
    harvester: Harvester, desk: Desk
) -> None:
    desk.network.searching = False
    with pytest.raises(Transient):
        await harvester.search(RunContext(desk.clock))
    assert searches(desk) == [
        "search sleep lang:en",
        "search coffee lang:en",
        "search sleep min_faves:300 -filter:replies lang:en",
    ]


async def test_where_one_source_fails_the_next_one_fills_the_pool(harvester: Harvester, desk: Desk) -> None:
    desk.network.deaf_to = {"sleep lang:en"}
    crowd(desk, 5)
    work = await harvester.search(RunContext(desk.clock))
    assert (work.done, work.due) == (2, 3)
    assert "1 of 3 sources failed" in work.note
    async with desk.database.read("test") as connection:
        assert await opportunities.pool_size(connection, ACCOUNT.id) == 5


async def test_opportunities_are_spooled_too_and_a_damaged_entry_is_not_in_the_way_of_the_others(
    harvester: Harvester, desk: Desk, tmp_path: Path
) -> None:
    crowd(desk, 3)
    Spool(tmp_path / "spool").put("opportunities", "odd", {"rows": [{"id": 1}]})
    with locked(desk.database):
        source = Source("search", "sleep")
        timeline = await desk.network.search(ACCOUNT, "sleep")
        assert await harvester._keep(ACCOUNT, source, timeline, invited=False) == 0
    assert await harvester.store.catch_up() == 2
    async with desk.database.read("test") as connection:
        assert await opportunities.pool_size(connection, ACCOUNT.id) == 3
    assert [path.suffix for path in (tmp_path / "spool" / "opportunities").iterdir()] == [".bad"]


async def test_posts_that_are_known_already_cost_no_query(
    harvester: Harvester, desk: Desk, clock: ManualClock
) -> None:
    harvester = of_one_mind(harvester, InProcessCache(desk.clock))
    crowd(desk, 7)
    await harvester.search(RunContext(desk.clock))
    await clock.advance(hours=1)
    with asked(desk.database) as again:
        await harvester.search(RunContext(desk.clock))
    assert len(searches(desk)) == 4
    assert again and not any("reply_opportunities.post_id IN" in one for one in again)
    await clock.advance(hours=2)
    harvester = of_one_mind(harvester, InProcessCache(desk.clock))
    with asked(desk.database) as forgotten:
        await harvester.search(RunContext(desk.clock))
    assert any("reply_opportunities.post_id IN" in one for one in forgotten)


async def test_what_one_account_has_searched_for_serves_the_others_and_never_itself(
    harvester: Harvester, desk: Desk, clock: ManualClock
) -> None:
    harvester = of_one_mind(harvester, InProcessCache(clock))
    second = replace(ACCOUNT, id="x:second", handle="second")
    await desk.add_account(second)
    crowd(desk, 3)
    for account in (ACCOUNT, second, ACCOUNT):
        await harvester.search(RunContext(clock, account.id))
    assert searches(desk) == [
        "search sleep lang:en",
        "search coffee lang:en",
        "search sleep min_faves:300 -filter:replies lang:en",
        "search coffee min_faves:300 -filter:replies lang:en",  # the first account's own, at its second turn
    ]
    async with desk.database.read("test") as connection:
        assert await opportunities.pool_size(connection, second.id) == 3
    await clock.advance(minutes=20)
    await harvester.search(RunContext(clock, second.id))
    assert len(searches(desk)) == 5  # the one query that was not its turn before, too old to be shared


async def test_an_author_who_is_gone_is_not_opened_at_every_run_and_stops_nobody(
    harvester: Harvester, desk: Desk
) -> None:
    harvester = of_one_mind(harvester, InProcessCache(desk.clock))
    crowd(desk, 7)
    await harvester.search(RunContext(desk.clock))
    desk.network.gone = {"wren5", "wren6"}
    runs = [await harvester.authors(RunContext(desk.clock)) for _ in range(4)]
    assert [(run.done, run.due) for run in runs] == [(0, 0), (2, 2), (2, 2), (1, 1)]
    opened = [call for call in desk.network.calls if call.startswith("profile")]
    assert sorted(opened) == [f"profile wren{number}" for number in range(7)]


async def test_profiles_that_the_budget_puts_off_are_no_failure(harvester: Harvester, desk: Desk) -> None:
    """The demo of a healthy network was told that the job is failing: it had done none of what was due."""
    crowd(desk, 4)
    await harvester.search(RunContext(desk.clock))
    spent = ReadingBudget(desk.database, desk.clock, ReadingSettings(loads_per_hour=1, loads_per_day=1))
    work = await replace(harvester, budget=spent).authors(RunContext(desk.clock))
    assert (work.done, work.due) == (0, 0)
    assert "budget of page loads" in work.note


async def test_profiles_that_cannot_be_read_are_a_failure(harvester: Harvester, desk: Desk) -> None:
    crowd(desk, 4)
    await harvester.search(RunContext(desk.clock))
    desk.network.broken = True
    work = await harvester.authors(RunContext(desk.clock))
    assert work.done == 0 and work.due > 0


async def test_an_empty_result_is_told_apart_from_a_broken_one(harvester: Harvester, desk: Desk) -> None:
    work = await harvester.search(RunContext(desk.clock))
    assert (work.done, work.due) == (3, 3)
    desk.network.healthy = False
    with pytest.raises(Transient):
        await harvester.search(RunContext(desk.clock))
    desk.network.state = SessionState.EXPIRED
    with pytest.raises(SessionTrouble):
        await harvester.search(RunContext(desk.clock))
    assert len(desk.told_of(SessionChanged)) == 1


async def test_stale_opportunities_expire(harvester: Harvester, desk: Desk, clock: ManualClock) -> None:
    crowd(desk, 4)
    await harvester.search(RunContext(clock))
    desk.network.others = []
    await clock.advance(hours=25)
    await harvester.search(RunContext(clock))
    async with desk.database.read("test") as connection:
        assert await opportunities.pool_size(connection, ACCOUNT.id) == 0
        expired = await opportunities.in_state(connection, ACCOUNT.id, OpportunityState.EXPIRED)
    assert len(expired) == 4


async def test_authors_are_watched_unless_their_profile_says_no(harvester: Harvester, desk: Desk) -> None:
    crowd(desk, 2)
    desk.network.profiles["wren0"] = Profile("wren0", "Wren", 900, 10, bio="Birds. #NoBot please")
    await harvester.search(RunContext(desk.clock))
    work = await harvester.authors(RunContext(desk.clock))
    assert (work.done, work.due) == (2, 2)
    async with desk.database.read("test") as connection:
        assert await opportunities.watched(connection, ACCOUNT.id) == ["wren1"]
        assert await opportunities.opted_out(connection, ACCOUNT.id) == {"wren0"}
    desk.network.others = [
        foreign_post("77", "Wren0", "Something new about sleep", desk.clock.now(), likes=900)
    ]
    await harvester.search(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        assert await opportunities.known_posts(connection, ACCOUNT.id, ["77"]) == set()


async def test_a_block_and_a_sign_in_a_bio_are_heard_from_a_search_alone(
    harvester: Harvester, desk: Desk
) -> None:
    crowd(desk, 4)
    first, second, third, fourth = desk.network.others
    desk.network.others = [
        replace(first, author_blocks_us=True),
        replace(second, author_bio="Birds and maps. NO BOTS!"),
        replace(third, author_bio="I build bots for fun"),
        replace(fourth, conversation_id="7", language="fr"),
    ]
    await harvester.search(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        assert await opportunities.opted_out(connection, ACCOUNT.id) == {"wren0", "wren1"}
        assert await opportunities.known_posts(connection, ACCOUNT.id, list("0123")) == {"2"}


async def test_a_conversation_gives_one_opportunity_however_often_it_is_found(
    harvester: Harvester, desk: Desk, clock: ManualClock
) -> None:
    crowd(desk, 4)
    together = [replace(one, conversation_id="c1") for one in desk.network.others]
    desk.network.others = together[:2]
    await harvester.search(RunContext(clock))
    desk.network.others = together[2:]
    await clock.advance(hours=2)
    await harvester.search(RunContext(clock))
    async with desk.database.read("test") as connection:
        assert await opportunities.pool_size(connection, ACCOUNT.id) == 1


async def test_a_request_to_stop_within_a_conversation_is_heard_before_it_is_answered(
    harvester: Harvester, desk: Desk
) -> None:
    harvester = replace(harvester, plugins=installed().plugins)
    at = desk.clock.now() - timedelta(minutes=5)
    asked = replace(foreign_post("702", "finch", "@robin how do you sleep?", at), conversation_id="700")
    desk.network.others = [asked]
    await harvester.mentions(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        (one,) = await opportunities.in_state(connection, ACCOUNT.id, OpportunityState.FOUND)
    said = replace(foreign_post("703", "Finch", "Bots, please stop answering me", at), conversation_id="700")
    desk.network.others.append(said)
    posts = await harvester.conversation(ACCOUNT, one)
    assert [post.id for post in posts] == ["702", "703"]
    async with desk.database.read("test") as connection:
        assert await opportunities.opted_out(connection, ACCOUNT.id) == {"finch"}


async def test_it_is_known_whether_the_author_answered_a_reply_of_ours(
    harvester: Harvester, desk: Desk
) -> None:
    at = desk.clock.now() - timedelta(minutes=5)
    desk.network.others = [foreign_post("700", "finch", "@robin how do you sleep?", at)]
    await harvester.mentions(RunContext(desk.clock))
    async with desk.database.begin("test") as connection:
        (one,) = await opportunities.in_state(connection, ACCOUNT.id, OpportunityState.FOUND)
    reply = piece("r1", "Early.", due_at=desk.clock.now(), kind=ContentKind.REPLY, in_reply_to="700")
    await desk.queue(replace(reply, opportunity_id=one.id))
    await desk.sweep().sweep(RunContext(desk.clock))
    ours = (await desk.find("r1")).post_id
    said = [("701", "lark", ours), ("702", "finch", "999"), ("703", "Finch", ours)]
    for post_id, author, answered in said:
        answer = foreign_post(post_id, author, "@robin thank you, that helps", desk.clock.now())
        desk.network.others.append(replace(answer, in_reply_to=answered))
    for _ in range(2):
        await harvester.mentions(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        assert await answered_replies.count(connection, ACCOUNT.id) == 1


async def test_a_selector_that_moved_is_named(desk: Desk) -> None:
    gone: list[str] = []

    async def check(_account: Account) -> tuple[str, ...]:
        return tuple(gone)

    job = selectors_job(desk.database, {"x_web": check})
    assert (await job.run(RunContext(desk.clock))).done == 1
    gone.append("SEND")
    with pytest.raises(PageChanged, match="SEND") as caught:
        await job.run(RunContext(desk.clock))
    assert caught.value.missing == "SEND"


async def test_who_asks_us_to_stop_is_heard_at_once_and_never_offered_again(
    harvester: Harvester, desk: Desk
) -> None:
    at = desk.clock.now() - timedelta(minutes=5)
    desk.network.others += [
        foreign_post("600", "Finch", "@robin please stop replying to me", at),
        foreign_post("601", "lark", "@robin how do you find the time?", at),
    ]
    await harvester.mentions(RunContext(desk.clock))
    desk.network.others.append(foreign_post("602", "finch", "@robin and another question", at))
    await authors.mute(Owner(desk.database, desk.clock, "test", Door.API), "@Wagtail", ACCOUNT.id)
    desk.network.others.append(foreign_post("603", "wagtail", "@robin what do you think?", at))
    await harvester.mentions(RunContext(desk.clock))
    async with desk.database.read("test") as connection:
        assert await opportunities.opted_out(connection, ACCOUNT.id) == {"finch", "wagtail"}
        known = await opportunities.known_posts(connection, ACCOUNT.id, ["600", "601", "602", "603"])
    assert known == {"601"}
    with pytest.raises(Permanent, match="no handle"):
        await authors.mute(Owner(desk.database, desk.clock, "test", Door.API), "two words", ACCOUNT.id)
