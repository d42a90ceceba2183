"""The command ``stonechat``."""

from __future__ import annotations

from typing import Annotated

import typer

from stonechat import __version__
from stonechat.cli import debug

app = typer.Typer(
    name="stonechat",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A social account that runs itself, and says at once when it cannot.",
    epilog="Start with: stonechat demo    then: stonechat doctor    then: stonechat run",
)
app.add_typer(debug.app, name="debug")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stonechat {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A social account that runs itself, and says at once when it cannot."""


def main() -> None:
    """The entry point."""
    app()
