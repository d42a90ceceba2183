"""What the storage commands do, over an open database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stonechat.cli.context import make_clock, read_section
from stonechat.cli.output import json_text
from stonechat.config.settings import LearningSettings, RetentionSettings, Settings
from stonechat.core.atomic_file import whole_file
from stonechat.core.errors import ConfigError, ConfigFault, Permanent
from stonechat.database import open_database
from stonechat.database.maintenance import backup
from stonechat.database.maintenance import export as exporting
from stonechat.database.maintenance.active_processes import refuse_company
from stonechat.database.maintenance.backup import BackupReport, RestoreReport
from stonechat.database.maintenance.retention import Pruned, Retention
from stonechat.database.maintenance.snapshot import snapshot
from stonechat.database.maintenance.transfer import Transfer, TransferReport, TransferStep
from stonechat.database.schema.migrations import current, upgrading
from stonechat.database.schema.migrations.upgrading import Migration
from stonechat.database.schema.revisions import refuse_newer
from stonechat.jobs import open_store, runs_url_beside

Tell = Callable[[str, int, int], None]


async def back_up(settings: Settings, file: Path | None, tell: Tell) -> BackupReport:
    """See :func:`stonechat.database.maintenance.backup.back_up`; without ``file`` into the data folder."""
    clock = make_clock(settings)
    folder = settings.startup.data_dir.absolute() / "backups"
    path = file or folder / f"stonechat-{clock.wall():%Y%m%d-%H%M%S}.jsonl.gz"
    _refuse_missing(settings.database_url)
    async with open_database(settings.database_url, settings.database, clock, migrated=False) as database:
        return await backup.back_up(
            database, clock, path.absolute(), progress=lambda table, rows: tell(table, rows, 0)
        )


async def restore(settings: Settings, file: Path, replace: bool, tell: Tell) -> tuple[RestoreReport, int]:
    """See :func:`stonechat.database.maintenance.backup.restore`; with the number of runs that were given up.

    The runs of jobs are not in a backup: what they did was in rows that are no more, so they are forgotten,
    and the schedule goes on from the restored rows.
    """
    clock = make_clock(settings)
    async with open_database(settings.database_url, settings.database, clock, migrated=False) as database:
        report = await backup.restore(
            database,
            clock,
            file.absolute(),
            replace=replace,
            keep_in=settings.startup.data_dir.absolute() / "backups",
            progress=lambda table, rows: tell(table, rows, 0),
        )
    async with open_store(_runs_url(settings)) as store:
        return report, (await store.clear())[0]


async def export(
    settings: Settings, kinds: Sequence[str], to: Path | None, account: str | None
) -> dict[str, int]:
    """Write the lines; returns how many of each table."""
    tables = exporting.chosen(kinds)
    clock = make_clock(settings)
    _refuse_missing(settings.database_url)
    rows: dict[str, int] = {}
    beside = to.absolute().parent if to is not None else settings.startup.data_dir.absolute()
    with _opened(to) as out:
        async with (
            open_database(settings.database_url, settings.database, clock, migrated=False) as database,
            snapshot(database, clock, beside) as connection,
        ):
            async for table, lines in exporting.export(connection, tables, account_id=account):
                rows[table] = rows.get(table, 0) + len(lines)
                out.write("".join(f"{json_text(line)}\n" for line in lines).encode())
        out.flush()
    return rows


async def move(settings: Settings, to: str, again: bool, tell: Tell) -> tuple[TransferReport, float]:
    """See :mod:`stonechat.database.maintenance.transfer`; with the real seconds that it took."""
    if to == settings.database_url:
        raise ConfigError((ConfigFault("--to", "is the database that is in use already"),))
    clock = make_clock(settings)
    _refuse_missing(settings.database_url)
    began = clock.monotonic()

    def told(step: TransferStep) -> None:
        tell(step.table, step.done, step.total)

    async with (
        open_database(settings.database_url, settings.database, clock) as source,
        open_database(to, settings.database, clock, migrated=False) as target,
    ):
        report = await Transfer(source, target, clock, told).run(again=again)
    return report, clock.monotonic() - began


async def pending(settings: Settings, *, alone: bool) -> tuple[str | None, list[Migration]]:
    """The schema's version, and what this Stonechat would do to it at its next start.

    Args:
        alone: nobody may work on the database meanwhile.
    """
    clock = make_clock(settings)
    _refuse_missing(settings.database_url)
    async with (
        open_database(settings.database_url, settings.database, clock, migrated=False) as database,
        database.read("cli.upgrade") as connection,
    ):
        await connection.run_sync(lambda sync: refuse_newer(sync, "The database"))
        if alone:
            await refuse_company(connection, "The database cannot be upgraded")
        found = await connection.run_sync(current)
        return found, await connection.run_sync(upgrading.pending)


async def migrate(settings: Settings) -> None:
    """Bring the schema to the version of this Stonechat."""
    async with open_database(settings.database_url, settings.database, make_clock(settings)):
        return


async def prune(settings: Settings, *, dry_run: bool) -> list[Pruned]:
    """See :mod:`stonechat.database.maintenance.retention`."""
    keep, learning = read_section(RetentionSettings), read_section(LearningSettings)
    clock = make_clock(settings)
    async with open_database(settings.database_url, settings.database, clock) as database:
        retention = Retention(database, clock, keep, maturity=learning.maturity)
        pruned = await (retention.count() if dry_run else retention.prune())
    async with open_store(_runs_url(settings)) as store:
        before = clock.wall() - keep.runs
        runs = await (store.count_ended(before) if dry_run else store.forget(before))
    return [Pruned("runs of jobs and their steps", "KEEP_RUNS", "job engine", runs), *pruned]


def _runs_url(settings: Settings) -> str:
    return settings.jobs.engine_url or runs_url_beside(settings.database_url)


@contextmanager
def _opened(to: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that gets its name when it is complete."""
    if to is None:
        yield sys.stdout.buffer
        return
    with whole_file(to.absolute()) as (file, _):
        yield file


def _refuse_missing(url: str) -> None:
    """Reading makes no database where there is none."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:") and not path.exists():
        raise Permanent(
            f"There is no database at {path}.",
            meaning="Nothing was read.",
            remedy="Check DATABASE_URL and DATA_DIR, or start Stonechat once.",
        )
