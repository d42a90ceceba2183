"""``stonechat debug``: look at what the machine sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import print_json_lines, say, spoken
from stonechat.core.errors import Permanent

app = typer.Typer(
    no_args_is_help=True,
    help="Look at what Stonechat reads from the network, and at all that is known of a post.",
)


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


@app.command(epilog="Example: stonechat debug bundle 3f2a --log stonechat.log")
@spoken
def bundle(
    content_id: Annotated[str, typer.Argument(help="The post's id, or enough of its beginning.")],
    to: Annotated[Path | None, typer.Option(help="The file; by default post-ID.zip in this folder.")] = None,
    log: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Lines of this log too.")
    ] = None,
) -> None:
    """Everything that is known of one post, in one file: history, tries, figures, alerts, failures."""
    from stonechat.cli import post_bundle
    from stonechat.owner.naming import content_named

    settings = read_stored()

    async def work() -> tuple[str, dict[str, Any]]:
        async with (
            open_for_cli(settings) as (database, _),
            database.read("cli.bundle") as connection,
        ):
            content = await content_named(connection, content_id)
            return content.id, await post_bundle.gather(connection, content)

    found_id, found = run_async(work())
    path = to or Path(f"post-{found_id}.zip")
    try:
        names = post_bundle.write(path, found, found_id, settings.startup.data_dir / "evidence", log)
    except OSError as exc:
        raise Permanent(f"{path} cannot be written ({exc.strerror}).", remedy="Name another file.") from exc
    say(f"{path}: {', '.join(names)}")


def _reader(name: str | None) -> Callable[[Path], Iterable[Mapping[str, object]]]:
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
