"""How commands speak: tables for people, JSON with ``--json``, and errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stonechat.core.errors import ConfigError, StonechatError
from stonechat.core.json_values import plain

P = ParamSpec("P")
R = TypeVar("R")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def out() -> Console:
    """Standard output."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line on standard output, as it is: nothing in it is markup."""
    out().print(Text(text))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_rows(rows: Sequence[Any], columns: Sequence[str], *, title: str, empty: str) -> None:
    """A table with one row for each of ``rows`` (mappings or dataclasses)."""
    console = out()
    if not rows:
        console.print(Text(empty, style="dim"))
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        values = plain(row)
        table.add_row(*[Text(_cell(values.get(column))) for column in columns])  # as is: no markup
    console.print(table)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and len(value) > 19 and value[10:11] == "T" and value[4:5] == "-":
        return value[:16].replace("T", " ")
    return str(value)


def explain(error: StonechatError) -> None:
    """Print what happened, what it means and what to do."""
    console = err()
    console.print(Text(error.what, style="bold red"))
    if isinstance(error, ConfigError):
        for fault in error.faults:
            line = Text("  ")
            line.append(fault.name, style="bold")
            line.append(f" {fault.problem}.")
            if fault.expected:
                line.append(f" Expected: {fault.expected}.")
            if fault.nearest:
                line.append(f" Did you mean {fault.nearest}?", style="yellow")
            console.print(line)
    if error.meaning:
        console.print(Text(error.meaning))
    if error.remedy:
        console.print(Text(f"What to do: {error.remedy}", style="green"))


def spoken(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into sentences and exit codes: 78 for settings, 1 otherwise."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except StonechatError as error:
            explain(error)
            raise typer.Exit(getattr(error, "exit_code", 1)) from error

    return wrapped
