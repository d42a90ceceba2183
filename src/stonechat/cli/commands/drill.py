"""``stonechat drill``: real faults, done to a private copy on a local network."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stonechat.cli.context import run_async
from stonechat.cli.output import AsJson, note, print_json, print_rows, say, spoken
from stonechat.core.errors import InvalidInput

app = typer.Typer(
    no_args_is_help=True,
    help="Real faults on a private copy: what is detected, told and recovered, and whether anything is lost.",
)


class DrillDatabase(StrEnum):
    """On what the private copy keeps its rows."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


_COLUMNS = ("name", "detected", "told", "root", "recovered", "lost", "doubled", "passed")


@app.command("list", epilog="Example: stonechat drill list")
@spoken
def list_drills(as_json: AsJson = False) -> None:
    """Every drill: the fault, the part that must be named, how long it lasts, what it needs installed."""
    from stonechat.cli.demonstration.drill_faults import DRILLS

    rows = [
        {"name": one.name, "fault": one.title, "root": one.root, "seconds": one.lasts, "needs": one.needs}
        for one in DRILLS.values()
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("name", "fault", "root", "seconds", "needs"), title="Drills", empty="None.")


@app.command(epilog="Example: stonechat drill run browser-killed file-locked")
@spoken
def run(
    names: Annotated[list[str], typer.Argument(help="Drills by name, or all.")],
    database: Annotated[
        DrillDatabase, typer.Option(help="What the copy uses, where the drill does not need one of them.")
    ] = DrillDatabase.SQLITE,
    keep: Annotated[Path | None, typer.Option(help="A folder for the logs of the copies.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run drills one after the other; a few minutes each. The exit code is 0 only if every one passed."""
    from stonechat.cli.demonstration.drill_faults import DRILLS
    from stonechat.cli.demonstration.drill_run import run_drill

    chosen = list(DRILLS) if names == ["all"] else names
    unknown = [name for name in chosen if name not in DRILLS]
    if unknown:
        raise InvalidInput(
            f"There is no drill {unknown[0][:40]!r}.",
            meaning="Nothing was started.",
            remedy="`stonechat drill list` lists them.",
        )
    results = []
    for name in chosen:
        note(f"{name}: {DRILLS[name].title}, for {DRILLS[name].lasts:g} s …")
        results.append(run_async(run_drill(DRILLS[name], database.value, keep=keep)))
    if as_json:
        print_json([asdict(one) for one in results])
    else:
        print_rows(results, _COLUMNS, title="Drills (real seconds)", empty="None was run.")
        for one in results:
            if not one.passed:
                said = one.why or "; ".join(one.messages) or "nothing was told"
                say(f"{one.name} on {one.database}: {said}")
    if not all(one.passed for one in results):
        raise typer.Exit(1)
