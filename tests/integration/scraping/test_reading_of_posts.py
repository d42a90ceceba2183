"""Which page is opened for which post, and when: on a real SQLite file against a network in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from stonechat.config.settings import ReadingSettings
from stonechat.core.errors import PageChanged
from stonechat.core.events import PostVanished, SelectorMoved
from stonechat.core.model import ContentKind, Snapshot
from stonechat.database.repositories import doubtful_readings, metrics, page_loads
from stonechat.jobs import Work
from stonechat.networks.reading_budget import Purpose, ReadingBudget
from stonechat.scraping.jobs import Scraper
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT, Desk, RunContext, piece


async def read(scraper: Scraper, desk: Desk) -> Work:
    return await scraper.posts(RunContext(desk.clock))


def pages(desk: Desk, since: int = 0) -> list[str]:
    """The reads since the ``since``-th call, without what stands behind their names."""
    return [call.split()[0] for call in desk.network.calls[since:] if call != "publish"]


async def snapshots(desk: Desk, post_id: str) -> list[Snapshot]:
    async with desk.database.read("test") as connection:
        return await metrics.of_post(connection, ACCOUNT.id, post_id)


def measure_all(desk: Desk, **counts: int) -> None:
    for post in list(desk.network.ledger):
        desk.network.measure(post.id, **counts)


async def test_most_looks_open_no_page(scraper: Scraper, desk: Desk, clock: ManualClock) -> None:
    looks = 0
    for _ in range(4 * 22):  # from a quarter to eleven to the small hours
        await read(scraper, desk)
        looks += 1
        await clock.advance(minutes=15)
    assert pages(desk) == ["own_posts"] * 4  # six posts at 2, 4, 8 and 24 hours, the last before the night
    assert looks == 88


async def test_a_doubtful_reading_is_kept_apart_and_repeated(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    measure_all(desk, likes=40, views=900)
    await read(scraper, desk)
    await clock.advance(hours=2)
    desk.network.measure("1002", likes=0, views=0)
    await read(scraper, desk)
    assert len(await snapshots(desk, "1002")) == 1
    async with desk.database.read("test") as connection:
        doubts = await doubtful_readings.of_posts(
            connection, ACCOUNT.id, ["1002"], since=clock.now() - timedelta(hours=1)
        )
    assert [one.why for one in doubts["1002"]] == ["every count is 0 after having been more"]
    desk.network.measure("1002", likes=41, views=950)
    await clock.advance(hours=1)
    await read(scraper, desk)
    assert (await snapshots(desk, "1002"))[-1].metrics.likes == 41


async def test_a_fall_that_a_second_reading_confirms_is_stored(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    measure_all(desk, likes=400, views=9000)
    await read(scraper, desk)
    desk.network.measure("1002", likes=100)
    for _ in range(2):
        await clock.advance(hours=2)
        await read(scraper, desk)
    assert [shot.metrics.likes for shot in await snapshots(desk, "1002")] == [400, 100]


async def test_a_post_that_is_gone_is_noticed_told_once_and_read_no_more(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    await read(scraper, desk)
    desk.network.ledger = [post for post in desk.network.ledger if post.id != "1003"]
    for _ in range(20):
        await clock.advance(minutes=45)
        await read(scraper, desk)
    (told,) = desk.told_of(PostVanished)
    assert told == PostVanished(account_id=ACCOUNT.id, content_id="p3", post_id="1003")
    assert desk.network.calls.count("own_thread 1003") == 2


async def test_a_post_that_was_only_not_shown_for_a_while_is_not_gone(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    await read(scraper, desk)
    whole = list(desk.network.ledger)
    desk.network.ledger = [post for post in whole if post.id != "1003"]
    await clock.advance(hours=2)
    await read(scraper, desk)
    desk.network.ledger = whole
    for _ in range(4):
        await clock.advance(hours=2)
        await read(scraper, desk)
    assert desk.told_of(PostVanished) == []
    assert (await snapshots(desk, "1003"))[-1].captured_at > clock.now() - timedelta(hours=6)


async def test_what_a_profile_folds_away_is_opened_by_itself(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    chain = [
        piece(f"r{n}", f"Reply {n}.", due_at=clock.now(), kind=ContentKind.REPLY, in_reply_to=answered)
        for n, answered in enumerate(("77", "1006", "1007", "1008", "1009"))
    ]
    for one in chain:
        await desk.queue(one)
        await desk.sweep().sweep(RunContext(clock))
    desk.network.folds = True
    await clock.advance(hours=1, minutes=45)
    work = await read(scraper, desk)
    assert (work.done, work.due) == (11, 11)
    assert pages(desk) == ["own_replies", "own_thread", "own_thread"]


async def test_posts_beyond_the_newest_are_searched_for_all_at_once(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    await clock.advance(hours=47)
    later = [piece(f"n{n}", f"Newer {n}.", due_at=clock.now()) for n in range(30)]
    await desk.queue(*later)
    for _ in range(4):
        await desk.sweep().sweep(RunContext(clock))
    await clock.advance(hours=3, minutes=45)
    scraper = replace(scraper, settings=scraper.settings.model_copy(update={"page_posts": 20}))
    before = len(desk.network.calls)
    await read(scraper, desk)
    asked = pages(desk, before)
    assert asked[:2] == ["own_posts", "search"]
    assert len([one for one in asked if one == "own_thread"]) <= 4
    for n in range(6):
        assert (await snapshots(desk, f"{1000 + n}"))[-1].captured_at == clock.now()


async def test_a_count_whose_key_moved_is_named_and_ends_when_it_is_back(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    measure_all(desk, likes=40, views=900)
    await read(scraper, desk)
    ledger = list(desk.network.ledger)
    desk.network.ledger = [replace(one, metrics=replace(one.metrics, likes=None)) for one in ledger]
    await clock.advance(hours=2)
    await read(scraper, desk)
    desk.network.ledger = ledger
    await clock.advance(hours=4)
    await read(scraper, desk)
    assert [event.missing for event in desk.told_of(SelectorMoved)] == ["own posts: likes"]  # type: ignore[attr-defined]
    assert [one.metrics.likes for one in await snapshots(desk, "1001")] == [40, None, 40]


async def test_a_page_without_posts_for_an_account_that_has_some_is_an_error(
    scraper: Scraper, desk: Desk
) -> None:
    desk.network.shrunken = True
    with pytest.raises(PageChanged, match="none of our 6 live posts"):
        await read(scraper, desk)


async def test_nothing_is_read_in_quiet_hours_and_what_falls_due_in_them_is_read_before(
    scraper: Scraper, desk: Desk, clock: ManualClock
) -> None:
    await read(scraper, desk)
    at = datetime.fromisoformat("2026-01-06T00:45:00+00:00")
    await clock.advance(seconds=(at - clock.now()).total_seconds())
    await read(scraper, desk)
    evening = len(desk.network.calls)
    while clock.now().hour < 6:
        work = await read(scraper, desk)
        await clock.advance(minutes=15)
    assert (len(desk.network.calls), work.due, work.note) == (evening, 0, "quiet hours until 06:00 UTC")


async def test_the_budget_is_kept_over_a_restart_and_leaves_a_part_to_metrics(
    desk: Desk, clock: ManualClock
) -> None:
    settings = ReadingSettings(loads_per_hour=8, loads_per_day=20, searches_per_day=10)

    async def take(purpose: Purpose) -> bool:
        return not await ReadingBudget(desk.database, clock, settings).take(ACCOUNT, purpose)

    searches = [await take(Purpose.SEARCH) for _ in range(10)]
    assert searches.count(True) == 6  # three quarters of the hour's
    assert [await take(Purpose.METRICS) for _ in range(3)] == [True, True, False]
    await clock.advance(hours=1)
    assert [await take(Purpose.SEARCH) for _ in range(6)].count(True) == 4  # ten a day
    assert [await take(Purpose.METRICS) for _ in range(5)].count(True) == 4  # eight an hour
    await clock.advance(hours=1)
    assert [await take(Purpose.MENTIONS) for _ in range(5)].count(True) == 4  # twenty a day
    async with desk.database.read("test") as connection:
        counted = await page_loads.since(connection, ACCOUNT.id, clock.now() - timedelta(days=1))
    assert sum(one.loads for one in counted) == 20
