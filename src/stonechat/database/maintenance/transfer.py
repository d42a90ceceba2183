"""Copies a database to another one, on either engine: in batches, resumed after any crash.

Each batch and the note of how far it reaches are committed together in the target, so a kill at any moment
loses nothing and doubles nothing: the same command goes on behind the last row that arrived. In the end both
sides are read from their first to their last row and compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.database.connection.database import Database
from stonechat.database.maintenance import row_codec
from stonechat.database.maintenance.active_processes import refuse_company
from stonechat.database.maintenance.backup import TableCheck, holds
from stonechat.database.maintenance.row_codec import RowTally, Shape
from stonechat.database.maintenance.row_loader import Loader, set_sequences
from stonechat.database.repositories import audit
from stonechat.database.repositories.audit import AuditRow
from stonechat.database.schema.migrations.upgrading import upgrade
from stonechat.database.schema.revisions import (
    drop_everything,
    have_alone,
    refuse_newer,
    unhurried,
)

BATCH = 1000
"""Rows that are committed together."""

ACTION = "database.move"
"""What a finished move is called in the target's audit trail."""

progress_table = sa.Table(
    "stonechat_move",
    sa.MetaData(),
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("last_key", sa.Text, nullable=False),  # JSON; of the last row that arrived
    sa.Column("arrived", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("altered", sa.Integer, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
)
"""In the target while a move is under way: how far each table is. Gone when it is done."""


@dataclass(frozen=True, slots=True)
class TransferStep:
    """How far a move is: rows of ``table`` that arrived, and rows of all tables out of ``total``."""

    table: str
    arrived: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TransferReport:
    """A move that is complete; every table was compared.

    Attributes:
        resumed: rows that had arrived before, by a move that was cut off.
        altered: values that the target cannot keep (NUL and half characters on PostgreSQL), replaced.
    """

    source: str
    target: str
    rows: int
    resumed: int
    altered: int
    tables: tuple[TableCheck, ...]


@dataclass(frozen=True, slots=True)
class _Done:
    last_key: tuple[Any, ...] | None
    arrived: int
    altered: int
    complete: bool


class Transfer:
    """From ``source`` to ``target``. Nobody may work on either meanwhile.

    Args:
        told: hears after each batch.
        batch: rows that are committed together.
    """

    def __init__(
        self,
        source: Database,
        target: Database,
        clock: Clock,
        told: Callable[[TransferStep], None] | None = None,
        *,
        batch: int = BATCH,
    ) -> None:
        self._source = source
        self._target = target
        self._clock = clock
        self._told = told or (lambda _step: None)
        self._batch = batch
        self._shapes = row_codec.current_shapes()
        self._rows = 0
        self._total = 0

    async def run(self, *, again: bool = False) -> TransferReport:
        """Begin, or go on where a move of the same source was cut off.

        Args:
            again: forget what an unfinished move brought, and begin at the first row.

        Raises:
            Permanent: the target is not empty, a process works on either side, a value does not fit, or the
                two sides differ in the end.
            Transient: either side is away; the same command goes on later.
        """
        await self._look_at_source()
        known = await self._prepare_target(again=again)
        resumed = sum(done.arrived for done in known.values())
        self._rows = resumed
        for shape in self._shapes:
            await self._bring(shape, known.get(shape.name))
        checks, altered = await self._compare()
        await self._finish(sum(check.rows for check in checks))
        return TransferReport(
            self._source.url,
            self._target.url,
            sum(check.rows for check in checks),
            resumed,
            altered,
            checks,
        )

    async def _look_at_source(self) -> None:
        async with self._source.read("move.source") as connection:
            await unhurried(connection)
            await refuse_company(connection, "The database cannot be moved")
            filled = await holds(connection)
        self._total = sum(filled.values())
        if not filled:
            raise Permanent(
                f"There is nothing of Stonechat's in {self._source.url}.",
                meaning="Nothing was moved.",
                remedy="Check DATABASE_URL, and DATA_DIR.",
            )

    async def _prepare_target(self, *, again: bool) -> dict[str, _Done]:
        """How far each table is; an empty target gets its tables, another one is refused."""
        async with self._target.begin("move.target") as connection:
            await have_alone(connection)
            await connection.run_sync(refuse_newer, "The target")
            await refuse_company(connection, "Nothing can be moved to the target")
            begun = await connection.run_sync(lambda sync: sa.inspect(sync).has_table(progress_table.name))
            filled = await holds(connection)
            if filled and not begun:
                await self._refuse_filled(connection, filled)
            if begun:
                await self._refuse_other(connection)
            if begun and again:
                await connection.run_sync(progress_table.drop)
                await connection.run_sync(drop_everything)
                begun = False
            await connection.run_sync(upgrade)
            if not begun:
                await connection.run_sync(progress_table.create)
            return await _progress(connection)

    async def _refuse_filled(self, connection: AsyncConnection, filled: dict[str, int]) -> None:
        trail = await audit.newest(connection) if "audit" in filled else []
        moved = next((row for row in trail if row.action == ACTION), None)
        before = f" A move to it was completed at {moved.at:%Y-%m-%d %H:%M} UTC." if moved else ""
        largest = max(filled, key=lambda name: filled[name])
        raise Permanent(
            f"The target is not empty: {filled[largest]} rows in {largest}.{before}",
            meaning="Nothing was moved, and nothing in it was touched.",
            remedy="Name an empty database; if Stonechat works on this one by now, set DATABASE_URL to it.",
        )

    async def _refuse_other(self, connection: AsyncConnection) -> None:
        query = sa.select(progress_table.c.source).where(progress_table.c.source != self._source.url).limit(1)
        other = (await connection.execute(query)).scalar_one_or_none()
        if other is not None:
            raise Permanent(
                f"The target holds an unfinished move from {other}.",
                meaning="Nothing was moved.",
                remedy="Finish that one, or name an empty database.",
            )

    async def _bring(self, shape: Shape, before: _Done | None) -> None:
        """One table, batch by batch, each in a transaction of its own."""
        at = before or _Done(None, 0, 0, False)
        known = before is not None
        while not at.complete:
            async with self._source.read("move.read") as connection:
                rows = (await connection.execute(_next(shape, at.last_key, self._size(shape)))).all()
            async with self._target.begin("move.write") as connection:
                # Rows and the note of how far they reach are committed together: so a move can resume.
                at = await self._put(connection, shape, at, rows, known=known)
            known = True
            self._rows += len(rows)
            self._told(TransferStep(shape.name, at.arrived, self._rows, self._total))

    def _size(self, shape: Shape) -> int:
        return min(self._batch, shape.batch)

    async def _put(
        self, connection: AsyncConnection, shape: Shape, at: _Done, rows: Sequence[Any], *, known: bool
    ) -> _Done:
        loader = await Loader.open(connection, shape)
        fitted = [loader.fitted(row) for row in rows]
        after = _Done(
            tuple(shape.keyed(rows[-1])) if rows else at.last_key,
            at.arrived + len(rows),
            at.altered + loader.altered,
            complete=len(rows) < self._size(shape),
        )
        await self._note(connection, shape, at, after, known=known)  # first: another move is found out here
        await loader.put(fitted)
        return after

    async def _note(
        self, connection: AsyncConnection, shape: Shape, at: _Done, after: _Done, *, known: bool
    ) -> None:
        values = {
            "last_key": json.dumps(after.last_key),
            "arrived": after.arrived,
            "altered": after.altered,
            "complete": after.complete,
        }
        if not known:
            made = sa.insert(progress_table).values(name=shape.name, source=self._source.url, **values)
            try:
                await connection.execute(made)
            except IntegrityError as exc:
                raise _other_move() from exc
            return
        mine = (progress_table.c.name == shape.name) & (progress_table.c.arrived == at.arrived)
        noted = await connection.execute(sa.update(progress_table).where(mine).values(**values))
        if noted.rowcount != 1:
            raise _other_move()

    async def _compare(self) -> tuple[tuple[TableCheck, ...], int]:
        """Read both sides from the first to the last row."""
        checks, different = [], []
        async with (
            self._source.read("move.compare") as ours,
            self._target.begin("move.compare") as theirs,
        ):
            await unhurried(ours)
            await unhurried(theirs)
            for shape in self._shapes:
                loader = await Loader.open(theirs, shape)
                sent = RowTally()
                async for part in row_codec.batches(ours, shape):
                    for row in part:
                        sent.add(shape.line(loader.fitted(row)))
                there = await row_codec.tally(theirs, shape)
                if sent != there:
                    different.append(f"{shape.name} ({sent.rows} rows here, {there.rows} there)")
                checks.append(TableCheck(shape.name, sent.rows, sent.checksum))
            query = sa.select(sa.func.sum(progress_table.c.altered))
            altered = int((await theirs.execute(query)).scalar_one() or 0)
        if different:
            raise Permanent(
                f"The two sides differ in {', '.join(different)}.",
                meaning="The move is not complete; where it came from, nothing was changed. Most likely the "
                "source was written to between two parts of the move.",
                remedy="Stop whatever works on the source, and move with --again.",
            )
        return tuple(checks), altered

    async def _finish(self, rows: int) -> None:
        async with self._target.begin("move.finish") as connection:
            await unhurried(connection)
            await connection.run_sync(set_sequences)
            line = AuditRow(
                self._clock.now(), "stonechat db move", ACTION, why=f"{rows} rows from {self._source.url}"
            )
            await audit.append(connection, line)
            await connection.run_sync(progress_table.drop)


def _other_move() -> Permanent:
    return Permanent("Another move works on the same target.", meaning="This one stops.")


async def _progress(connection: AsyncConnection) -> dict[str, _Done]:
    found = {}
    for row in await connection.execute(sa.select(progress_table)):
        key = json.loads(row.last_key)
        last = tuple(key) if key is not None else None
        found[row.name] = _Done(last, row.arrived, row.altered, bool(row.complete))
    return found


def _next(shape: Shape, last: tuple[Any, ...] | None, batch: int) -> sa.Select[Any]:
    """The next batch in the order of the key, as the source itself sorts it."""
    columns = [shape.table.c[name] for name in shape.key]
    query = sa.select(shape.table).order_by(*columns).limit(batch)
    if last is None:
        return query
    if len(columns) == 1:
        return query.where(columns[0] > last[0])
    return query.where(sa.tuple_(*columns) > sa.tuple_(*last))
