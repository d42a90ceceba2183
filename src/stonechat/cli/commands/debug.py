"""``stonechat debug``: look at what the machine sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stonechat.cli.output import print_json_lines, spoken

app = typer.Typer(no_args_is_help=True, help="Look at what Stonechat reads from the network.")


@app.command(epilog="Example: stonechat debug parse search-answer.json | head -3")
@spoken
def parse(
    file: Annotated[Path, typer.Argument(help="A recorded wire answer (JSON) or a saved page (HTML).")],
) -> None:
    """Print every post in a recorded answer or saved page, one JSON object a line; unknown is null."""
    from stonechat.networks.x_web.recordings import as_row, parse_file

    print_json_lines(as_row(post) for post in parse_file(file))
