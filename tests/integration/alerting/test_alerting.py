"""Alerts on a real database, delivered over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from stonechat.alerting import open_alerting
from stonechat.alerting.channels import AppriseChannel, WebhookChannel
from stonechat.alerting.engine import Alerting
from stonechat.alerting.heartbeat import DeadMansSwitch
from stonechat.alerting.outgoing import call
from stonechat.config.settings import AlertingSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.events import BudgetSpent, EventStream, LoopFailed
from stonechat.core.ports import AlertMessage
from stonechat.core.states import SessionState
from stonechat.core.supervision import supervise
from stonechat.database import Database
from stonechat.database.repositories import accounts, alerts, opportunities, outbox, state_history
from stonechat.database.spool.spool import Spool
from stonechat.jobs import JobStatus
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
            await self.alerting.deliver_all()
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
        assert await outbox.unsent(connection) == 0


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
            await asyncio.gather(desk.alerting.look(), desk.alerting.deliver_all())
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
            await desk.alerting.deliver_all()
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
            await asyncio.gather(*(desk.alerting.deliver_all() for desk in (run, worker)))
            await clock.advance(seconds=2)

    for _ in range(2):  # the second time tells it again
        run.ill = worker.ill = {"database": "no route to the server"}
        for desk in (run, worker):
            desk.alerting._observer.database = None
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
        await asyncio.gather(first.alerting.deliver_all(), second.alerting.deliver_all())
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
    assert inbox.titles() == ["The session of x:robin is expired"]
    assert "stonechat login" in json.dumps(inbox.got[0])
    assert "Posting is down" in json.dumps(inbox.got[0])


async def test_a_queue_that_runs_dry_and_a_pool_that_falls_too_low_are_told(
    inbox: Inbox, database: Database
) -> None:
    desk = Desk(inbox, database)
    desk.alerting._observer._pool_low = 2
    async with database.begin("test") as connection:
        await accounts.put(connection, ACCOUNT, CLOCK.now())
    await offer(database, CLOCK, ["One.", "Two."], account_id=ACCOUNT.id)
    await desk.for_seconds(300, step=20)
    assert inbox.titles() == ["Nothing is queued for @robin"]
    async with database.begin("test") as connection:
        later = CLOCK.now() + timedelta(hours=1)
        await opportunities.expire(connection, ACCOUNT.id, posted_before=later, now=later)
    await desk.for_seconds(900, step=20)
    assert inbox.titles()[1:] == ["No reply opportunities for @robin"]


def status_of(name: str, state: str, why: str) -> JobStatus:
    return JobStatus(
        name=name,
        account_id=ACCOUNT.id,
        every=timedelta(hours=1),
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
    assert sorted(inbox.titles()) == [
        "The job content.plan does not run for x:robin",
        "The job scraping.metrics keeps failing for x:robin",
    ]
    assert "its tick of 09:00 did not run" in json.dumps(inbox.got)
    seen["content.plan"] = "healthy"
    await desk.for_seconds(120)
    assert inbox.titles()[2:] == ["Over: The job content.plan does not run for x:robin"]


async def test_a_spent_budget_is_told_once(inbox: Inbox, database: Database) -> None:
    desk = Desk(inbox, database)
    for share in (0.8, 1.0):
        desk.events.emit(BudgetSpent(account_id="x:robin", share=share, period="day"))
    await desk.for_seconds(60)
    assert sorted(inbox.titles()) == [
        "100% of the model budget is spent (day)",
        "80% of the model budget is spent (day)",
    ]


async def well() -> ProbeResult:
    return ok()


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


async def test_the_heartbeat_stands_for_looking_delivering_jobs_and_posting_or_is_withheld(
    inbox: Inbox,
) -> None:
    desk = Desk(inbox, None)
    beat = DeadMansSwitch(f"{inbox.url}/beat", CLOCK, desk.alerting.silent)
    desk.board.register("jobs", desk._check("jobs"))
    assert not await beat.beat(), "nothing is known yet"
    await desk.for_seconds(5)
    assert await beat.beat()
    for part in ("jobs", "posting"):
        desk.ill = {part: "nothing happens"}
        await desk.for_seconds(5)
        assert desk.alerting.silent() == f"{part}: nothing happens"
        assert not await beat.beat()
    desk.ill = {}
    await desk.for_seconds(5)
    assert await beat.beat()
    desk.ill, inbox.status = {"browser": "killed"}, 404
    await desk.for_seconds(200)
    assert desk.alerting.silent() == "no channel takes alerts"
    desk.ill, inbox.status = {}, 200
    await desk.for_seconds(400)
    assert desk.alerting.silent() == ""
    await desk.clock.advance(minutes=3)
    assert desk.alerting.silent() == "the alert engine has not looked lately"
    assert inbox.beats == 2


@pytest.mark.parametrize("any_database_url", ["sqlite"], indirect=True)
async def test_opened_it_looks_delivers_and_beats_by_itself_and_ends_cleanly(
    inbox: Inbox, database: Database
) -> None:
    settings = AlertingSettings(
        webhook_url=f"{inbox.url}/alerts", heartbeat_url=f"{inbox.url}/beat", group_wait=timedelta()
    )
    events = EventStream(CLOCK)
    board = HealthBoard(CLOCK, events)
    for part in ("jobs", "posting"):
        board.register(part, well)
    await board.check_all()
    async with open_alerting(settings, database, CLOCK, events, board):
        events.emit(BudgetSpent(account_id="x:robin", share=1.0, period="day"))
        await eventually(lambda: bool(inbox.got) and inbox.beats > 0, within=40)
    assert inbox.titles() == ["100% of the model budget is spent (day)"]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("alerting.")]


class Second:
    """A channel that can be told to hang, and counts what it was given."""

    name = "second"

    def __init__(self) -> None:
        self.got: list[AlertMessage] = []
        self.hangs = asyncio.Event()

    async def send(self, message: AlertMessage) -> None:
        if self.hangs.is_set():
            await asyncio.Event().wait()
        self.got.append(message)


async def test_a_receiver_that_answers_404_loses_nothing_and_another_channel_tells_of_it(
    inbox: Inbox, database: Database
) -> None:
    desk, second = Desk(inbox, database), Second()
    desk.alerting.delivery.channels += (second,)
    inbox.status = 404
    desk.ill = {"browser": "Chromium was killed"}
    await desk.for_seconds(3 * 24 * 3600, step=1800)
    assert inbox.got == []
    assert {message.title for message in second.got} == {
        "Browser is down",
        "Alerts cannot be delivered through webhook 127.0.0.1",
    }
    async with database.read("test") as connection:
        lost = await outbox.undelivered(connection)
    assert "404" in lost[0].error


async def test_a_critical_alert_that_nobody_took_is_kept_until_it_is_delivered(
    inbox: Inbox, database: Database
) -> None:
    desk = Desk(inbox, database)
    inbox.status = 404
    desk.ill = {"browser": "Chromium was killed"}
    await desk.for_seconds(2 * 24 * 3600, step=1800)
    desk.ill = {}
    await desk.for_seconds(3600, step=600)
    assert "Alerts cannot be delivered through webhook 127.0.0.1" in {
        row.title for row in desk.alerting.firing()
    }
    inbox.status = 200
    await desk.for_seconds(1800, step=60)
    assert inbox.titles() == ["Browser is down", "Over: Browser is down"]
    assert desk.alerting.firing() == []


async def test_an_acknowledged_alert_is_not_sent_again(inbox: Inbox, database: Database) -> None:
    desk = Desk(inbox, database)
    inbox.status = 404
    desk.ill = {"browser": "Chromium was killed"}
    await desk.for_seconds(120)
    [browser] = [row for row in desk.alerting.firing() if row.title == "Browser is down"]
    async with database.begin("test") as connection:
        await alerts.acknowledge(connection, browser.id, who="owner")
    await desk.for_seconds(600, step=60)
    inbox.status = 200
    await desk.for_seconds(1800, step=60)
    assert inbox.got == []


async def test_a_silence_holds_for_its_time_can_be_lifted_and_ends_with_the_incident(
    inbox: Inbox, database: Database
) -> None:
    desk = Desk(inbox, database)
    desk.ill = {"browser": "Chromium was killed"}
    await desk.for_seconds(15)
    async with database.begin("test") as connection:
        [browser] = [row for row in (await alerts.every(connection)).values() if "Browser" in row.title]
        until = desk.clock.wall() + timedelta(hours=1)
        assert await alerts.silence(connection, browser.id, until=until)
    await desk.for_seconds(300)
    assert inbox.got == []
    async with database.begin("test") as connection:
        assert await alerts.silence(connection, browser.id, until=None)
    await desk.for_seconds(30)
    assert inbox.titles() == ["Browser is down"]
    async with database.begin("test") as connection:
        assert await alerts.silence(connection, browser.id, until=until + timedelta(hours=9))
    desk.ill = {}
    await desk.for_seconds(60)
    async with database.begin("test") as connection:
        assert not await alerts.silence(connection, browser.id, until=until), "it is over"
    desk.ill = {"browser": "Chromium was killed"}
    await desk.for_seconds(60)
    assert inbox.titles() == ["Browser is down", "Over: Browser is down", "Browser is down"]


@pytest.mark.parametrize("any_database_url", ["sqlite"], indirect=True)
async def test_a_channel_that_hangs_holds_up_no_other_one(inbox: Inbox, database: Database) -> None:
    settings = AlertingSettings(group_wait=timedelta())
    second = Second()
    second.hangs.set()
    events = EventStream(CLOCK)
    webhook = WebhookChannel(f"{inbox.url}/alerts", CLOCK)
    board = HealthBoard(CLOCK, events)
    async with open_alerting(settings, database, CLOCK, events, board, channels=[second, webhook]):
        events.emit(BudgetSpent(account_id="x:robin", share=1.0, period="day"))
        await eventually(lambda: bool(inbox.got), within=40)
    assert second.got == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(inbox: Inbox, status: int) -> None:
    inbox.status = status
    with pytest.raises(Permanent, match="sent the message elsewhere"):
        await WebhookChannel(f"{inbox.url}/alerts", CLOCK).send(message())


async def test_a_receiver_that_drips_its_answer_takes_no_longer_than_the_limit() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for letter in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000:
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = CLOCK.monotonic()
    with pytest.raises(Transient, match="did not answer within 1 s"):
        await call("POST", f"http://127.0.0.1:{port}/", what="It", json={}, limit=timedelta(seconds=1))
    assert CLOCK.monotonic() - began < 5
    server.close()


async def test_a_loop_that_ends_by_any_error_is_started_again_and_told() -> None:
    clock = ManualClock()
    events = EventStream(clock)
    told: list[object] = []
    events.subscribe(lambda stamped: told.append(stamped.event))
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        raise KeyError("something that nobody expected")

    task = asyncio.create_task(supervise("a loop", loop, clock, events))
    await clock.advance(seconds=60)
    task.cancel()
    assert runs == 6
    assert told[0] == LoopFailed(loop="a loop", why="KeyError: 'something that nobody expected'")
