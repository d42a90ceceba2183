"""Alerts on a real database, delivered over real HTTP."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from stonechat.alerting import open_alerting
from stonechat.alerting.channels import AppriseChannel, WebhookChannel
from stonechat.alerting.engine import Alerting
from stonechat.alerting.heartbeat import Heartbeat
from stonechat.config.settings import AlertingSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.events import BudgetSpent, EventStream
from stonechat.core.ports import AlertMessage
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts, alerts, opportunities, state_history
from stonechat.database.spool.spool import Spool
from stonechat.jobs.desk import JobStatus
from stonechat.monitoring import HealthBoard, ProbeResult, down, ok
from stonechat.monitoring.health_board import Check
from tests.support.alerting import TIMING, Inbox
from tests.support.clock import ManualClock
from tests.support.content import offer
from tests.support.posting import ACCOUNT
from tests.support.waiting import eventually

CLOCK = SystemClock()


class Desk:
    """An alert engine whose time is moved by hand, looking at a board that says what it is told."""

    def __init__(self, inbox: Inbox, database: Database | None, spool: Spool | None = None) -> None:
        self.clock = ManualClock()
        self.events = EventStream(self.clock)
        self.board = HealthBoard(self.clock, self.events)
        self.ill: dict[str, str] = {}
        self.database = database
        channel = WebhookChannel(f"{inbox.url}/alerts", CLOCK)
        self.alerting = Alerting(
            [channel], TIMING, self.clock, self.events, self.board, spool=spool, host="h"
        )
        self.alerting.connect(database=database)
        self.events.subscribe(self.alerting.hear)
        for layer in ("browser", "posting", "database", "cache"):
            self.board.register(layer, self._check(layer))

    def _check(self, layer: str) -> Check:
        async def check() -> ProbeResult:
            return down(self.ill[layer]) if layer in self.ill else ok()

        return check

    async def for_seconds(self, seconds: int, step: int = 5) -> None:
        for _ in range(0, seconds, step):
            await self.board.check_all()
            await self.alerting.look()
            await self.alerting.delivery.from_here()
            if self.alerting._database is not None:
                await self.alerting.delivery.from_outbox(self.alerting._database)
            await self.clock.advance(seconds=step)


async def test_a_killed_browser_is_one_message_and_its_return_another(
    inbox: Inbox, database: Database
) -> None:
    desk = Desk(inbox, database)
    await desk.for_seconds(30)
    desk.ill = {"browser": "Chromium was killed", "posting": "none published"}
    await desk.for_seconds(120)
    assert inbox.titles() == ["Browser is down"]
    body = inbox.got[0]
    assert (body["version"], body["status"]) == ("4", "firing")
    assert "Posting is down" in json.dumps(body)
    desk.ill = {}
    await desk.for_seconds(60)
    assert inbox.titles() == ["Browser is down", "Over: Browser is down"]
    async with database.read("test") as connection:
        (alert,) = [row for row in await alerts.newest(connection) if row.title == "Browser is down"]
        changes = [change.after for change in await state_history.of(connection, "alert", alert.id)]
    assert changes == ["pending", "firing", "resolved"]


async def test_a_channel_that_is_away_gets_the_message_later_and_once(
    inbox: Inbox, database: Database
) -> None:
    desk = Desk(inbox, database)
    inbox.status = 503
    desk.ill = {"browser": "Chromium was killed"}
    await desk.for_seconds(120)
    assert inbox.got == []
    inbox.status = 200
    await desk.for_seconds(400)
    assert inbox.titles() == ["Browser is down"]
    async with database.read("test") as connection:
        assert await alerts.unsent(connection) == 0


async def test_two_hosts_and_a_restart_send_no_message_twice(inbox: Inbox, database: Database) -> None:
    first, second = Desk(inbox, database), Desk(inbox, database)
    second.clock = first.clock
    second.alerting._clock = first.clock
    second.alerting.delivery._clock = first.clock
    for desk in (first, second):
        desk.ill = {"browser": "Chromium was killed"}
    for _ in range(30):
        for desk in (first, second):
            await desk.board.check_all()
            await asyncio.gather(desk.alerting.look(), desk.alerting.delivery.from_outbox(database))
        await first.clock.advance(seconds=3)
    assert inbox.titles() == ["Browser is down"]
    third = Desk(inbox, database)
    third.clock.jump(first.clock.wall() - third.clock.wall())
    third.ill = {"browser": "Chromium was killed"}
    await third.for_seconds(120)
    assert inbox.titles() == ["Browser is down"]


async def test_the_loss_of_the_database_itself_is_told_without_it_and_stored_when_it_is_back(
    inbox: Inbox, database: Database, tmp_path: Path
) -> None:
    desk = Desk(inbox, None, Spool(tmp_path / "spool"))
    desk.ill = {"database": "no route to the server", "posting": "none published"}
    inbox.status = 503
    await desk.for_seconds(60)
    assert desk.alerting.delivery.waiting_locally == 1
    reborn = Desk(inbox, None, Spool(tmp_path / "spool"))
    assert reborn.alerting.delivery.waiting_locally == 1
    inbox.status = 200
    await desk.for_seconds(120)
    assert inbox.titles() == ["Database is down"]
    desk.ill = {}
    desk.alerting.connect(database=database)
    await desk.for_seconds(60)
    assert inbox.titles() == ["Database is down", "Over: Database is down"]
    async with database.read("test") as connection:
        stored = {row.title: row.state.value for row in await alerts.newest(connection)}
    assert stored["Database is down"] == "resolved"


def _at_one_time(*desks: Desk) -> ManualClock:
    clock = desks[0].clock
    for desk in desks[1:]:
        desk.clock = desk.alerting._clock = desk.alerting.delivery._clock = clock
    return clock


async def test_run_and_worker_on_one_machine_tell_once_what_only_one_of_them_sees(
    inbox: Inbox, database: Database
) -> None:
    run, worker = Desk(inbox, database), Desk(inbox, database)
    clock = _at_one_time(run, worker)
    run.ill = {"browser": "Chromium was killed"}
    for _ in range(60):
        for desk in (run, worker):
            await desk.board.check_all()
            await desk.alerting.look()
            await desk.alerting.delivery.from_outbox(database)
        await clock.advance(seconds=2)
    assert inbox.titles() == ["Browser is down"]


async def test_without_the_database_the_processes_of_one_machine_tell_its_loss_once(
    inbox: Inbox, database: Database, tmp_path: Path
) -> None:
    run, worker = (Desk(inbox, None, Spool(tmp_path / "spool")) for _ in range(2))
    clock = _at_one_time(run, worker)

    async def for_seconds(seconds: int) -> None:
        for _ in range(0, seconds, 2):
            for desk in (run, worker):
                await desk.board.check_all()
                await desk.alerting.look()
            await asyncio.gather(*(desk.alerting.delivery.from_here() for desk in (run, worker)))
            for desk in (run, worker):
                if desk.alerting._database is not None:
                    await desk.alerting.delivery.from_outbox(database)
            await clock.advance(seconds=2)

    for _ in range(2):  # the second time tells it again
        run.ill = worker.ill = {"database": "no route to the server"}
        for desk in (run, worker):
            desk.alerting._database = None
        await for_seconds(90)
        run.ill = worker.ill = {}
        for desk in (run, worker):
            desk.alerting.connect(database=database)
        await for_seconds(60)
    assert inbox.titles() == ["Database is down", "Over: Database is down"] * 2


async def test_what_one_process_left_in_the_spool_is_sent_by_one_of_two(inbox: Inbox, tmp_path: Path) -> None:
    inbox.status = 503
    first = Desk(inbox, None, Spool(tmp_path / "spool"))
    first.ill = {"database": "no route to the server"}
    await first.for_seconds(60)
    second = Desk(inbox, None, Spool(tmp_path / "spool"))
    assert second.alerting.delivery.waiting_locally == 1
    inbox.status = 200
    for _ in range(10):
        await asyncio.gather(first.alerting.delivery.from_here(), second.alerting.delivery.from_here())
        await first.clock.advance(seconds=60)
        second.clock.jump(timedelta(seconds=60))
    assert inbox.titles() == ["Database is down"]
    assert second.alerting.delivery.waiting_locally == 0


async def test_an_expired_session_is_told_with_what_to_do(inbox: Inbox, database: Database) -> None:
    desk = Desk(inbox, database)
    async with database.begin("test") as connection:
        await accounts.put(connection, ACCOUNT, CLOCK.now())
        await accounts.set_session(
            connection, ACCOUNT.id, SessionState.EXPIRED, now=CLOCK.now(), why="the log-in page came"
        )
    desk.ill = {"posting": "none published"}
    await desk.for_seconds(60)
    assert inbox.titles()[0] == "The session of x:robin is expired"
    assert "stonechat login" in json.dumps(inbox.got[0])
    assert "Posting is down" not in inbox.titles()


async def test_a_queue_that_runs_dry_and_a_pool_that_falls_too_low_are_told(
    inbox: Inbox, database: Database
) -> None:
    desk = Desk(inbox, database)
    desk.alerting._pool_low = 2
    async with database.begin("test") as connection:
        await accounts.put(connection, ACCOUNT, CLOCK.now())
    await offer(database, CLOCK, ["One.", "Two."], account_id=ACCOUNT.id)
    await desk.for_seconds(300, step=20)
    assert inbox.titles() == ["Nothing is queued for @robin"]
    async with database.begin("test") as connection:
        later = CLOCK.now() + timedelta(hours=1)
        await opportunities.expire(connection, ACCOUNT.id, posted_before=later, now=later)
    await desk.for_seconds(900, step=20)
    assert inbox.titles()[1:] == ["Few reply opportunities for @robin"]


def status_of(name: str, state: str, why: str) -> JobStatus:
    return JobStatus(
        name=name,
        account_id=ACCOUNT.id,
        every=timedelta(hours=1),
        cron=None,
        next_tick=CLOCK.now(),
        paused=None,
        last=None,
        state=state,
        why=why,
        success_rate=None,
        critical=True,
        useful="",
    )


async def test_a_job_that_does_not_run_or_keeps_failing_is_told_with_its_cause(inbox: Inbox) -> None:
    desk = Desk(inbox, None)
    seen = {"content.plan": "late", "scraping.metrics": "failing", "learning.learn": "healthy"}

    async def jobs() -> list[JobStatus]:
        why = {"late": "its tick of 09:00 did not run", "failing": "3 failures in a row"}
        return [status_of(name, state, why.get(state, "")) for name, state in seen.items()]

    desk.alerting.connect(jobs=jobs)
    await desk.for_seconds(120)
    assert inbox.titles() == ["The job content.plan does not run for x:robin"]
    assert "its tick of 09:00 did not run" in json.dumps(inbox.got)
    seen["content.plan"] = "healthy"
    await desk.for_seconds(120)
    assert inbox.titles()[1:] == [
        "Over: The job content.plan does not run for x:robin",
        "The job scraping.metrics keeps failing for x:robin",
    ]


async def test_a_spent_budget_is_told_once(inbox: Inbox, database: Database) -> None:
    desk = Desk(inbox, database)
    for share in (0.8, 1.0):
        desk.events.emit(BudgetSpent(account_id="x:robin", share=share, period="day"))
    await desk.for_seconds(60)
    assert sorted(inbox.titles()) == [
        "100% of the model budget is spent (day)",
        "80% of the model budget is spent (day)",
    ]


def message() -> AlertMessage:
    return AlertMessage(
        "id", "firing", "critical", "Title", "Body", "Do this", CLOCK.now(), {"alert_id": "a"}
    )


@pytest.mark.parametrize(
    ("status", "error"), [(404, Permanent), (410, Permanent), (500, Transient), (429, Transient)]
)
async def test_a_webhooks_refusal_is_told_from_its_trouble(
    inbox: Inbox, status: int, error: type[Exception]
) -> None:
    inbox.status = status
    with pytest.raises(error):
        await WebhookChannel(f"{inbox.url}/alerts", CLOCK).send(message())


async def test_apprise_delivers_to_a_real_receiver_and_never_shows_its_address(inbox: Inbox) -> None:
    received: list[dict[str, object]] = []

    async def receive(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/{anything}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    channel = AppriseChannel(f"json://127.0.0.1:{port}/s3cret-path")
    await channel.send(message())
    assert received[0]["title"] == "Stonechat: Title"
    assert "s3cret" not in channel.name
    await runner.cleanup()
    with pytest.raises(Transient):
        await channel.send(message())
    with pytest.raises(Permanent):
        await AppriseChannel("no-such-service://x").send(message())


async def test_the_heartbeat_is_withheld_while_the_alert_engine_does_no_work(inbox: Inbox) -> None:
    alive = True
    beat = Heartbeat(f"{inbox.url}/beat", CLOCK, lambda: alive)
    assert await beat.beat()
    alive = False
    assert not await beat.beat()
    assert inbox.beats == 1


async def test_opened_it_looks_delivers_and_beats_by_itself_and_ends_cleanly(
    inbox: Inbox, database: Database
) -> None:
    settings = AlertingSettings(
        webhook_url=f"{inbox.url}/alerts", heartbeat_url=f"{inbox.url}/beat", group_wait=timedelta()
    )
    events = EventStream(CLOCK)
    async with open_alerting(settings, database, CLOCK, events, HealthBoard(CLOCK, events)):
        events.emit(BudgetSpent(account_id="x:robin", share=1.0, period="day"))
        await eventually(lambda: bool(inbox.got) and inbox.beats > 0)
    assert inbox.titles() == ["100% of the model budget is spent (day)"]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("alerting.")]
