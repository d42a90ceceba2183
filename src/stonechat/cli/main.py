"""The command ``stonechat``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stonechat import __version__
from stonechat.cli.commands import (
    accounts,
    browser,
    connect,
    content,
    debug,
    desk,
    drill,
    init,
    jobs,
    learn_choices,
    live,
    login,
    monitoring,
    operations,
    pause,
    reading,
    status,
    storage,
    tokens,
    upgrade,
)
from stonechat.cli.context import run_async
from stonechat.cli.output import NO_TEXT, AsJson, explain, say, spoken
from stonechat.core.errors import InvalidInput
from stonechat.core.redaction import is_address_with_password

app = typer.Typer(
    name="stonechat",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A social account that runs itself, and says at once when it cannot.",
    epilog="Start with: stonechat demo    then: stonechat doctor    then: stonechat run",
)
app.add_typer(debug.app, name="debug", rich_help_panel="Look")
app.add_typer(monitoring.app, name="monitoring", rich_help_panel="Look")
app.add_typer(drill.app, name="drill", rich_help_panel="Look")
status.register(app)
operations.register(app)
browser.register(app)
app.add_typer(accounts.accounts_app, name="accounts", rich_help_panel="Look")
app.add_typer(jobs.jobs_app, name="jobs", rich_help_panel="Look")
app.add_typer(learn_choices.learn_app, name="learn", rich_help_panel="Look")
reading.register(app)
storage.register(app)
app.command("upgrade", rich_help_panel="Keep", epilog="Example: stonechat upgrade --check")(upgrade.upgrade)
pause.register(app)
desk.register(app)
app.add_typer(tokens.tokens_app, name="tokens", rich_help_panel="Run")
app.command("mcp", rich_help_panel="Run", epilog="Example: STONECHAT_TOKEN=sct_… stonechat mcp")(tokens.mcp)
app.add_typer(content.queue_app, name="queue", rich_help_panel="Decide")
app.add_typer(content.reserve_app, name="reserve", rich_help_panel="Decide")
app.command("write", rich_help_panel="Decide")(content.write)
app.command("rehearsals", rich_help_panel="Look")(content.rehearsals)
app.command("init", rich_help_panel="Run")(init.init)
app.command("live", rich_help_panel="Run", epilog="Example: stonechat live --check")(live.live)
app.command("login", rich_help_panel="Run", epilog="Example: stonechat login --account quietbuilder")(
    login.login
)
app.command("connect", rich_help_panel="Run", epilog=connect.EXAMPLE)(connect.connect)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"stonechat {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A social account that runs itself, and says at once when it cannot."""
    if context.obj is not None:
        context.obj()


def _log_to_standard_error() -> None:
    """Masked; ``stonechat run`` and the demo set it up anew, as their settings say."""
    from stonechat.core.clock import SystemClock
    from stonechat.monitoring.logs import named_secrets, set_up

    set_up(level="WARNING", json=False, secrets=named_secrets(os.environ), clock=SystemClock())


@app.command(
    rich_help_panel="Run",
    epilog="Example: stonechat demo --posts 20 --report report.json",
)
@spoken
def demo(
    posts: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after so many posts are published, measured and learned from."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the figures to this file as JSON.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 7,
    speed: Annotated[float, typer.Option(min=1, help="Account seconds for each real second.")] = 1800.0,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Where the dashboard listens.")] = None,
    unkind: Annotated[
        bool,
        typer.Option(
            "--unkind/--kind",
            help="Whether the network alters texts, withholds entries and refuses as X does.",
        ),
    ] = True,
    network: Annotated[
        str,
        typer.Option(help="Which network the local one stands for (`stonechat doctor` lists them), or all."),
    ] = "",
) -> None:
    """Run the whole loop on a local network, on a faster clock; nothing leaves this machine."""
    from stonechat.cli.commands.demo import DemoOptions, run_demo

    options = DemoOptions(
        posts=posts, report=report, seed=seed, speed=speed, port=port, unkind=unkind, network=network
    )
    raise typer.Exit(run_async(run_demo(options)))


def _end(code: int) -> NoReturn:
    from stonechat.cli.signals import leave

    leave(code)
    raise typer.Exit(code)


@app.command(rich_help_panel="Run", epilog="Example: MODE=shadow stonechat run")
@spoken
def run() -> None:
    """Run the account until Ctrl-C. Starts in shadow mode until the owner goes live: `stonechat live`."""
    from stonechat.cli.commands.run import run as run_account

    _end(run_async(run_account()))


@app.command(
    rich_help_panel="Run", epilog="Example: DATABASE_URL=postgresql://… stonechat worker --port 8788"
)
@spoken
def worker(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of its health checks; 0 takes a free one.")
    ] = 0,
) -> None:
    """Add a host: the same settings and database as `stonechat run`, a share of the work, no pages."""
    from stonechat.cli.commands.run import work

    _end(run_async(work(port)))


@app.command(rich_help_panel="Look", epilog="Example: stonechat doctor --json")
def doctor(
    as_json: AsJson = False,
    model: Annotated[
        bool, typer.Option("--model", help="Ask the model one small question too, which is paid for.")
    ] = False,
) -> None:
    """Check everything that a run needs, and say how to mend what is wrong. Nothing is started."""
    from stonechat.cli.commands.doctor import doctor as examine

    raise typer.Exit(examine(as_json=as_json, ask_model=model))


@app.command(
    rich_help_panel="Look",
    epilog="Example: stonechat bench loop --json",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
@spoken
def bench(context: typer.Context) -> None:
    """From a checkout: measure side by side with others, in one run; `stonechat bench --help` lists them."""
    from stonechat.cli.commands.bench import bench as measure

    raise typer.Exit(measure(context.args))


_IN_SIGHT = {
    "meaning": "Nothing was done. Every user of this machine can read the words of a command while it runs.",
    "remedy": "Give the address by the environment: MOVE_TO=… for `stonechat db move`, OPENAI_BASE_URL=… for "
    "a model; or leave the password out and give it as PGPASSWORD=….",
}


def main() -> None:
    """The entry point. Words that are no text, or show a password, are refused before anything is done.

    What any command writes can be read by this user alone.
    """
    os.umask(0o077)
    for number, word in enumerate(sys.argv[1:], 1):
        if NO_TEXT.search(word):
            remedy = "Write it in UTF-8, without control characters."
            explain(InvalidInput(f"Word {number} of the command is no text: {word!a}.", remedy=remedy))
            sys.exit(2)
        if is_address_with_password(word):
            explain(InvalidInput(f"Word {number} of the command is an address with a password.", **_IN_SIGHT))
            sys.exit(2)
    app(obj=_log_to_standard_error)  # called by a command that runs, not for help, which loads nothing


if __name__ == "__main__":
    main()
