"""``stonechat upgrade``: what a newer version does to the database; shown first, done after a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stonechat.cli.context import read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken


@spoken
def upgrade(
    check: Annotated[
        bool,
        typer.Option("--check", help="Only show what would be done; exit code 1 where there is something."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this version: shows each migration, writes a backup, then migrates.

    A start migrates as well, without a backup. Stop all of Stonechat before you upgrade.
    """
    from stonechat.cli import storage_reports

    settings = read_stored()
    found, steps = run_async(storage_reports.pending(settings, alone=not check))
    if not as_json:
        empty = f"The database is of this version ({found}): there is nothing to upgrade."
        print_rows(steps, ("revision", "what"), title=f"From {found or 'no schema'} on", empty=empty)
    file: Path | None = None
    if steps and not check:
        if found is not None:
            file = run_async(storage_reports.back_up(settings, None, lambda *_: None)).file
        run_async(storage_reports.migrate(settings))
    if as_json:
        print_json(
            {"found": found, "migrations": steps, "backup": file, "upgraded": bool(steps) and not check}
        )
    elif steps and not check:
        kept = f" What was there before: {file} (`stonechat restore --replace {file}`)." if file else ""
        say(f"Upgraded to {steps[-1].revision}.{kept}")
    if check and steps:
        raise typer.Exit(1)
