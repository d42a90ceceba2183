"""``stonechat pause`` and ``resume``: posting is held, of all accounts or of one, and goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from stonechat.cli.actor import do
from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, spoken

_Account = Annotated[str | None, typer.Option("--account", help="Only this account; all by default.")]
_ALL = "all"


@spoken
def pause(
    account: _Account = None,
    why: Annotated[str, typer.Option(help="Why; shown wherever a post is held.")] = "",
    as_json: AsJson = False,
) -> None:
    """Hold every post and reply, at once and on every host; nothing is lost, reading goes on."""
    from stonechat.owner import posting

    do(lambda owner: posting.pause(owner, _ALL if account is None else account, why=why), as_json=as_json)


@spoken
def resume(
    account: _Account = None,
    why: Annotated[str, typer.Option(help="Why; kept in the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let posting go on, of all accounts or of one; what is late goes by each account's late policy."""
    from stonechat.owner import posting

    do(lambda owner: posting.resume(owner, _ALL if account is None else account, why=why), as_json=as_json)


@spoken
def held(as_json: AsJson = False) -> None:
    """What is held by hand: posting, accounts, jobs; since when, by whom and why."""
    from stonechat.database.repositories import accounts

    async def work() -> list[Any]:
        async with open_for_cli(read_stored()) as (database, _), database.read("cli.held") as connection:
            return await accounts.switched_off(connection)

    rows = run_async(work())
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("scope", "who", "why", "at"), title="Held", empty="Nothing is held by hand.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    examples: dict[Callable[..., None], str] = {
        pause: "stonechat pause --why 'a bad day for jokes'",
        resume: "stonechat resume --account me",
        held: "stonechat held --json",
    }
    for command, example in examples.items():
        app.command(command.__name__, rich_help_panel="Decide", epilog=f"Example: {example}")(command)
