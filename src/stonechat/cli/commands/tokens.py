"""``stonechat tokens`` and ``stonechat mcp``: programs and agents that use the API, each in its scopes."""

from __future__ import annotations

from typing import Annotated

import typer

from stonechat.cli.actor import do, open_owner
from stonechat.cli.context import open_for_cli, read_section, read_stored, run_async
from stonechat.cli.output import AsJson, note, print_json, print_rows, say, spoken
from stonechat.core.errors import Permanent

tokens_app = typer.Typer(no_args_is_help=False, help="Tokens with which programs and agents use the API.")

_Name = Annotated[str, typer.Argument(help="What it is for, as you call it.")]


@tokens_app.callback(invoke_without_command=True)
@spoken
def tokens(context: typer.Context, as_json: AsJson = False) -> None:
    """Tokens with which programs and agents use the API; never the tokens themselves."""
    if context.invoked_subcommand is None:
        rows = run_async(_every())
        columns = ("name", "scopes", "created_at", "used_at", "revoked_at")
        if as_json:
            print_json(rows)
        else:
            print_rows(rows, columns, title="API tokens", empty="There is no token yet.")


async def _every() -> list[object]:
    from stonechat.database.repositories import tokens as rows

    async with open_for_cli(read_stored()) as (database, _), database.read("cli.tokens") as connection:
        return list(await rows.every(connection))


@tokens_app.command(epilog="Example: stonechat tokens create helper --scope read --scope draft")
@spoken
def create(
    name: _Name,
    scope: Annotated[
        list[str], typer.Option(help="What it may do: read, draft, approve or operate; once for each.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a token; it is printed this once and kept nowhere."""
    from stonechat.owner import tokens as actions

    async def work() -> tuple[object, str, str]:
        async with open_owner(read_stored()) as owner:
            done = await actions.create(owner, name, scope)
            return done.line, done.said, done.value.secret

    line, said, secret = run_async(work())
    if as_json:
        print_json({"said": said, "line": line, "token": secret})
    else:
        note(said)
        say(secret)


@tokens_app.command(epilog="Example: stonechat tokens revoke helper")
@spoken
def revoke(name: _Name, as_json: AsJson = False) -> None:
    """A token opens nothing any more."""
    from stonechat.owner import tokens as actions

    do(lambda owner: actions.revoke(owner, name), as_json=as_json)


@spoken
def mcp(
    token: Annotated[
        str,
        typer.Option(envvar="STONECHAT_TOKEN", help="A token with the scopes read and draft."),
    ] = "",
    address: Annotated[
        str,
        typer.Option(help="Where the pages are; those of this data folder by default."),
    ] = "",
) -> None:
    """Let an agent read figures, preview and draft: the Model Context Protocol on standard input and output.

    What it drafts waits in your inbox unless its token may approve.
    """
    from stonechat.cli.agent_server import serve
    from stonechat.config.settings import StartupSettings
    from stonechat.dashboard.command_access import read_access

    access = None if address else read_access(read_section(StartupSettings).data_dir)
    found = address or (access.address if access else "")
    if not found:
        raise Permanent(
            "No Stonechat runs on this data folder.",
            meaning="An agent has nobody to ask.",
            remedy="Start `stonechat run`, or give --address.",
        )
    if not token:
        raise Permanent(
            "No token is given.",
            meaning="An agent may do nothing without one.",
            remedy="`stonechat tokens create NAME --scope read --scope draft`, then set STONECHAT_TOKEN.",
        )
    serve(found, token)
