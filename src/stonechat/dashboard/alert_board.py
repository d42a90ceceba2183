"""Alerts for the pages: as they are stored, and while the database is away as the alert engine knows them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stonechat.core.errors import Transient
from stonechat.core.ports import AlertChannel
from stonechat.core.states import LayerState
from stonechat.database import Database
from stonechat.database.repositories import alerts, outbox
from stonechat.database.repositories.alerts import AlertRow
from stonechat.database.repositories.outbox import OutboxRow
from stonechat.monitoring import HealthBoard

WITHIN = 3.0
"""Real seconds within which the database says which alerts there are; after that the alert engine does."""


@dataclass(frozen=True, slots=True)
class AlertBoard:
    """What the alert engine of this process knows.

    Attributes:
        firing: what fires now.
        kept: messages that wait outside the database.
        channels: where the owner is told.
    """

    firing: Callable[[], Sequence[AlertRow]] = tuple
    kept: Callable[[], Sequence[OutboxRow]] = tuple
    channels: Sequence[AlertChannel] = ()

    async def alerts(self, database: Database | None, health: HealthBoard, limit: int) -> list[AlertRow]:
        """Those that fire first, then the newest; only those that fire while the database does not answer."""
        if database is None or health.layer("database").state is LayerState.DOWN:
            return list(self.firing())
        try:
            async with asyncio.timeout(WITHIN), database.read("dashboard.alerts") as connection:
                return await alerts.newest(connection, limit=limit)
        except (Transient, TimeoutError):
            return list(self.firing())

    async def undelivered(self, database: Database | None, health: HealthBoard) -> list[OutboxRow]:
        """Messages that could not be delivered: they wait for their channel, or were given up."""
        rows = list(self.kept())
        if database is None or health.layer("database").state is LayerState.DOWN:
            return rows
        with contextlib.suppress(Transient, TimeoutError):
            async with asyncio.timeout(WITHIN), database.read("dashboard.outbox") as connection:
                rows += await outbox.undelivered(connection)
        return rows
