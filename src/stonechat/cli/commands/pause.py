"""``stonechat pause`` and ``mute``: what is not to happen, of all accounts or of one, until it may again."""

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


_Handle = Annotated[str, typer.Argument(help="Whom: a handle on the network, with or without @.")]
_Why = Annotated[str, typer.Option(help="Why; kept in the audit trail.")]


@spoken
def mute(handle: _Handle, account: _Account = None, why: _Why = "", as_json: AsJson = False) -> None:
    """Never reply to or quote somebody again; a reply that is written already is cancelled when it is due."""
    from stonechat.owner import authors

    do(lambda owner: authors.mute(owner, handle, account, why=why), as_json=as_json)


@spoken
def unmute(handle: _Handle, account: _Account = None, why: _Why = "", as_json: AsJson = False) -> None:
    """Allow replies to somebody again, who was muted or has asked for none."""
    from stonechat.owner import authors

    do(lambda owner: authors.unmute(owner, handle, account, why=why), as_json=as_json)


@spoken
def muted(as_json: AsJson = False) -> None:
    """Who gets no replies: muted by hand, or because they asked for it."""
    from stonechat.database.repositories import opportunities

    async def work() -> list[Any]:
        async with open_for_cli(read_stored()) as (database, _), database.read("cli.muted") as connection:
            return await opportunities.muted(connection)

    rows = run_async(work())
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("account_id", "handle"), title="Muted", empty="Nobody is muted.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    examples: dict[Callable[..., None], str] = {
        pause: "stonechat pause --why 'a bad day for jokes'",
        resume: "stonechat resume --account me",
        held: "stonechat held --json",
        mute: "stonechat mute @somebody --why 'they asked in a message'",
        unmute: "stonechat unmute @somebody --account me",
        muted: "stonechat muted --json",
    }
    for command, example in examples.items():
        app.command(command.__name__, rich_help_panel="Decide", epilog=f"Example: {example}")(command)
