"""Alerts as an owner gets them: a webhook that keeps them, and an engine that looks at real layers."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from stonechat.alerting.channels import WebhookChannel
from stonechat.alerting.engine import Alerting
from stonechat.alerting.state_machine import Timing
from stonechat.cache import FallbackCache
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.states import LayerState
from stonechat.database import Database
from stonechat.monitoring import HealthBoard, Meters
from stonechat.startup.health_checks import check_cache, check_database
from tests.support.clock import ManualClock

CLOCK = SystemClock()
TIMING = Timing(group_wait=timedelta(seconds=10), clear_after=timedelta(seconds=15))


class Inbox:
    """A webhook receiver that can be told what to answer."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, object]] = []
        self.beats = 0
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.got.append(await request.json())
        return web.Response(status=self.status)

    async def beat(self, _: web.Request) -> web.Response:
        self.beats += 1
        return web.Response()

    def titles(self) -> list[str]:
        return [body["commonAnnotations"]["summary"] for body in self.got]  # type: ignore[index]


class Watch:
    """The real checks on a real board, looked at by the real alert engine."""

    def __init__(self, inbox: Inbox, database: Database, cache: FallbackCache) -> None:
        self.clock = ManualClock()
        self.database = database
        events = EventStream(self.clock)
        self.board = HealthBoard(self.clock, events)
        channel = WebhookChannel(f"{inbox.url}/alerts", CLOCK)
        self.alerting = Alerting([channel], TIMING, self.clock, events, self.board, host="h")
        self.alerting.connect(database=database)
        events.subscribe(self.alerting.hear)
        check_cache(self.board, Meters(), cache)
        check_database(self.board, database)

    def well(self) -> bool:
        """Both layers that are looked at do their work."""
        return all(self.board.layer(name).state is LayerState.OK for name in ("cache", "database"))

    async def for_seconds(self, seconds: int) -> None:
        for _ in range(0, seconds, 5):
            await self.board.check_all()
            await self.alerting.look()
            await self.alerting.deliver_all()
            await self.clock.advance(seconds=5)
