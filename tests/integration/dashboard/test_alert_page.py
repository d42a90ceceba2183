"""Alerts on the pages: also while the database is away, with what could not be delivered; numbers by token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.ports import AlertMessage
from stonechat.core.states import AlertState
from stonechat.dashboard.alert_board import AlertBoard
from stonechat.database import Database, open_database
from stonechat.database.repositories import outbox
from stonechat.database.repositories.alerts import AlertRow, AlertTracking
from stonechat.database.repositories.outbox import OutboxRow
from stonechat.monitoring import ProbeResult, down
from tests.integration.dashboard.test_dashboard import CLOCK, site

NOW = CLOCK.wall()
FIRES = AlertRow(
    id="al-1",
    rule="layer",
    state=AlertState.FIRING,
    state_since=NOW,
    severity="critical",
    title="Database is down",
    body="no route to the server",
    remedy="Check it.",
    tracking=AlertTracking(part="database", began_at=NOW - timedelta(minutes=3)),
)
MESSAGE = {"id": "m", "title": "Browser is down", "severity": "critical", "status": "firing", "labels": {}}
TOKEN = "a-token-of-prometheus"


class Channel:
    def __init__(self) -> None:
        self.name = "webhook inbox 1"
        self.got: list[AlertMessage] = []

    async def send(self, message: AlertMessage) -> None:
        self.got.append(message)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), CLOCK) as opened:
        yield opened


async def away() -> ProbeResult:
    return down("no route to the server")


@pytest.mark.parametrize("opened", [True, False])
async def test_alerts_are_shown_and_answered_while_the_database_is_away(
    database: Database, opened: bool
) -> None:
    async with site(database if opened else None) as shown:
        shown.data.told = AlertBoard(firing=lambda: [FIRES])
        shown.board.register("database", away)
        await shown.board.check("database")
        page = await shown.get("/alerts")
        assert page.status_code == 200
        for said in ("Database is down", "no route to the server", "For the account:", 'id="alert-al-1"'):
            assert said in page.text
        assert [row["id"] for row in (await shown.get("/api/alerts")).json()] == ["al-1"]
        assert "Database is down" in (await shown.get("/")).text


async def test_what_could_not_be_delivered_is_listed_from_the_database_and_from_this_process(
    database: Database,
) -> None:
    async with database.begin("test") as connection:
        row = OutboxRow("m-1", "al-1", "webhook inbox 1", MESSAGE, NOW, NOW)
        await outbox.enqueue(connection, row)
        await outbox.mark_failed(connection, "m-1", error="It answered 404.", again_at=NOW, at=NOW)
    async with site(database) as shown:
        local = OutboxRow("m-2", "al-2", "apprise ntfy 2", MESSAGE, NOW, NOW, error="It did not answer.")
        shown.data.told = AlertBoard(kept=lambda: [local])
        text = (await shown.get("/alerts")).text
        assert "It answered 404." in text and "It did not answer." in text
        rows = (await shown.get("/api/alerts/undelivered")).json()
        assert [row["id"] for row in rows] == ["m-2", "m-1"]


async def test_a_test_message_goes_through_the_channel_that_is_named(database: Database) -> None:
    channel = Channel()
    async with site(database) as shown:
        shown.data.told = AlertBoard(channels=(channel,))
        assert "Send a test message" in (await shown.get("/alerts")).text
        assert (await shown.do("alerts/test", target=channel.name)).status_code == 303
        answer = await shown.client.post("/api/alerts/test", json={"channel": channel.name})
        assert answer.status_code == 200 and "took the test message" in answer.json()["said"]
        assert [message.labels["alertname"] for message in channel.got] == ["test", "test"]
        assert (await shown.client.post("/api/alerts/test", json={"channel": "no such"})).status_code == 404


async def test_the_token_of_prometheus_opens_the_metrics_and_nothing_else() -> None:
    async with site(password="correct horse", metrics_token=TOKEN) as shown:
        for wrong in ({}, {"Authorization": "Bearer another-token-here"}, {"Authorization": TOKEN}):
            assert (await shown.client.get("/metrics", headers=wrong)).status_code == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert "stonechat_" in (await shown.client.get("/metrics", headers=right)).text
        assert (await shown.client.get("/api/alerts", headers=right)).status_code == 401
        assert (await shown.client.get("/alerts", headers=right)).status_code == 303
