"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database import Database, open_database
from tests.support.alerting import Inbox


@pytest.fixture
async def database(any_database_url: str) -> AsyncIterator[Database]:
    """A database with our tables and nothing in them: once SQLite, once PostgreSQL."""
    async with open_database(any_database_url, DatabaseSettings(), SystemClock()) as opened:
        yield opened


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A webhook receiver, listening."""
    box = Inbox()
    app = web.Application()
    app.router.add_post("/alerts", box.receive)
    app.router.add_get("/beat", box.beat)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    box.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield box
    await runner.cleanup()
