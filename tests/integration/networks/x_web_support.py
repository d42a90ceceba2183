"""The adapter for X, opened on a local network of its own with a real browser."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from stonechat.browser import BrowserPool, open_browser_pool
from stonechat.browser.executable import find_chromium
from stonechat.browser.sessions import GivenSessions
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import ScaledClock
from stonechat.core.events import Event, EventStream
from stonechat.core.model import Account
from stonechat_aviary.opening import Aviary, open_aviary
from tests.support.networks import x_session, x_site
from tests.support.x_web import MeasuringXWeb

_NAMED = os.environ.get("BROWSER_EXECUTABLE")
CHROMIUM = find_chromium(Path(_NAMED) if _NAMED else None)
"""The Chromium under test; None for Playwright's own."""


def browser_process(pool: BrowserPool) -> psutil.Process:
    """The browser's own process; what a distribution's shell script starts, not that script."""
    found = []
    for process in pool.supervisor.chromium._folder.processes():
        with contextlib.suppress(psutil.Error):
            arguments = process.cmdline()
            if any(one.startswith("--user-data-dir=") for one in arguments) and "/bin/sh" not in arguments[0]:
                found += [] if any(one.startswith("--type=") for one in arguments) else [process]
    [browser] = found
    return browser


@dataclass
class Bench:
    """What a test works with."""

    aviary: Aviary
    pool: BrowserPool
    network: MeasuringXWeb
    account: Account
    events: list[Event]
    sessions: GivenSessions
    clock: ScaledClock

    def levers(self, **changes: Any) -> None:
        self.aviary.panel.set(changes)

    def ledger(self) -> list[Any]:
        return list(self.aviary.world.ledger)


@contextlib.asynccontextmanager
async def open_bench(
    folder: Path,
    *,
    handles: tuple[str, ...] = ("quietbuilder",),
    call_timeout: timedelta = timedelta(seconds=5),
    **browser: Any,
) -> AsyncIterator[Bench]:
    origin = datetime.now(UTC)
    clock = ScaledClock(1.0, origin, origin.timestamp())
    events = EventStream(clock)
    seen: list[Event] = []
    events.subscribe(lambda stamped: seen.append(stamped.event))
    settings = BrowserSettings(executable=CHROMIUM, call_timeout=call_timeout, **browser)
    async with open_aviary(epoch=origin, origin=origin.timestamp(), handles=handles) as aviary:
        given = {f"x:{handle}": x_session(aviary.address.sessions[handle]) for handle in handles}
        sessions = GivenSessions(given, x_site(aviary.url))
        async with open_browser_pool(
            settings,
            clock,
            events,
            sessions=sessions,
            evidence_folder=folder / "evidence",
            root=folder / "browser",
        ) as pool:
            network = MeasuringXWeb(pool, clock, events, base_url=aviary.url, answer_within=call_timeout)
            account = Account(id=f"x:{handles[0]}", network="x_web", handle=handles[0])
            yield Bench(aviary, pool, network, account, seen, sessions, clock)
