"""The content commands as one application, as the main command mounts them."""

from __future__ import annotations

import typer

from stonechat.cli import content_commands

app = typer.Typer()
app.add_typer(content_commands.queue_app, name="queue")
app.add_typer(content_commands.reserve_app, name="reserve")
app.command("write")(content_commands.write)
app.command("init")(content_commands.init)

if __name__ == "__main__":
    app()
