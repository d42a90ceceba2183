"""``stonechat debug``: look at what the machine sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from stonechat.cli.output import print_json_lines, spoken

app = typer.Typer(no_args_is_help=True, help="Look at what Stonechat reads from the network.")


@app.command(epilog="Example: stonechat debug parse search-answer.json | head -3")
@spoken
def parse(
    file: Annotated[Path, typer.Argument(help="A recorded wire answer (JSON) or a saved page (HTML).")],
    network: Annotated[
        str | None, typer.Option(help="Which network's it is; not needed where one has such.")
    ] = None,
) -> None:
    """Print every post in a recorded answer or saved page, one JSON object a line; unknown is null."""
    print_json_lines(_reader(network)(file))


def _reader(name: str | None) -> Callable[[Path], Iterable[Mapping[str, object]]]:
    from stonechat.core.errors import Permanent
    from stonechat.networks.registry import installed

    registry = installed()
    wanted = [registry[name]] if name else registry.plugins.values()
    readers = [one.read_recording for one in wanted if one.read_recording is not None]
    if len(readers) != 1:
        raise Permanent(
            f"{len(readers)} networks have recordings that can be read.",
            remedy=f"Name one with --network. Installed: {', '.join(registry.plugins) or 'none'}.",
        )
    return readers[0]
