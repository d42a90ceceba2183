"""Commands about what is stored: backup, restore, export, and under ``db`` move and prune."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.context import read_stored, run_async
from stonechat.cli.output import AsJson, err, print_json, print_rows, say, spoken
from stonechat.core.errors import ConfigError, ConfigFault

if TYPE_CHECKING:
    from stonechat.database.maintenance.backup import TableCheck

db_app = typer.Typer(
    no_args_is_help=True, help="Move the database, and forget what is older than the policy."
)

Tell = Callable[[str, int, int], None]
"""Told what is at hand, how much of it is done, and of how much (0 where nobody knows)."""


@spoken
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to; by default a file with the time in its name, in DATA_DIR/backups."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write everything that is stored to one file, while Stonechat goes on working; then read it back."""
    from stonechat.cli import storage_reports

    with _progress("backup", as_json=as_json) as tell:
        report = run_async(storage_reports.back_up(read_stored(), file, tell))
    if as_json:
        print_json(report)
        return
    _print_checks(report.tables, "Read back and compared")
    say(f"{report.rows} rows in {report.file} ({report.bytes} bytes, SHA-256 {report.sha256})")
    say("Not in it: files in DATA_DIR (the key to saved sessions, evidence, spool), the job engine's notes.")


@spoken
def restore(
    file: Annotated[Path, typer.Argument(help="What `stonechat backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="The database may hold something: a backup of it is kept first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fill the database from a backup: all of it, or nothing changes. Stop all of Stonechat first."""
    from stonechat.cli import storage_reports

    with _progress("restore", as_json=as_json) as tell:
        report, given_up = run_async(storage_reports.restore(read_stored(), file, replace, tell))
    if as_json:
        print_json(report)
        return
    _print_checks(report.tables, "Read back and compared")
    if report.kept is not None:
        say(f"What was there before is kept in {report.kept.file}")
    say(f"{report.rows} rows restored as they were on {report.made_at:%Y-%m-%d %H:%M} UTC.")
    doubts = report.doubts
    say(
        f"What may have happened since: {doubts.posts} posts are looked up on the network before anything is "
        f"sent, {doubts.approvals} late approvals missed, {doubts.reserve} drafts of the reserve discarded, "
        f"{doubts.opportunities} reply opportunities closed, {given_up} runs given up."
    )


@spoken
def export(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            help="Kinds of data or names of tables, such as content, history, rewards; all of them."
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="A file; standard output without it.")] = None,
    account: Annotated[str | None, typer.Option(help="Rows of this account alone.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --to: print how many rows of each table, as JSON.")
    ] = False,
) -> None:
    """Print the data as JSON Lines: {"table": …, "row": {…}}, times in ISO 8601 with offset, no secrets."""
    from stonechat.cli import storage_reports

    try:
        rows = run_async(storage_reports.export(read_stored(), kinds or (), to, account))
    except BrokenPipeError:  # `stonechat export | head`: whoever read has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if to is None:
        return
    if as_json:
        print_json({"file": to, "tables": rows})
        return
    print_rows(
        [{"table": table, "rows": number} for table, number in rows.items()],
        ["table", "rows"],
        title=f"Written to {to}",
        empty="Nothing is stored.",
    )


@db_app.command(
    "move",
    epilog="Example: MOVE_TO=postgresql://user:password@host:5432/stonechat stonechat db move",
)
@spoken
def move(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="MOVE_TO",
            help="The database to move to; it must be empty. A password: in MOVE_TO.",
        ),
    ],
    again: Annotated[
        bool, typer.Option("--again", help="Forget what an unfinished move brought, and begin anew.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy everything to another database and compare both. Cut off, the same command goes on from there."""
    from stonechat.cli import storage_reports

    target = _address(to)
    with _progress("move", as_json=as_json) as tell:
        report, seconds = run_async(storage_reports.move(read_stored(), target, again, tell))
    rate = (report.rows - report.resumed) / seconds if seconds else 0.0
    if as_json:
        print_json({**asdict(report), "seconds": round(seconds, 2), "rows_per_second": round(rate)})
        return
    _print_checks(report.tables, "Compared on both sides")
    resumed = f" ({report.resumed} of them had arrived before)" if report.resumed else ""
    say(f"{report.rows} rows moved{resumed} in {seconds:.1f} s, {rate:.0f} rows a second.")
    if report.altered:
        say(f"{report.altered} values held NUL or half characters, which the target cannot keep: replaced.")
    say(f"Now set DATABASE_URL to {report.target} (with its password) and start Stonechat.")


@db_app.command(
    "prune",
    epilog="Example: stonechat db prune --dry-run        KEEP_RUNS=7d stonechat db prune --json",
)
@spoken
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget what is older than the settings KEEP_… say; a running Stonechat does so every night itself."""
    from stonechat.cli import storage_reports

    pruned = run_async(storage_reports.prune(read_stored(), dry_run=dry_run))
    if as_json:
        print_json({"dry_run": dry_run, "rows": sum(one.rows for one in pruned), "families": pruned})
        return
    rows = [{**asdict(one), "longest_ms": one.longest / timedelta(milliseconds=1)} for one in pruned]
    columns = ["family", "policy", "rows", *(() if dry_run else ("batches", "longest_ms"))]
    title = "Would go" if dry_run else "Gone"
    print_rows(rows, columns, title=title, empty="Nothing is kept for a time only.")
    say(
        "Content with the descriptions of its pictures, receipts and history of posts, the reward log and "
        "the models are kept for ever."
    )


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    panel = "Keep"
    app.command(
        "backup", rich_help_panel=panel, epilog="Example: stonechat backup /mnt/safe/monday.jsonl.gz"
    )(backup)
    app.command(
        "restore", rich_help_panel=panel, epilog="Example: stonechat restore --replace monday.jsonl.gz"
    )(restore)
    app.command(
        "export", rich_help_panel=panel, epilog="Example: stonechat export content history --to posts.jsonl"
    )(export)
    app.add_typer(db_app, name="db", rich_help_panel=panel)


def _print_checks(checks: Sequence[TableCheck], title: str) -> None:
    rows = [{"table": one.table, "rows": one.rows, "checksum": f"{one.checksum[:16]}…"} for one in checks]
    print_rows(rows, ["table", "rows", "checksum"], title=title, empty="There are no tables.")


def _address(to: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from stonechat.config.fields import DatabaseUrl

    try:
        return TypeAdapter(DatabaseUrl).validate_python(to)
    except ValidationError as exc:
        reason = str(exc.errors()[0]["msg"]).removeprefix("Value error, ")
        expected = "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"
        raise ConfigError((ConfigFault("--to", reason, expected),)) from exc


@contextmanager
def _progress(what: str, *, as_json: bool) -> Iterator[Tell]:
    """A bar on standard error, where that is a terminal; a line for each table where it is not."""
    console = err()
    if not console.is_terminal:
        last = ""

        def line(table: str, _done: int, _total: int) -> None:
            nonlocal last
            if table != last and not as_json:
                last = table
                console.print(f"{what}: {table}", markup=False)

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def move_on(table: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what}: {table}", completed=done, total=total or None)

        yield move_on
