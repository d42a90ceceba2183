"""Stores snapshots; what the database cannot take now is kept on disk and stored later, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from stonechat.core.errors import Transient
from stonechat.core.ids import stable_id
from stonechat.core.model import Metrics, Snapshot
from stonechat.database import Database, metrics
from stonechat.database.spool import Entry, Spool

KIND = "snapshots"


class SnapshotStore:
    """Appends snapshots to the table, by way of the spool where the table is out of reach."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    async def keep(self, snapshots: Sequence[Snapshot]) -> int:
        """Store, or spool; returns how many reached the table.

        Raises:
            Transient: neither the database nor the disk took them.
        """
        if not snapshots:
            return 0
        try:
            async with self._database.begin("scraping.store") as connection:
                return await metrics.append(connection, snapshots)
        except Transient:
            first = snapshots[0]
            key = stable_id(first.account_id, first.captured_at.isoformat(), *(s.post_id for s in snapshots))
            self._spool.put(KIND, key, {"snapshots": [_as_json(one) for one in snapshots]})
            return 0

    async def catch_up(self) -> int:
        """Store what was spooled; an entry that is stored twice counts once (post and moment are unique)."""

        async def store(entry: Entry) -> None:
            async with self._database.begin("scraping.catch_up") as connection:
                await metrics.append(connection, [_from_json(one) for one in entry.body["snapshots"]])

        return await self._spool.drain(KIND, store)


def _as_json(one: Snapshot) -> dict[str, Any]:
    return {**asdict(one), "captured_at": one.captured_at.isoformat()}


def _from_json(data: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        account_id=data["account_id"],
        post_id=data["post_id"],
        content_id=data["content_id"],
        captured_at=datetime.fromisoformat(data["captured_at"]),
        metrics=Metrics(**data["metrics"]),
        source=data["source"],
    )
