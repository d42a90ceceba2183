"""Stores opportunities; what the database cannot take now is kept on disk and stored later, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from stonechat.core.errors import Transient
from stonechat.core.ids import stable_id
from stonechat.core.model import Metrics, Opportunity
from stonechat.core.states import OpportunityState
from stonechat.database import Database, opportunities
from stonechat.database.spool import Entry, Spool

KIND = "opportunities"


class OpportunityStore:
    """Adds opportunities to the table, by way of the spool where the table is out of reach."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    async def keep(self, found: Sequence[Opportunity]) -> int:
        """Store, or spool; returns how many were new in the table.

        Raises:
            Transient: neither the database nor the disk took them.
        """
        if not found:
            return 0
        try:
            async with self._database.begin("harvesting.store") as connection:
                return await opportunities.add(connection, found)
        except Transient:
            key = stable_id(*(one.id for one in found))
            self._spool.put(KIND, key, {"found": [_as_json(one) for one in found]})
            return 0

    async def catch_up(self) -> int:
        """Store what was spooled; a post that is in the table already is left as it stands."""

        async def store(entry: Entry) -> None:
            async with self._database.begin("harvesting.catch_up") as connection:
                await opportunities.add(connection, [_from_json(one) for one in entry.body["found"]])

        return await self._spool.drain(KIND, store)


def _as_json(one: Opportunity) -> dict[str, Any]:
    times = {"posted_at": one.posted_at.isoformat(), "found_at": one.found_at.isoformat()}
    return {**asdict(one), **times, "state": one.state.value}


def _from_json(data: Mapping[str, Any]) -> Opportunity:
    return Opportunity(
        **{
            **data,
            "posted_at": datetime.fromisoformat(data["posted_at"]),
            "found_at": datetime.fromisoformat(data["found_at"]),
            "state": OpportunityState(data["state"]),
            "metrics": Metrics(**data["metrics"]),
        }
    )
