"""The alert engine and an owner change the same alert at the same moment: neither takes back what the other did."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stonechat.core.clock import SystemClock
from stonechat.core.states import AlertState
from stonechat.database import Database
from stonechat.database.repositories import alerts
from stonechat.database.repositories.alerts import AlertRow, AlertTracking
from stonechat.owner import Door, Owner
from stonechat.owner import alerts as actions

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRES = AlertRow(
    id="a1",
    rule="layer_down",
    state=AlertState.PENDING,
    state_since=BEGAN,
    severity="warning",
    title="Browser is down",
    body="",
    remedy="",
)
LATER = replace(
    FIRES,
    state=AlertState.FIRING,
    state_since=BEGAN + timedelta(minutes=1),
    severity="critical",
    tracking=AlertTracking(told_at=BEGAN + timedelta(minutes=1)),
)


async def stored(database: Database) -> AlertRow:
    async with database.read("test.alert") as connection:
        found = await alerts.find(connection, FIRES.id)
    assert found is not None
    return found


async def test_what_was_acknowledged_since_an_alert_was_read_stays_acknowledged(database: Database) -> None:
    async with database.begin("test.fill") as connection:
        await alerts.save(connection, FIRES, None, why="it began")
    before = await stored(database)
    async with database.begin("test.owner") as connection:
        await alerts.acknowledge(connection, FIRES.id, who="robin")
    async with database.begin("test.engine") as connection:
        await alerts.save(connection, LATER, before, why="it fires")
    after = await stored(database)
    assert (after.state, after.severity, after.acked_by) == (AlertState.FIRING, "critical", "robin")


async def test_an_owner_waits_for_a_look_that_is_under_way_and_both_hold(database: Database) -> None:
    async with database.begin("test.fill") as connection:
        await alerts.save(connection, FIRES, None, why="it began")
    owner = Owner(database, SystemClock(), "robin", Door.PAGES)
    async with database.begin("test.engine") as connection:
        known = await alerts.every(connection, lock=True)
        doing = asyncio.create_task(actions.acknowledge(owner, FIRES.id))
        await alerts.save(connection, LATER, known[FIRES.id], why="it fires")
        assert not doing.done()
    await doing
    after = await stored(database)
    assert (after.state, after.acked_by) == (AlertState.FIRING, "robin (pages)")
