"""Publishing through the adapter for X and a real browser on the local network, with its faults switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stonechat.config.settings import DatabaseSettings, ReadingSettings, ScrapingSettings
from stonechat.core.errors import Transient
from stonechat.core.model import Approval, LatePolicy
from stonechat.core.states import ContentState, SessionState
from stonechat.database import open_database
from stonechat.database.repositories import accounts, metrics
from stonechat.database.spool.spool import Spool
from stonechat.networks.reading_budget import ReadingBudget
from stonechat.scraping.jobs import Scraper, snapshot_store
from tests.integration.networks.x_web_support import Bench, open_bench
from tests.support.clock import OtherClock
from tests.support.posting import SETTINGS, Desk, RunContext, desk_on, piece
from tests.support.waiting import eventually


@dataclass
class Stage:
    """The posting layer on its real neighbours."""

    bench: Bench
    desk: Desk

    async def queue(self, name: str, *parts: str) -> None:
        await self.desk.queue(piece(name, *parts, due_at=self.bench.clock.now(), account=self.bench.account))

    def context(self) -> RunContext:
        return RunContext(self.bench.clock, self.bench.account.id)

    async def work(self) -> None:
        """One sweep and one look at what is unclear."""
        await self.desk.sweep().sweep(self.context())
        await self.desk.sweep().reconcile(self.context())

    async def is_posted(self, name: str) -> bool:
        await self.work()
        return (await self.desk.find(name)).state is ContentState.POSTED

    def scraper(self, folder: Path) -> Scraper:
        """As it is when the first readings are due."""
        clock = OtherClock(self.bench.clock, ahead=timedelta(hours=1, minutes=50))
        return Scraper(
            self.desk.database,
            clock,
            {"x_web": self.desk.network},
            self.desk.events,
            ScrapingSettings(),
            snapshot_store(self.desk.database, Spool(folder / "spool")),
            ReadingBudget(self.desk.database, clock, ReadingSettings(quiet_hours="")),
        )

    def texts(self) -> list[str]:
        return [entry.text for entry in self.bench.ledger()]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    settings = SETTINGS.model_copy(
        update={"reconcile_grace": timedelta(seconds=1), "click_within": timedelta(seconds=15)}
    )
    async with (
        open_bench(tmp_path) as bench,
        open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), bench.clock) as database,
    ):
        bench.account = replace(bench.account, approval=Approval.NONE, late_policy=LatePolicy.PUBLISH)
        network: Any = bench.network
        desk = desk_on(database, bench.clock, settings=settings, network=network)
        await desk.add_account(bench.account)
        yield Stage(bench, desk)


async def test_a_thread_goes_out_and_is_measured_from_one_page(stage: Stage, tmp_path: Path) -> None:
    await stage.queue("a", "The first of them.")
    await stage.queue("t", "A thread, one.", "A thread, two.")
    await stage.work()
    assert stage.texts() == ["The first of them.", "A thread, one.", "A thread, two."]
    thread = await stage.desk.find("t")
    entry = next(one for one in stage.bench.ledger() if one.text == "A thread, one.")
    assert (thread.state, thread.post_id) == (ContentState.POSTED, entry.id)
    assert (await stage.scraper(tmp_path).posts(stage.context())).done >= 2
    async with stage.desk.database.read("test") as connection:
        shots = await metrics.latest(connection, stage.bench.account.id, [entry.id])
    assert shots[entry.id].metrics.likes is not None


async def test_a_read_that_fails_stores_nothing_and_the_next_run_reads_all_of_it(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.queue("a", "The first of them.")
    await stage.queue("b", "The second of them.")
    await stage.work()
    scraper = stage.scraper(tmp_path)
    stage.bench.levers(status_5xx=True)
    with pytest.raises(Transient):
        await scraper.posts(stage.context())
    async with stage.desk.database.read("test") as connection:
        assert await metrics.count(connection) == 0
    stage.bench.levers(status_5xx=False)
    assert (await scraper.posts(stage.context())).done == 2


@pytest.mark.parametrize(
    "lever", [{"lose_answer": 1}, {"lose_request": 1}, {"empty_tweet_results": 1, "empty_is_live": True}]
)
async def test_whatever_the_answer_says_the_post_is_live_once(stage: Stage, lever: dict[str, Any]) -> None:
    await stage.queue("a", "Before anything went wrong.")
    assert await stage.is_posted("a")
    stage.bench.levers(**lever)
    await stage.queue("b", "A post with an unclear answer.")
    await eventually(lambda: stage.is_posted("b"), within=60, every=0.3)
    assert stage.texts() == ["Before anything went wrong.", "A post with an unclear answer."]


async def test_an_ended_session_stops_posting_and_a_valid_one_lets_it_go_on(stage: Stage) -> None:
    stage.bench.levers(logged_out=True)
    await stage.queue("a", "Written while logged out.")
    await stage.work()
    async with stage.desk.database.read("test") as connection:
        seen = await accounts.session(connection, stage.bench.account.id)
    assert seen.state is SessionState.EXPIRED
    held = await stage.desk.find("a")
    assert (held.state, stage.texts()) == (ContentState.QUEUED, [])
    stage.bench.levers(logged_out=False)
    assert await stage.desk.sweep().watch.ask(stage.bench.account, stage.desk.network)
    await eventually(lambda: stage.is_posted("a"), within=30, every=0.3)
    assert stage.texts() == ["Written while logged out."]


class Died(Exception):
    """The process ends here."""


async def test_a_long_thread_whose_publisher_died_is_found_though_the_profile_folds_it(stage: Stage) -> None:
    def die(step: str) -> None:
        if step == "answered":
            raise Died

    parts = [f"A long thread, part {number} of 5." for number in range(1, 6)]
    await stage.queue("before", "Before it.")
    assert await stage.is_posted("before")
    await stage.queue("t", *parts)
    with pytest.raises(Died):
        await replace(stage.desk, checkpoint=die).publisher().publish(stage.bench.account, "t", owner="run")
    soon = stage.desk.settings.model_copy(update={"click_within": timedelta(seconds=1)})
    stage.desk = replace(stage.desk, settings=soon)
    await stage.desk.reconciler().recover(stage.bench.account, owner="run")

    await eventually(lambda: stage.is_posted("t"), within=30, every=0.3)

    assert stage.texts() == ["Before it.", *parts]
