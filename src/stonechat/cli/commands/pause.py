"""``stonechat pause`` and ``resume``: posting is held, of all accounts or of one, and goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from stonechat.cli.actor import who as _who
from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken

_Account = Annotated[str | None, typer.Option("--account", help="Only this account; all by default.")]
_ALL = "posting"


async def _known(connection: Any, account: str | None) -> str:
    """The scope of the switch.

    Raises:
        Permanent: there is no such account.
    """
    from stonechat.core.errors import Permanent
    from stonechat.database.repositories import accounts

    if account is None:
        return _ALL
    ids = [one.id for one in await accounts.every(connection)]
    matches = [one for one in ids if account in (one, one.partition(":")[2])]
    if len(matches) != 1:
        raise Permanent(
            f"There is no account {account!r}.",
            meaning="Nothing was changed.",
            remedy=f"Known: {', '.join(ids) or 'none yet; start `stonechat run` once'}.",
        )
    return f"{_ALL}/{matches[0]}"


@spoken
def pause(
    account: _Account = None,
    why: Annotated[str, typer.Option(help="Why; shown wherever a post is held.")] = "paused by hand",
) -> None:
    """Hold every post and reply, at once and on every host; nothing is lost, reading goes on."""
    from stonechat.database.repositories import accounts

    async def work() -> str:
        async with (
            open_for_cli(read_stored()) as (database, clock),
            database.begin("cli.pause") as connection,
        ):
            scope = await _known(connection, account)
            await accounts.switch_off(
                connection,
                scope,
                account_id=scope.partition("/")[2] or None,
                who=_who(),
                why=why,
                now=clock.now(),
            )
        return f"Posting is held{f' for {account}' if account else ''}. `stonechat resume` lets it go on."

    say(run_async(work()))


@spoken
def resume(account: _Account = None) -> None:
    """Let posting go on; what is late by now goes by each account's late policy."""
    from stonechat.database.repositories import accounts

    async def work() -> str:
        async with (
            open_for_cli(read_stored()) as (database, clock),
            database.begin("cli.resume") as connection,
        ):
            scope = await _known(connection, account)
            switches = await accounts.switched_off(connection)
            off = [one.scope for one in switches if one.scope == scope or _within(one.scope, account)]
            for one in off:
                await accounts.switch_on(connection, one, who=_who(), why="resumed by hand", now=clock.now())
        return "Posting goes on." if off else "Nothing was held."

    say(run_async(work()))


def _within(scope: str, account: str | None) -> bool:
    """Whether resuming all resumes this switch too."""
    return account is None and scope.startswith(f"{_ALL}/")


@spoken
def held(as_json: AsJson = False) -> None:
    """What is held by hand: posting, accounts, jobs; since when, by whom and why."""
    from dataclasses import asdict

    from stonechat.database.repositories import accounts

    async def work() -> list[dict[str, Any]]:
        async with open_for_cli(read_stored()) as (database, _), database.read("cli.held") as connection:
            return [asdict(one) for one in await accounts.switched_off(connection)]

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
