"""The content commands as one application, as the main command mounts them."""

from __future__ import annotations

import typer

from stonechat.cli.commands import content, init

app = typer.Typer()
app.add_typer(content.queue_app, name="queue")
app.add_typer(content.reserve_app, name="reserve")
app.command("write")(content.write)
app.command("init")(init.init)

if __name__ == "__main__":
    app()
