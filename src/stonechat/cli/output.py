"""How commands speak: tables for people, JSON with ``--json``, and errors that say what to do.

Everything that commands print goes through here, so that no text from outside can steer the terminal: escape
sequences (ESC, C1) and marks that turn the direction of reading are shown, not obeyed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from stonechat.core.errors import ConfigError, StonechatError
from stonechat.core.json_values import plain

P = ParamSpec("P")
R = TypeVar("R")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What moves the cursor, changes the terminal, turns the direction of reading, or is half a character."""

NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no word of a command holds: control characters, and bytes that are not UTF-8."""


def visible(text: str) -> str:
    """The text with what would steer the terminal shown as ``\\x1b``; line ends and tabs stay."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def json_text(text: str) -> str:
    """JSON with the same characters escaped as JSON does: it means the same as before."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Visible:
    """What is printed, made :func:`visible`; what rich itself says to the terminal stays."""

    def __init__(self, printed: ConsoleRenderable) -> None:
        self._printed = printed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._printed, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _MakesVisible(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Visible(one) for one in renderables]


def out() -> Console:
    """Standard output."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    console.push_render_hook(_MakesVisible())
    return console


def say(text: str) -> None:
    """One line on standard output, as it is: nothing in it is markup."""
    out().print(Text(text))


def print_text(text: str) -> None:
    """A whole text on standard output, to be read by people or to be kept as a file."""
    typer.echo(visible(text), nl=not text.endswith("\n"))


def note(text: str) -> None:
    """One line on standard error, beside the answer."""
    err().print(Text(text))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json_text(json.dumps(plain(value), indent=2, ensure_ascii=False)))


def print_json_lines(values: Iterable[Any]) -> None:
    """One JSON object a line on standard output."""
    for value in values:
        typer.echo(json_text(json.dumps(plain(value), ensure_ascii=False)))


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
