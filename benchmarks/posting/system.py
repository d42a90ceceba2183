"""The system under test: all of Stonechat, opened on the local network, running one scenario.

Run as ``python -m benchmarks.posting.system`` with an :class:`~.order.BenchOrder` on standard input. Limits
are out of the way, since they are not what is measured; everything else is as in ``stonechat run``.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from benchmarks.posting.order import BenchOrder
from benchmarks.posting.scenarios import SCENARIOS
from stonechat.cli.commands.run import logging_into, start_logging
from stonechat.cli.context import make_clock
from stonechat.config.loader import load
from stonechat.config.settings import AccountSettings, Settings
from stonechat.core.events import EventStream
from stonechat.core.model import Approval, LatePolicy
from stonechat.monitoring.logs import EventLog
from stonechat.networks.plugin import LocalSite
from stonechat.networks.registry import installed
from stonechat.startup.wiring import open_stonechat


async def run(order: BenchOrder) -> None:
    """Open everything, run the scenario, say what it saw."""
    settings = settings_for(order)
    clock = make_clock(settings)
    events = EventStream(clock)
    with logging_into(Path(order.folder) / "stonechat.log") as log:
        start_logging(settings, clock, log)
        events.subscribe(EventLog().hear)
        async with open_stonechat(settings, clock, events, random.Random(7)) as app:
            answer = await SCENARIOS[order.scenario](app, order)
    sys.stdout.write(answer.to_json() + "\n")


def settings_for(order: BenchOrder) -> Settings:
    """The embedded default with one account for each session, and limits so wide that none is met."""
    first = next(iter(order.sessions))
    registry = installed()
    base = load(
        {},
        registry.known(),
        folder=Path(order.folder),
        overrides={
            "MODE": "demo",
            "DATA_DIR": order.folder,
            "ACCOUNT_HANDLE": first,
            **registry.settings_of_demo(LocalSite(order.url, {first: order.sessions[first]}, {})),
            "OPENAI_BASE_URL": order.model_url,
            "OPENAI_API_KEY": "local",
            "BROWSER_CONTEXTS": len(order.sessions),
            "POSTS_PER_DAY": 1,
            "POSTING_MIN_SPACING": "0s",
            "POSTING_MAX_TOTAL": 0,
            "PORT": 0,
        },
    )
    accounts = tuple(
        AccountSettings(
            network=base.accounts[0].network,
            handle=handle,
            session_b64=SecretStr(session),
            posts_per_day=1,
            approval=Approval.NONE,
            late_policy=LatePolicy.PUBLISH,
        )
        for handle, session in order.sessions.items()
    )
    wide = {"per_hour": 1_000_000, "per_day": 1_000_000, "min_spacing": timedelta()}
    return base.model_copy(
        update={"accounts": accounts, "posting": base.posting.model_copy(update=wide)},
    )


if __name__ == "__main__":
    asyncio.run(run(BenchOrder.from_json(sys.stdin.read())))
