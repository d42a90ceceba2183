"""Storage of breaker records, shared by all hosts through the database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

from stonechat.core.clock import Clock
from stonechat.core.states import BreakerState
from stonechat.database import Database
from stonechat.database.repositories import breakers
from stonechat.database.repositories.breakers import BreakerRow
from stonechat.resilience.state_machine import Probe, Record


class BreakerStore(Protocol):
    """Shared records. Raises ``Transient`` where it cannot be reached."""

    async def load(self) -> dict[str, Record]:
        """Every record, by name."""

    async def save(self, record: Record, expected: int) -> bool:
        """Store the record where the stored version is ``expected``; say whether it was."""


class DatabaseBreakers:
    """Records in the table ``breakers``; each change of state is appended to the history."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def load(self) -> dict[str, Record]:
        """Every record, by name."""
        async with self._database.read("resilience.load") as connection:
            return {row.name: from_row(row) for row in await breakers.every(connection)}

    async def save(self, record: Record, expected: int) -> bool:
        """Store the record where the stored version is ``expected``; say whether it was."""
        async with self._database.begin("resilience.save") as connection:
            return await breakers.save(
                connection, to_row(record), expected=expected, now=self._clock.now(), who=record.who
            )


def to_row(record: Record) -> BreakerRow:
    """The record as a row: durations in seconds, times in ISO 8601."""
    body: dict[str, Any] = {
        "epoch": record.epoch,
        "wait_s": record.wait.total_seconds(),
        "openings": record.openings,
        "opened_at": record.opened_at.isoformat() if record.opened_at is not None else None,
        "passed": record.passed,
        "who": record.who,
        "probe": None,
    }
    if record.probe is not None:
        body["probe"] = asdict(record.probe) | {"since": record.probe.since.isoformat()}
    return BreakerRow(record.name, record.state.value, record.since, record.version, body, record.why)


def from_row(row: BreakerRow) -> Record:
    """The opposite of :func:`to_row`."""
    probe, opened_at = row.body.get("probe"), row.body.get("opened_at")
    return Record(
        name=row.name,
        state=BreakerState(row.state),
        since=row.since,
        version=row.version,
        epoch=row.body["epoch"],
        wait=timedelta(seconds=row.body["wait_s"]),
        openings=row.body["openings"],
        opened_at=datetime.fromisoformat(opened_at) if opened_at is not None else None,
        passed=row.body["passed"],
        probe=None
        if probe is None
        else Probe(probe["id"], probe["owner"], datetime.fromisoformat(probe["since"])),
        why=row.why,
        who=row.body["who"],
    )
