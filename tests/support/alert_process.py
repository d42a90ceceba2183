"""``python -m tests.support.alert_process URL WEBHOOK STATE``: an alert engine in a process that can be killed.

The browser layer is down while the file ``STATE`` says so. Prints a line when it looks.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from stonechat.alerting import open_alerting
from stonechat.config.settings import AlertingSettings, DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.database import open_database
from stonechat.monitoring import ProbeResult, down, ok, open_board


async def main(url: str, webhook: str, state: Path) -> None:
    """Look until killed."""
    clock = SystemClock()
    events = EventStream(clock)

    async def browser() -> ProbeResult:
        return down("Chromium was killed") if state.read_text() == "down" else ok()

    settings = AlertingSettings(webhook_url=webhook, group_wait=timedelta(seconds=3))
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        open_board(clock, events) as board,
        open_alerting(settings, database, clock, events, board),
    ):
        board.register("browser", browser, timedelta(seconds=1))
        sys.stdout.write("looks\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
