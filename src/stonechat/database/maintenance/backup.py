"""Backups: taken while work goes on, and read back before they count; restored as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat import __version__
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.database.connection.database import Database
from stonechat.database.maintenance import backup_file, restore_reconciliation, row_codec
from stonechat.database.maintenance.active_processes import refuse_company
from stonechat.database.maintenance.backup_file import Contents, Head
from stonechat.database.maintenance.restore_reconciliation import Doubts
from stonechat.database.maintenance.row_codec import RowTally
from stonechat.database.maintenance.row_loader import Loader, set_sequences
from stonechat.database.maintenance.snapshot import snapshot
from stonechat.database.schema.migrations import NEWEST, current
from stonechat.database.schema.migrations.upgrading import is_known, upgrade
from stonechat.database.schema.revisions import (
    drop_everything,
    have_alone,
    refuse_newer,
)
from stonechat.database.schema.tables import state_history

Progress = Callable[[str, int], None]
"""Told of the table at hand and how many of its rows are done."""


@dataclass(frozen=True, slots=True)
class TableCheck:
    """A table as it was copied and as it was read back; the same, or an error was raised."""

    table: str
    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was written and read back. ``sha256`` is of the file."""

    file: Path
    bytes: int
    sha256: str
    made_at: datetime
    schema: str
    rows: int
    tables: tuple[TableCheck, ...]


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A database that was filled from a backup and read back.

    Attributes:
        kept: the backup that was made of what was there before.
        schema: the version that the backup had; the database is of the newest now.
        doubts: what may have gone out since the backup was made, and is looked up before anything is sent.
    """

    file: Path
    made_at: datetime
    schema: str
    rows: int
    tables: tuple[TableCheck, ...]
    kept: BackupReport | None
    doubts: Doubts


async def back_up(
    database: Database, clock: Clock, path: Path, *, progress: Progress | None = None
) -> BackupReport:
    """Write a backup to ``path``, and read it back; other processes go on with their work meanwhile.

    Raises:
        Permanent: a file of that name is there, the database holds nothing of ours, or is of a newer schema.
        Transient: the database is away, or the disk is full.
    """
    with backup_file.writing(path) as writer:
        async with snapshot(database, clock, path.parent) as connection:
            head = await _head(connection, database, clock.wall())
            writer.begin(head)
            written = {}
            for shape in head.shapes:
                done = 0
                async for part in row_codec.batches(connection, shape):
                    writer.rows([shape.line(row) for row in part])
                    done += len(part)
                    if progress is not None:
                        progress(shape.name, done)
                written[shape.name] = writer.end_table(shape.name)
        writer.end()
        contents = backup_file.read_through(writer.path, called=path)
        checks = _compare(written, contents.tallies, "the database", "the backup that was read back")
    rows = sum(check.rows for check in checks)
    return BackupReport(path, contents.bytes, contents.sha256, head.made_at, head.schema, rows, checks)


async def restore(
    database: Database,
    clock: Clock,
    path: Path,
    *,
    replace: bool = False,
    keep_in: Path | None = None,
    progress: Progress | None = None,
) -> RestoreReport:
    """Fill the database from a backup, in one transaction: it is all there in the end, or nothing changed.

    The file is read through before anything is touched, the tables are read back before anything is
    committed; ``restore_reconciliation`` marks as unclear what may have been published since the backup.

    Args:
        replace: the database may hold something, which is lost; a backup of it is made first.
        keep_in: the folder for that.

    Raises:
        NotABackup: the file is damaged.
        Permanent: the database is not empty, processes work on it, or the backup is of a newer schema.
        Transient: the database is away.
    """
    # The whole file is verified before anything is touched: a damaged backup must not cost a database.
    contents = backup_file.read_through(path)
    head = contents.head
    if not is_known(head.schema):
        raise Permanent(
            f"{path} is of a schema ({head.schema}) that is newer than this Stonechat's ({NEWEST}).",
            meaning="Nothing was changed.",
            remedy="Update Stonechat, and restore again.",
        )
    filled = await _present(database, replace=replace)
    kept = None
    if filled and keep_in is not None:
        name = f"before-restore-{clock.wall():%Y%m%d-%H%M%S}.jsonl.gz"
        kept = await back_up(database, clock, keep_in / name)
    async with database.begin("database.restore") as connection:
        await have_alone(connection)
        await refuse_company(connection, "The database cannot be restored")
        # History numbers must not repeat: whoever remembers one from before the restore would be misled.
        last_line = await _last_line(connection) if filled else 0
        await connection.run_sync(drop_everything)
        # Rows fit the schema they were saved from; they are migrated together with it afterwards.
        await connection.run_sync(upgrade, head.schema)
        await _fill(connection, path, progress)
        # Inside the transaction, so that a difference rolls everything back.
        checks = await _read_back(connection, contents)
        await connection.run_sync(upgrade)
        await _remember(connection, head, at=clock.wall(), after=last_line)
        doubts = await restore_reconciliation.settle(
            connection, since=head.made_at, now=clock.now(), wall=clock.wall()
        )
    rows = sum(check.rows for check in checks)
    return RestoreReport(path, head.made_at, head.schema, rows, checks, kept, doubts)


async def _present(database: Database, *, replace: bool) -> dict[str, int]:
    """What the database to be filled holds; raises ``Permanent`` where it must not be filled."""
    async with database.read("database.look") as connection:
        await connection.run_sync(refuse_newer, "The database")
        await refuse_company(connection, "The database cannot be restored")
        filled = await holds(connection)
    if filled and not replace:
        raise Permanent(
            f"The database is not empty: {_listed(filled)}.",
            meaning="Nothing was changed.",
            remedy="Restore into an empty one, or say --replace: a copy of what is there is kept first.",
        )
    return filled


async def holds(connection: AsyncConnection) -> dict[str, int]:
    """Our tables that hold anything, with how many rows."""
    found = {}
    for shape in await connection.run_sync(row_codec.shapes):
        count = sa.select(sa.func.count()).select_from(shape.table)
        rows = int((await connection.execute(count)).scalar_one())
        if rows:
            found[shape.name] = rows
    return found


async def _head(connection: AsyncConnection, database: Database, made_at: datetime) -> Head:
    await connection.run_sync(refuse_newer, "The database")
    schema = await connection.run_sync(current)
    if schema is None:
        raise Permanent(
            f"There is nothing of Stonechat's in {database.url}.",
            meaning="No backup was made.",
            remedy="Check DATABASE_URL, and DATA_DIR; `stonechat run` makes the tables.",
        )
    shapes = tuple(await connection.run_sync(row_codec.shapes))
    return Head(made_at, __version__, schema, database.dialect, shapes)


async def _fill(connection: AsyncConnection, path: Path, progress: Progress | None) -> None:
    loader: Loader | None = None
    done = 0
    for shape, lines in backup_file.read_rows(path):
        if loader is None or loader.shape.name != shape.name:
            loader = await Loader.open(connection, shape)
            done = 0
        await loader.put([shape.row(line) for line in lines])
        done += len(lines)
        if progress is not None:
            progress(shape.name, done)


async def _last_line(connection: AsyncConnection) -> int:
    """The largest number that the history has given out."""
    return int((await connection.execute(sa.select(sa.func.max(state_history.c.id)))).scalar_one() or 0)


async def _remember(connection: AsyncConnection, head: Head, *, at: datetime, after: int) -> None:
    """Say in the history that it was taken back; its numbers go on growing from where they were."""
    line = sa.insert(state_history).values(
        id=max(after, await _last_line(connection)) + 1,
        kind="database",
        entity_id="restore",
        account_id=None,
        at=at,
        who="stonechat restore",
        before="as it was",
        after="restored",
        why=f"from a backup of {head.made_at:%Y-%m-%d %H:%M} UTC, made by {head.stonechat}",
    )
    await connection.execute(line)
    await connection.run_sync(set_sequences)


async def _read_back(connection: AsyncConnection, contents: Contents) -> tuple[TableCheck, ...]:
    found = {shape.name: await row_codec.tally(connection, shape) for shape in contents.head.shapes}
    return _compare(contents.tallies, found, "the backup", "the database that was read back")


def _compare(
    ours: Mapping[str, RowTally], theirs: Mapping[str, RowTally], one: str, other: str
) -> tuple[TableCheck, ...]:
    """Every table, the same in both.

    Raises:
        Permanent: it is not.
    """
    for name, tally in ours.items():
        if tally != theirs.get(name):
            there = theirs.get(name, RowTally())
            raise Permanent(
                f"The table {name} differs: {tally.rows} rows with checksum {tally.checksum[:16]}… in {one}, "
                f"{there.rows} with {there.checksum[:16]}… in {other}.",
                meaning="It was undone: nothing was changed, and no file was left.",
                remedy="Do it again; if it fails the same way, the disk or the memory of this machine is "
                "at fault, or this is a bug of ours.",
            )
    return tuple(TableCheck(name, tally.rows, tally.checksum) for name, tally in ours.items())


def _listed(filled: Mapping[str, int]) -> str:
    most = sorted(filled.items(), key=lambda pair: -pair[1])[:4]
    more = len(filled) - len(most)
    named = ", ".join(f"{rows} rows in {name}" for name, rows in most)
    return f"{named} and {more} more tables" if more > 0 else named
