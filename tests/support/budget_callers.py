"""Fifty callers of the model endpoint in a process of their own, to be killed: ``python -m … FOLDER URL LIMIT``."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from stonechat.config.settings import DatabaseSettings
from stonechat.content.budget import Budget, BudgetLimits, Limit
from stonechat.content.prices import Price, PriceTable
from stonechat.content.writing.endpoint_client import open_client
from stonechat.content.writing.fallback import FallbackChain, RetryPatience
from stonechat.content.writing.model_writer import ModelWriter
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.ports import WriteRequest
from stonechat.database import open_database

REQUEST = WriteRequest("Be brief.", "kind: single\nparts: 1\ndrafts: 1", {}, "drafts", max_output_tokens=100)


async def main(folder: str, url: str, limit: float) -> None:
    """Call until killed."""
    clock, wait = SystemClock(), timedelta(seconds=60)
    events = EventStream(clock)
    async with (
        open_database(f"sqlite:///{folder}/content.db", DatabaseSettings(), clock) as database,
        open_client(url, "k", wait) as client,
    ):
        limits = BudgetLimits(day=Limit(usd=limit))
        budget = Budget(database, clock, events, limits, PriceTable(Price(1.0, 2.0), {}))
        writer = ModelWriter(client, "m-large", wait)
        chain = FallbackChain([writer], budget, clock, events, RetryPatience(attempts=1))
        await asyncio.gather(
            *(chain.write(REQUEST, account_id="x:quietbuilder", purpose="slot") for _ in range(50)),
            return_exceptions=True,
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
